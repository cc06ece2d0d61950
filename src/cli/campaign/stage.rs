//! Sandbox, service and database of one run of a script: set before, struck afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::pace::Pace;
use super::script::{Script, at_rest};
use crate::app::App;
use crate::cli::loopback::{Loopback, Told};
use crate::cli::place::{Place, is_postgres};
use crate::home::HomeSettings;
use crate::mirror::{Restarts, Sabotage};
use crate::model::ids::Owner;
use crate::model::mailbox::Mailbox;
use crate::model::time::{ManualClock, SystemClock};
use crate::sandbox::world::World;
use crate::sandbox::{Options, UserSettings};
use crate::store::{Store, StoreError, StoreSettings};

/// Whose mailboxes they are.
pub(super) const OWNER: &str = "campaign";

/// Whole months of the calendar before the present one, and after it.
pub(super) const MONTHS: (u32, u32) = (0, 1);

/// How often every cursor is polled while push works.
pub(super) const POLLED_EVERY: Duration = Duration::from_mins(5);

/// Where the databases of a campaign come from: an empty one with its schema costs more than most scripts.
pub(super) struct Ground {
    place: Place,
    kind: Kind,
}

enum Kind {
    /// Copies of a file that was brought up to date once.
    Sqlite { folder: PathBuf, template: PathBuf },
    /// Schemas of a database.
    Postgres { url: String },
}

impl Ground {
    /// Prepared beside the file or in the database that `url` names; in a temporary folder when there is none.
    pub(super) async fn prepare(url: Option<&str>) -> anyhow::Result<Self> {
        if let Some(url) = url.filter(|url| is_postgres(url)) {
            return Ok(Self {
                place: Place::Kept,
                kind: Kind::Postgres {
                    url: url.to_owned(),
                },
            });
        }
        let parent = match url {
            None => std::env::temp_dir(),
            Some(url) => {
                let file = url.trim_start_matches("sqlite:").trim_start_matches("//");
                Path::new(file)
                    .parent()
                    .map(Path::to_owned)
                    .unwrap_or_default()
            }
        };
        let (place, template_url) = Place::in_folder(&parent, "campaign")?;
        let Place::Folder(folder) = &place else {
            anyhow::bail!("a folder was asked for");
        };
        let folder = folder.clone();
        match migrated(&template_url).await {
            Ok(()) => Ok(Self {
                place,
                kind: Kind::Sqlite {
                    template: folder.join("mirror.db"),
                    folder,
                },
            }),
            Err(error) => {
                place.clear().await?;
                Err(error.into())
            }
        }
    }

    /// A database for one run, and its address.
    async fn plot(&self) -> anyhow::Result<(Place, String)> {
        match &self.kind {
            Kind::Postgres { url } => Place::in_postgres(url, "campaign").await,
            Kind::Sqlite { folder, template } => {
                let (place, url) = Place::in_folder(folder, "seed")?;
                let file = url.trim_start_matches("sqlite://");
                std::fs::copy(template, file)
                    .with_context(|| format!("could not copy the empty database to {file}"))?;
                Ok((place, url))
            }
        }
    }

    /// A database without a schema for one run, and its address.
    pub(super) async fn bare_plot(&self) -> anyhow::Result<(Place, String)> {
        match &self.kind {
            Kind::Postgres { url } => Place::in_postgres(url, "campaign").await,
            Kind::Sqlite { folder, .. } => Place::in_folder(folder, "seed"),
        }
    }

    /// Leaves nothing behind.
    pub(super) async fn clear(&self) -> anyhow::Result<()> {
        self.place.clear().await
    }
}

async fn migrated(url: &str) -> Result<(), StoreError> {
    let store = Store::open_with(url, StoreSettings::default(), Arc::new(SystemClock)).await?;
    store.migrate().await?;
    store.close().await;
    Ok(())
}

/// Everything that one run needs.
pub(super) struct Stage {
    loopback: Loopback,
    place: Place,
    pub(super) clock: ManualClock,
    pub(super) pace: Pace,
}

impl Stage {
    /// Starts the sandbox and the service, as the script says.
    pub(super) async fn set(
        script: &Script,
        ground: &Ground,
        sabotage: Sabotage,
    ) -> anyhow::Result<Self> {
        let (place, url) = ground.plot().await?;
        let clock = ManualClock::standing_at(script.begins_at);
        match Self::begin(script, &url, &clock, sabotage).await {
            Ok(loopback) => Ok(Self {
                pace: Pace::new(clock.clone(), loopback.parts.store.clone()),
                loopback,
                place,
                clock,
            }),
            Err(error) => {
                place.clear().await?;
                Err(error)
            }
        }
    }

    async fn begin(
        script: &Script,
        url: &str,
        clock: &ManualClock,
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
            store: StoreSettings {
                connections: 4,
                readers: 2,
                durable: false,
            },
            variables: &[
                ("CALENDAR_PAST_MONTHS", MONTHS.0.to_string()),
                ("CALENDAR_FUTURE_MONTHS", MONTHS.1.to_string()),
                ("PAGE_SIZE", script.page_size.to_string()),
                ("POLL_INTERVAL", seconds(POLLED_EVERY)),
                ("POLL_INTERVAL_WITHOUT_PUSH", seconds(POLLED_EVERY / 2)),
            ],
        };
        let loopback = Loopback::begin(options, told, |app| habits(app, sabotage)).await?;
        loopback
            .sandbox
            .world()
            .turn_knobs(&json!({ "gzip": false }))?;
        Ok(loopback)
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
