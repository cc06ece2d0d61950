//! Plays a script with kills: the service is a process of its own on a database of its own, the sandbox stands in this one.
//!
//! Both run on the machine's time until the sandbox's clock is moved, which the service follows: past the leases that a killed
//! service leaves behind, and at the end to whatever rests until an instant. Then mirror and mailbox are compared as in any campaign.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::compare::{Difference, differences};
use super::feed;
use super::ground::Ground;
use super::life::Life;
use super::run::Played;
use super::script::{Act, Moment, Script};
use super::stage::{MONTHS, OWNER, WRITE_SCOPES};
use super::writes::{Held, Ledger, Person, WriteOrder};
use crate::app::{Parts, listen};
use crate::cli::loopback::{Told, settings};
use crate::cli::place::Place;
use crate::config::microsoft::CALLBACK_PATH;
use crate::mirror::{self, Window};
use crate::model::ids::Owner;
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::{Clock as _, ManualClock, SystemClock, Timestamp, later, until};
use crate::model::work::{CursorState, SubscriptionState};
use crate::sandbox::{Options, Sandbox, browser};
use crate::secrets::Keyring;
use crate::store::{MailboxMark, Priority, Store, StoreSettings};

/// As long as the lease of a mailbox, and a moment.
const LEASE: Duration = Duration::from_secs(31);

/// How long a service is waited for that was to be killed while it asked for something, and does not.
const ASKS_WITHIN: Duration = Duration::from_millis(1_500);

/// Real time in which something that is under way comes to its end.
const PATIENCE: Duration = Duration::from_mins(2);

/// What rests for less than this is waited for; to the end of a longer rest the clock is moved.
const SOON: Duration = Duration::from_secs(2);

/// After so many of these a mailbox that has not settled never will.
const LEAPS: usize = 60;

/// Beyond the end of every script.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// Between two looks at a state.
const GLANCE: Duration = Duration::from_millis(20);

/// What was sent has left after this long.
const SENT: Duration = Duration::from_millis(1_300);

/// Everything that one run needs.
struct Scene {
    sandbox: Sandbox,
    parts: Parts,
    clock: ManualClock,
    life: Life,
    places: Vec<Place>,
}

/// Plays a script in a database of its own.
pub(super) async fn play(
    script: &Script,
    ground: &Ground,
    program: &Path,
) -> anyhow::Result<Played> {
    let mut scene = Scene::set(script, ground, program).await?;
    let played = perform(script, &mut scene).await;
    scene.strike().await?;
    played
}

async fn perform(script: &Script, scene: &mut Scene) -> anyhow::Result<Played> {
    let mut played = Played::default();
    scene.connect().await?;
    let mut ledger = Ledger::default();
    let began_at = SystemClock.now();
    for step in &script.steps {
        SystemClock.sleep_until(later(began_at, step.at())).await;
        if let Act::Write { mailbox, order } = &step.act {
            scene.write(&mut ledger, *mailbox, order).await?;
            continue;
        }
        played.edits += scene.act(&step.act).await?;
        played.faults += usize::from(!step.act.is_edit());
    }
    scene.sandbox.world().clear_faults();
    scene
        .sandbox
        .world()
        .turn_knobs(&json!({ "send_changes_id": false }))?;
    SystemClock.sleep(SENT).await;
    if let Some(unsettled) = scene.settle(script.unpolled).await? {
        played.differences.push(unsettled);
    }
    let mut held = Vec::new();
    for mailbox in scene.mailboxes().await? {
        let window = Window::at(scene.clock.now(), MONTHS.0, MONTHS.1);
        let bounds = Some((window.start, window.end));
        let truth = scene.sandbox.world().truth(&mailbox.user_id.0, bounds)?;
        let truth = serde_json::from_str(&truth)?;
        let store = &scene.parts.store;
        let found = differences(store, mailbox.id, &truth).await?;
        let told = |found: &&Difference| !(script.unpolled && found.is_count_of_a_folder());
        played
            .differences
            .extend(found.iter().filter(told).map(ToString::to_string));
        played
            .differences
            .extend(feed::differences(store, &mailbox).await?);
        held.push(Held {
            mailbox: mailbox.id,
            user: mailbox.user_id.0.clone(),
            truth,
        });
    }
    (played.writes, played.sends) = ledger.counts();
    played
        .differences
        .extend(ledger.differences(&scene.parts.store, &held).await?);
    Ok(played)
}

/// What a mailbox still waits for.
struct Waits {
    what: String,
    /// Nothing happens before; `None` while it is under way.
    until: Option<Timestamp>,
}

impl Waits {
    fn for_now(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            until: None,
        }
    }

    fn until(instant: Timestamp, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            until: Some(instant),
        }
    }
}

impl Scene {
    /// Starts the sandbox and the service on an empty database, and kills it once while it sets that up.
    async fn set(script: &Script, ground: &Ground, program: &Path) -> anyhow::Result<Self> {
        let (place, url) = ground.bare_plot().await?;
        let (home, _) = Place::in_folder(&std::env::temp_dir(), "life")?;
        let Place::Folder(folder) = &home else {
            bail!("a folder was asked for");
        };
        let clock = ManualClock::running();
        let sandbox = Sandbox::start(Options {
            seed: script.seed,
            mailboxes: script.mailboxes,
            messages: Some(script.messages),
            ordinary_folders: Some(3),
            clock: Some(clock.clone()),
            seeded_at: Some(script.begins_at),
            ..Options::default()
        })
        .await?;
        sandbox.world().turn_knobs(&json!({
            "latency_ms": script.latency_ms, "notification_delay_min_ms": 5, "notification_delay_max_ms": 60,
        }))?;
        // Free a moment ago, and ours alone among the seeds that are played here.
        let port = listen(([127, 0, 0, 1], 0).into())
            .await?
            .local_addr()?
            .port();
        let own_url = format!("http://127.0.0.1:{port}");
        let polled = if script.unpolled { "9h" } else { "1s" };
        let variables = vec![
            ("CALENDAR_PAST_MONTHS", MONTHS.0.to_string()),
            ("CALENDAR_FUTURE_MONTHS", MONTHS.1.to_string()),
            ("PAGE_SIZE", script.page_size.to_string()),
            ("POLL_INTERVAL", polled.to_owned()),
            ("POLL_INTERVAL_WITHOUT_PUSH", polled.to_owned()),
            ("MICROSOFT_WRITE_SCOPES", WRITE_SCOPES.to_owned()),
            ("LOG", "off".to_owned()),
            ("OAUTH_ENCRYPTION_KEY", Keyring::generate_key()),
            (
                "MICROSOFT_REDIRECT_URI",
                format!("{own_url}{CALLBACK_PATH}"),
            ),
        ];
        let told = Told {
            database_url: &url,
            clock: Arc::new(clock.clone()),
            own_clock: None,
            store: StoreSettings {
                connections: 4,
                readers: 2,
                ..StoreSettings::default()
            },
            variables: &variables,
        };
        let settings = settings(&sandbox, &told, &own_url)?;
        let (store, our_clock) = (told.store, Arc::clone(&told.clock));
        let mut lives = variables;
        lives.extend([
            ("DATABASE_URL", url.clone()),
            ("LISTEN", own_url.trim_start_matches("http://").to_owned()),
            ("PUBLIC_URL", own_url.clone()),
        ]);
        let mut life = Life::of(
            program,
            folder,
            &sandbox.settings().control_url,
            &own_url,
            lives,
        );
        life.begin()?;
        SystemClock
            .sleep(Duration::from_millis(script.seed * 37 % 400))
            .await;
        life.kill()?;
        life.begin()?;
        life.answers().await?;
        let store = Store::open_with(&url, store, Arc::clone(&our_clock) as _).await?;
        let parts = Parts::around(settings, our_clock, store)?;
        Ok(Self {
            sandbox,
            parts,
            clock,
            life,
            places: vec![place, home],
        })
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        let owner = Owner::from(OWNER);
        for person in self.sandbox.settings().users.clone() {
            let begun = self
                .parts
                .sign_ins
                .begin(&owner, Some(&person.address))
                .await?;
            let landing = browser::open(begun.auth_url.as_str()).await?;
            if landing.status != 200 {
                bail!(
                    "a person could not sign in: the callback answered {}",
                    landing.status
                );
            }
        }
        // No audit comes before the comparison and hides what it would have healed.
        let never = later(self.clock.now(), NEVER);
        for mailbox in self.mailboxes().await? {
            let mut tx = self.parts.store.write(Priority::Live).await?;
            let mark = MailboxMark::AuditAt(Some(never));
            tx.mailbox_mark(mailbox.id, &[mark], self.clock.now())
                .await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// An application asks for something to be written.
    async fn write(
        &self,
        ledger: &mut Ledger,
        nth: usize,
        order: &WriteOrder,
    ) -> anyhow::Result<()> {
        let people: Vec<_> = self
            .sandbox
            .settings()
            .users
            .iter()
            .map(Person::from)
            .collect();
        let Some(person) = people.get(nth) else {
            bail!("the script names mailbox {nth}");
        };
        for mailbox in self.mailboxes().await? {
            if mailbox.user_id.0 == person.id {
                let (store, now) = (&self.parts.store, self.clock.now());
                ledger.ask(order, store, mailbox.id, &people, now).await?;
            }
        }
        Ok(())
    }

    /// Lets one thing happen; answers how many edits were made.
    async fn act(&mut self, act: &Act) -> anyhow::Result<usize> {
        let world = self.sandbox.world().clone();
        match act {
            Act::Edit { mailbox, order } => {
                let person = &self.sandbox.settings().users[*mailbox].id;
                return Ok(world.edit(person, order)?.len());
            }
            Act::ExpireTokens { kind } => drop(world.expire_delta_tokens(None, *kind)?),
            Act::LapseTokens => drop(world.lapse_tokens()),
            Act::Fault { rule } => drop(world.set_fault(rule.clone())?),
            Act::Knobs { knobs } => drop(world.turn_knobs(&knobs.clone().into())?),
            Act::Kill { moment } => {
                match moment {
                    Moment::Now => {}
                    Moment::Asking(path) => self.until_it_asks(path, "delay_ms").await?,
                    Moment::Answered(path) => self.until_it_asks(path, "hold_ms").await?,
                }
                self.dies().await?;
            }
            _ => bail!("this cannot happen in a script with kills: {act:?}"),
        }
        Ok(0)
    }

    /// Holds the next matching call, before it is carried out (`delay_ms`) or afterwards (`hold_ms`), and waits until it has come.
    async fn until_it_asks(&self, path: &str, held: &str) -> anyhow::Result<()> {
        let world = self.sandbox.world();
        let rule = json!({ "path": path, "times": 1, held: 25_000 });
        let id = world.set_fault(serde_json::from_value(rule)?)?;
        let patience = later(SystemClock.now(), ASKS_WITHIN);
        while world.faults().iter().any(|rule| rule.id == id) && SystemClock.now() < patience {
            SystemClock.sleep(Duration::from_millis(2)).await;
        }
        world.clear_fault(id);
        Ok(())
    }

    /// The service dies, and the next begins when its leases have ended. A post that is still on its way when the clock is moved
    /// would have taken longer than Graph allows, and Graph tells nothing to an endpoint that slow (F10.16).
    async fn dies(&mut self) -> anyhow::Result<()> {
        self.life.kill()?;
        let patience = later(SystemClock.now(), PATIENCE);
        while self.sandbox.world().deliveries().in_flight > 0 && SystemClock.now() < patience {
            SystemClock.sleep(GLANCE).await;
        }
        self.sandbox.world().advance(LEASE);
        self.life.begin()
    }

    async fn mailboxes(&self) -> anyhow::Result<Vec<Mailbox>> {
        Ok(self.parts.store.mailboxes_list(None).await?)
    }

    /// Waits until everything has been looked at, and nothing waits any more. Says what still does when that takes too long.
    async fn settle(&self, unpolled: bool) -> anyhow::Result<Option<String>> {
        let seen_from = (!unpolled).then_some(self.clock.now());
        let mut patience = later(SystemClock.now(), PATIENCE);
        let mut leaps = 0;
        while let Some(waits) = self.unsettled(seen_from).await? {
            let rest = waits.until.map(|instant| until(self.clock.now(), instant));
            let in_flight = self.sandbox.world().deliveries().in_flight;
            if rest.is_some_and(|rest| rest > SOON) && leaps < LEAPS && in_flight == 0 {
                leaps += 1;
                self.sandbox.world().advance(rest.unwrap_or_default());
                patience = later(SystemClock.now(), PATIENCE);
            }
            if SystemClock.now() > patience || leaps == LEAPS {
                let what = waits.what;
                return Ok(Some(format!("a mailbox did not settle: {what}")));
            }
            SystemClock.sleep(GLANCE).await;
        }
        Ok(None)
    }

    /// What still waits.
    async fn unsettled(&self, seen_from: Option<Timestamp>) -> anyhow::Result<Option<Waits>> {
        for mailbox in self.mailboxes().await? {
            let waits = self.waiting(&mailbox, seen_from).await?;
            if waits.is_some() {
                return Ok(waits);
            }
        }
        let deliveries = self.sandbox.world().deliveries();
        if deliveries.waiting + deliveries.in_flight == 0 {
            return Ok(None);
        }
        Ok(Some(Waits {
            what: format!("{} notifications to come", deliveries.waiting),
            until: deliveries.next_at.filter(|_| deliveries.in_flight == 0),
        }))
    }

    async fn waiting(
        &self,
        mailbox: &Mailbox,
        seen_from: Option<Timestamp>,
    ) -> anyhow::Result<Option<Waits>> {
        let store = &self.parts.store;
        if mailbox.state != MailboxState::Connected {
            return Ok(Some(Waits::for_now(format!("it is {:?}", mailbox.state))));
        }
        let not_before = mailbox.not_before.filter(|from| *from > self.clock.now());
        if let Some(from) = not_before {
            return Ok(Some(Waits::until(from, "Graph asked for patience")));
        }
        for cursor in store.cursors_list(mailbox.id).await? {
            let is_seen = seen_from.is_none_or(|from| cursor.round_started_at >= Some(from));
            if cursor.state != CursorState::Idle || cursor.is_dirty || !is_seen {
                let what = format!(
                    "a cursor is to be walked: {:?}, {:?}, {} failures",
                    cursor.scope, cursor.state, cursor.failures
                );
                return Ok(Some(Waits::until(cursor.due_at, what)));
            }
        }
        if mailbox.backfilled_at.is_none() {
            return Ok(Some(Waits::for_now("it is not copied")));
        }
        let listed_at = mailbox.calendars_at;
        if seen_from.is_some_and(|from| listed_at < Some(from)) {
            let what = "its calendars have not been listed";
            return Ok(Some(match listed_at {
                Some(at) => {
                    Waits::until(later(at, mirror::Settings::default().calendars_every), what)
                }
                None => Waits::for_now(what),
            }));
        }
        if let Some(command) = store.commands_waiting(mailbox.id).await?.first() {
            let what = format!(
                "a command: {}, begun {} times",
                command.wish.kind(),
                command.attempts
            );
            return Ok(Some(Waits {
                what,
                until: command.due_at,
            }));
        }
        if let Some(due_at) = store.notices_next_due(mailbox.id).await? {
            return Ok(Some(Waits::until(due_at, "a notice")));
        }
        let subscriptions = store.subscriptions_list(mailbox.id).await?;
        let what = "it is not subscribed to";
        if subscriptions.is_empty() {
            return Ok(Some(Waits::for_now(what)));
        }
        let inactive = subscriptions
            .iter()
            .find(|one| one.state != SubscriptionState::Active);
        Ok(inactive.map(|one| Waits {
            what: what.to_owned(),
            until: one.not_before,
        }))
    }

    /// Ends everything and clears the database away.
    async fn strike(mut self) -> anyhow::Result<()> {
        self.life.kill()?;
        self.parts.store.close().await;
        self.sandbox.stop().await;
        for place in &self.places {
            place.clear().await?;
        }
        Ok(())
    }
}
