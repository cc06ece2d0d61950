//! Sandbox, service and database of one run of a script: set before, struck afterwards.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::ground::Ground;
use super::halt::HaltClock;
use super::pace::{Pace, Restless};
use super::script::{Script, at_rest};
use super::wire::Wire;
use crate::app::App;
use crate::cli::loopback::{Loopback, Told};
use crate::cli::place::{Place, is_postgres};
use crate::home::HomeSettings;
use crate::mirror::{Restarts, Sabotage};
use crate::model::ids::Owner;
use crate::model::mailbox::Mailbox;
use crate::model::time::{Clock as _, ManualClock, Timestamp, later};
use crate::sandbox::faults::FaultRule;
use crate::sandbox::world::World;
use crate::sandbox::{Options, UserSettings};
use crate::store::trouble::{self, Trouble, Troubled};
use crate::store::{Store, StoreSettings};

/// Whose mailboxes they are.
pub(super) const OWNER: &str = "campaign";

/// Whole months of the calendar before the present one, and after it.
pub(super) const MONTHS: (u32, u32) = (0, 1);

/// How often every cursor is polled while push works.
pub(super) const POLLED_EVERY: Duration = Duration::from_mins(5);

/// What an application may write; nothing differs for those that only read.
pub(super) const WRITE_SCOPES: &str = "Mail.ReadWrite Mail.Send Calendars.ReadWrite";

/// Everything that one run needs.
pub(super) struct Stage {
    loopback: Loopback,
    place: Place,
    pub(super) clock: ManualClock,
    pub(super) pace: Pace,
    /// The database, past the wire.
    url: String,
    /// What carries the connections to PostgreSQL.
    wire: Option<Wire>,
    /// The clock of each of the services.
    clocks: Vec<HaltClock>,
    /// Which of them stands still, and until when.
    paused: Cell<Option<(usize, Timestamp)>>,
    /// How the database fails at present.
    troubles: RefCell<Vec<Troubled>>,
}

/// A service that is to stand still once it asks for something is waited for so long.
const ASKS_WITHIN: Duration = Duration::from_mins(6);

/// Between two looks whether it has.
const GLANCE: Duration = Duration::from_millis(250);

/// It stands still a little longer than the answer takes.
const DROWSY: Duration = Duration::from_secs(3);

impl Stage {
    /// Starts the sandbox and the service, as the script says.
    pub(super) async fn set(
        script: &Script,
        ground: &Ground,
        sabotage: Sabotage,
    ) -> anyhow::Result<Self> {
        let (place, url) = ground.plot().await?;
        let wire = if is_postgres(&url) {
            Some(Wire::to(&url).await?)
        } else {
            None
        };
        let clock = ManualClock::standing_at(script.begins_at);
        let clocks: Vec<_> = (0..script.replicas.max(1))
            .map(|_| HaltClock::new(clock.clone()))
            .collect();
        let reached_at = wire.as_ref().map_or(&url, |wire| &wire.url);
        let begun = begin(script, reached_at, (&clock, &clocks), sabotage).await;
        let loopback = match begun {
            Ok(loopback) => loopback,
            Err(error) => {
                place.clear().await?;
                return Err(error);
            }
        };
        Ok(Self {
            pace: Pace::new(clock.clone(), loopback.parts.store.clone()),
            loopback,
            place,
            clock,
            url,
            wire,
            clocks,
            paused: Cell::default(),
            troubles: RefCell::default(),
        })
    }

    pub(super) fn world(&self) -> &World {
        self.loopback.sandbox.world()
    }

    pub(super) fn store(&self) -> &Store {
        &self.loopback.parts.store
    }

    /// The people, in the order of the seed.
    pub(super) fn people(&self) -> &[UserSettings] {
        &self.loopback.sandbox.settings().users
    }

    /// Signs everybody in. What the script has in store for Graph begins afterwards.
    pub(super) async fn connect(&self, script: &Script) -> anyhow::Result<()> {
        for person in self.people() {
            self.sign_in(&person.address).await?;
        }
        self.world().turn_knobs(&at_rest(script))?;
        Ok(())
    }

    /// Signs a person in, while the clock stands: a page that loads makes no clock go.
    pub(super) async fn sign_in(&self, address: &str) -> anyhow::Result<()> {
        self.loopback.sign_in(&Owner::from(OWNER), address).await
    }

    /// Lets time pass, and whoever stood still go on when it is time for that.
    pub(super) async fn pass_until(&self, instant: Timestamp) -> Result<(), Restless> {
        if let Some((_, wakes_at)) = self.paused.get()
            && wakes_at <= instant
        {
            self.all_awake().await?;
        }
        self.pace.pass_until(instant).await
    }

    /// Has the service that serves a person's mailbox stand still as soon as it asks for something, until after the answer, which
    /// is as old as `seconds` then. The other takes over meanwhile. Nobody stands still when nobody asks for it.
    pub(super) async fn pause(&self, person: &str, path: &str, seconds: u64) -> anyhow::Result<()> {
        self.all_awake().await?;
        let world = self.world();
        let rule = FaultRule {
            path: path.to_owned(),
            times: Some(1),
            hold_ms: seconds * 1_000,
            ..FaultRule::default()
        };
        let id = world.set_fault(rule)?;
        let is_set = || world.faults().iter().any(|rule| rule.id == id);
        let patience = later(self.clock.now(), ASKS_WITHIN);
        while is_set() {
            if self.clock.now() > patience {
                return Ok(());
            }
            let soon = later(self.clock.now(), GLANCE);
            self.pace.pass_until(soon).await?;
        }
        let mut mailboxes = self.mailboxes().await?.into_iter();
        let Some(mailbox) = mailboxes.find(|mailbox| mailbox.user_id.0 == person) else {
            bail!("the script names a mailbox that is not connected");
        };
        let holder = self.store().lease_holder(mailbox.id).await?;
        let holders = &self.loopback.holders;
        let who = holders
            .iter()
            .position(|name| Some(name) == holder.as_ref());
        if let Some(who) = who {
            self.clocks[who].hold();
            let wakes_at = later(self.clock.now(), Duration::from_secs(seconds) + DROWSY);
            self.paused.set(Some((who, wakes_at)));
        }
        Ok(())
    }

    /// Waits until nobody stands still any more.
    pub(super) async fn all_awake(&self) -> Result<(), Restless> {
        if let Some((who, wakes_at)) = self.paused.take() {
            self.pace.pass_until(wakes_at).await?;
            self.clocks[who].let_go();
        }
        Ok(())
    }

    /// The database fails from now on.
    pub(super) async fn fail(&self, trouble: Trouble) -> anyhow::Result<()> {
        let begun = trouble::begin(self.store(), &self.url, trouble).await?;
        self.troubles.borrow_mut().push(begun);
        Ok(())
    }

    /// The database is away for a moment, again and again.
    pub(super) async fn away(&self, pieces: &[u64]) -> anyhow::Result<()> {
        match &self.wire {
            Some(wire) => wire.cut_after(pieces.to_vec()),
            None => self.fail(Trouble::Busy).await?,
        }
        Ok(())
    }

    /// The database is well again.
    pub(super) async fn mend(&self) -> anyhow::Result<()> {
        if let Some(wire) = &self.wire {
            wire.cut_after(Vec::new());
        }
        let troubles = self.troubles.take();
        for troubled in troubles {
            trouble::end(self.store(), &self.url, troubled).await?;
        }
        Ok(())
    }

    /// What was noted in the database meanwhile.
    pub(super) async fn notes(&self) -> anyhow::Result<Vec<String>> {
        Ok(trouble::noted(self.store()).await?)
    }

    /// The mailboxes as they are now.
    pub(super) async fn mailboxes(&self) -> anyhow::Result<Vec<Mailbox>> {
        Ok(self.store().mailboxes_list(None).await?)
    }

    /// Stops everything and clears the database away.
    pub(super) async fn strike(self) -> anyhow::Result<()> {
        let ended = self.loopback.end().await;
        self.place.clear().await?;
        ended
    }
}

/// Starts the sandbox, and as many services on one database as there are clocks.
async fn begin(
    script: &Script,
    url: &str,
    (clock, clocks): (&ManualClock, &[HaltClock]),
    sabotage: Sabotage,
) -> anyhow::Result<Loopback> {
    let options = Options {
        seed: script.seed,
        mailboxes: script.mailboxes,
        messages: Some(script.messages),
        ordinary_folders: Some(3),
        body_bytes: Some(400),
        clock: Some(clock.clone()),
        ..Options::default()
    };
    let seconds = |duration: Duration| format!("{}s", duration.as_secs());
    let told = Told {
        database_url: url,
        clock: Arc::new(clock.clone()),
        own_clock: Some(Arc::new(clocks[0].clone())),
        store: StoreSettings {
            connections: 4,
            readers: 2,
            durable: false,
            trusts_every_lease: sabotage.trusts_every_lease,
        },
        variables: &[
            ("CALENDAR_PAST_MONTHS", MONTHS.0.to_string()),
            ("CALENDAR_FUTURE_MONTHS", MONTHS.1.to_string()),
            ("PAGE_SIZE", script.page_size.to_string()),
            ("MICROSOFT_WRITE_SCOPES", WRITE_SCOPES.to_owned()),
            ("POLL_INTERVAL", seconds(POLLED_EVERY)),
            ("POLL_INTERVAL_WITHOUT_PUSH", seconds(POLLED_EVERY / 2)),
        ],
    };
    let mut loopback = Loopback::begin(options, told, |app| habits(app, sabotage)).await?;
    for clock in &clocks[1..] {
        let clock = Arc::new(clock.clone());
        loopback.join(clock, |app| habits(app, sabotage)).await?;
    }
    loopback
        .sandbox
        .world()
        .turn_knobs(&json!({ "gzip": false }))?;
    Ok(loopback)
}

/// What differs from how `serve` runs: no audit comes before the comparison and hides what it would have healed, and what only
/// looks whether there is work looks less often.
fn habits(app: App, sabotage: Sabotage) -> App {
    const NEVER: Duration = Duration::from_hours(24 * 3_650);
    app.with_schedules_by_its_clock()
        .with_homes(HomeSettings {
            poll: Duration::from_secs(20),
            beat: Duration::from_secs(20),
            lease: Duration::from_mins(1),
            ..HomeSettings::default()
        })
        .with_mirroring(|settings| {
            settings.first_audit_after = NEVER;
            settings.audit_every = NEVER;
            settings.restarts = Restarts::default();
            settings.sabotage = sabotage;
        })
}
