//! What every scene stands on: a sandbox, a database, the public address, and how replicas come to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use graph_mirror::app::{App, AppError, Parts, listen};
use graph_mirror::cli::campaign::{differences, feed_differences};
use graph_mirror::config::microsoft::CALLBACK_PATH;
use graph_mirror::config::{Environment, SandboxSettings, Settings};
use graph_mirror::mirror::Window;
use graph_mirror::model::ids::Owner;
use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::{Clock, ManualClock, SystemClock, later};
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::sandbox::{Options, Sandbox, UserSettings, browser};
use graph_mirror::secrets::Signer;
use graph_mirror::store::Store;
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::front::Front;
use super::replica::{Begun, Replica};
use crate::support::database::Database;

/// A state is waited for no longer than this; a machine under load needs some of it.
const PATIENCE: Duration = Duration::from_mins(2);

/// So soon the mirror is equal by notifications alone: a minute after a change its folder is polled all the same.
const UNPOLLED: Duration = Duration::from_secs(40);

/// As long as a lease lasts, and a moment.
pub const LEASE: Duration = Duration::from_secs(31);

/// Months of the calendar that are mirrored, each way.
const MONTHS: u32 = 1;

/// Edits that Graph tells of; folders and calendars come to light by polling only.
const ANNOUNCED: [&str; 12] = [
    "message_deliver",
    "draft_create",
    "draft_edit",
    "message_read",
    "message_flag",
    "message_categorise",
    "message_move",
    "message_delete",
    "event_create",
    "event_edit",
    "event_delete",
    "series_create",
];

/// Everything but the replicas.
pub struct Stage {
    /// The Microsoft Graph of the scene, in this process.
    pub sandbox: Sandbox,
    /// Its clock: the machine's, until it is moved on.
    pub clock: ManualClock,
    /// Where Graph reaches the replicas.
    pub front: Front,
    /// The mirror, as an application beside the replicas reads it.
    pub store: Store,
    parts: Parts,
    told: Vec<(&'static str, String)>,
    leases: PgPool,
    folder: TempDir,
    _database: Database,
}

/// A replica in this process, on the sandbox's clock.
pub struct Neighbour {
    /// Where it listens.
    pub address: SocketAddr,
    process: u32,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), AppError>>,
}

impl Stage {
    /// So many mailboxes and no replica. `knobs` are the sandbox's, `further` variables of every replica.
    pub async fn set(
        database: Database,
        mailboxes: usize,
        knobs: &Value,
        further: &[(&'static str, &str)],
    ) -> Self {
        let sandbox = Sandbox::start(Options {
            mailboxes,
            messages: Some(20),
            ordinary_folders: Some(3),
            ..Options::default()
        })
        .await
        .expect("the sandbox starts");
        let world = sandbox.world();
        world.turn_knobs(knobs).expect("the knobs exist");
        let soon = json!({ "notification_delay_min_ms": 5, "notification_delay_max_ms": 60 });
        world.turn_knobs(&soon).expect("the knobs exist");
        let front = Front::open().await;
        let mut told = vec![
            ("DATABASE_URL", database.url.clone()),
            ("DATABASE_POOL_SIZE", "6".to_owned()),
            ("LISTEN", "127.0.0.1:0".to_owned()),
            ("PUBLIC_URL", front.url.clone()),
            (
                "MICROSOFT_REDIRECT_URI",
                format!("{}{CALLBACK_PATH}", front.url),
            ),
            ("CALENDAR_PAST_MONTHS", MONTHS.to_string()),
            ("CALENDAR_FUTURE_MONTHS", MONTHS.to_string()),
            // Nothing is polled.
            ("POLL_INTERVAL", "9h".to_owned()),
            ("POLL_INTERVAL_WITHOUT_PUSH", "9h".to_owned()),
        ];
        told.extend(
            further
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let clock = sandbox.clock();
        let shared = Arc::new(clock.clone());
        let store = Store::open(&database.url, shared.clone())
            .await
            .expect("the database opens");
        let parts = Parts::around(settings(&sandbox, &told), shared, store.clone())
            .expect("the parts fit together");
        let leases = PgPool::connect(&database.url)
            .await
            .expect("the database opens");
        Self {
            sandbox,
            clock,
            front,
            store,
            parts,
            told,
            leases,
            folder: tempfile::tempdir().expect("a temporary folder"),
            _database: database,
        }
    }

    /// Starts a replica as a process of its own; does not wait until it is ready.
    pub fn begin(&self, name: &str) -> Begun {
        let control_url = &self.sandbox.settings().control_url;
        Replica::begin(self.folder.path(), name, control_url, &self.told)
    }

    /// Starts a replica in this process.
    pub async fn neighbour(&self) -> Neighbour {
        let clock = Arc::new(self.clock.clone());
        let parts = Parts::open(settings(&self.sandbox, &self.told), clock)
            .await
            .expect("the database opens");
        let listener = listen(([127, 0, 0, 1], 0).into())
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(App::of(parts).run(listener, stop.clone()));
        Neighbour {
            address,
            process: std::process::id(),
            stop,
            serving,
        }
    }

    /// The people who have a mailbox.
    pub fn people(&self) -> &[UserSettings] {
        &self.sandbox.settings().users
    }

    /// Signs everybody in, the way a browser would.
    pub async fn connect(&self) {
        for person in self.people() {
            let begun = self
                .parts
                .sign_ins
                .begin(&Owner::from("test"), Some(&person.address))
                .await
                .expect("a sign-in begins");
            let landing = browser::open(begun.auth_url.as_str())
                .await
                .expect("the page loads");
            assert_eq!(landing.status, 200, "{}", landing.page);
        }
    }

    /// The mailboxes as they are now.
    pub async fn mailboxes(&self) -> Vec<Mailbox> {
        let mailboxes = self.store.mailboxes_list(None).await;
        mailboxes.expect("the database answers")
    }

    /// Waits until every mailbox has been copied for the first time, and nothing is left to look at.
    pub async fn copied(&self) {
        until("the first copy", async || {
            let mailboxes = self.mailboxes().await;
            mailboxes.len() == self.people().len()
                && mailboxes
                    .iter()
                    .all(|mailbox| mailbox.backfilled_at.is_some())
                && self.notices().await == 0
        })
        .await;
    }

    /// Makes random edits in every mailbox.
    pub fn edit(&self, count: usize, seed: u64) {
        for person in self.people() {
            let order = EditOrder {
                count,
                seed,
                kinds: ANNOUNCED.map(str::to_owned).to_vec(),
            };
            let made = self.sandbox.world().edit(&person.id, &order);
            assert_eq!(made.expect("the person exists").len(), count);
        }
    }

    /// Who holds the leases now.
    pub async fn holders(&self) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT lease_holder FROM mailboxes WHERE lease_holder IS NOT NULL ORDER BY id",
        )
        .fetch_all(&self.leases)
        .await
        .expect("the database answers")
    }

    /// Notices that wait to be looked at.
    pub async fn notices(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM notices")
            .fetch_one(&self.leases)
            .await
            .expect("the database answers")
    }

    /// Notifications that wait for their subscription to become known.
    pub async fn parked(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM parked_notices")
            .fetch_one(&self.leases)
            .await
            .expect("the database answers")
    }

    /// What signs notifications.
    pub fn signer(&self) -> &Signer {
        &self.parts.signer
    }

    /// Waits until Graph has nothing more to tell.
    pub async fn told(&self) {
        until("the last notification", async || {
            let deliveries = self.sandbox.world().deliveries();
            deliveries.waiting + deliveries.in_flight == 0
        })
        .await;
    }

    /// Waits until every mailbox equals its mirror, with a feed that tells how it came to that, and that Graph's limits were kept
    /// by all replicas together.
    pub async fn equal(&self) {
        let patience = later(SystemClock.now(), UNPOLLED);
        loop {
            let found = self.differences().await;
            if found.is_empty() {
                break;
            }
            assert!(
                SystemClock.now() < patience,
                "the mirror is not equal, {} differences, the first of them:\n{}",
                found.len(),
                found[..found.len().min(10)].join("\n")
            );
            glance().await;
        }
        let stats = self.sandbox.world().lock().stats.clone();
        assert_eq!(stats.throttled, 0, "the limits were kept");
        assert!(stats.max_concurrency <= 4, "{}", stats.max_concurrency);
    }

    async fn differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        let window = Window::at(self.clock.now(), MONTHS, MONTHS);
        for mailbox in self.mailboxes().await {
            let world = self.sandbox.world();
            let truth = world
                .truth(&mailbox.user_id.0, Some((window.start, window.end)))
                .expect("the person exists");
            let truth = serde_json::from_str(&truth).expect("the truth is JSON");
            let rows = differences(&self.store, mailbox.id, &truth)
                .await
                .expect("the database answers");
            let told = rows.iter().filter(|row| !row.is_count_of_a_folder());
            found.extend(told.map(ToString::to_string));
            let feed = feed_differences(&self.store, &mailbox).await;
            found.extend(feed.expect("the database answers"));
        }
        found
    }

    /// Ends the sandbox.
    pub async fn strike(self) {
        self.sandbox.stop().await;
        self.store.close().await;
        self.leases.close().await;
    }
}

impl Neighbour {
    /// Whether this is how it signs its leases.
    pub fn signs(&self, holder: &str) -> bool {
        holder.starts_with(&format!("{}-", self.process))
    }

    /// Ends it.
    pub async fn ends(self) {
        self.stop.cancel();
        let served = self.serving.await.expect("it does not panic");
        served.expect("it ends well");
    }
}

fn settings(sandbox: &Sandbox, told: &[(&'static str, String)]) -> Settings {
    let said = serde_json::to_string(sandbox.settings()).expect("settings are JSON");
    let said: SandboxSettings = serde_json::from_str(&said).expect("settings are JSON");
    let environment = Environment::of(told.iter().cloned());
    Settings::read(&said.applied_to(environment)).expect("the settings hold")
}

/// Waits for a state.
pub async fn until(what: &str, mut state: impl AsyncFnMut() -> bool) {
    let patience = later(SystemClock.now(), PATIENCE);
    while !state().await {
        assert!(SystemClock.now() < patience, "{what} did not come");
        glance().await;
    }
}

/// The time between two looks at a state.
async fn glance() {
    SystemClock.sleep(Duration::from_millis(20)).await;
}
