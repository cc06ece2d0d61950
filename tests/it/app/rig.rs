//! The service and a sandbox in this process, with a database of their own.

use std::sync::Arc;
use std::time::Duration;

use graph_mirror::app::{App, AppError, Parts, listen};
use graph_mirror::config::microsoft::CALLBACK_PATH;
use graph_mirror::config::{Environment, SandboxSettings, Settings};
use graph_mirror::model::ids::Owner;
use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::{Clock, ManualClock, SystemClock};
use graph_mirror::model::work::Wish;
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::sandbox::{Options, Sandbox, browser};
use graph_mirror::secrets::Keyring;
use graph_mirror::store::Backend;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::database::Database;

/// Waits for a state no longer than this; a machine under load needs some of it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Both, running.
pub struct Rig {
    pub sandbox: Sandbox,
    /// The clock of both: the machine's, until it is moved on.
    pub clock: ManualClock,
    pub parts: Parts,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), AppError>>,
    _database: Database,
}

impl Rig {
    /// Starts both. `knobs` are the sandbox's, `settings` further variables of the service.
    pub async fn start(
        backend: Backend,
        options: Options,
        knobs: Value,
        settings: &[(&str, &str)],
    ) -> Self {
        let database = Database::create(backend).await;
        Self::start_on(database, options, knobs, settings).await
    }

    /// The same on this database.
    pub async fn start_on(
        database: Database,
        options: Options,
        knobs: Value,
        settings: &[(&str, &str)],
    ) -> Self {
        let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
        sandbox.world().turn_knobs(&knobs).expect("the knobs exist");
        let listener = listen(([127, 0, 0, 1], 0).into())
            .await
            .expect("a port is free");
        let own_url = format!("http://{}", listener.local_addr().expect("it listens"));
        let told = serde_json::to_string(sandbox.settings()).expect("settings are JSON");
        let told: SandboxSettings = serde_json::from_str(&told).expect("settings are JSON");
        let mut environment = Environment::of([
            ("DATABASE_URL", database.url.clone()),
            ("PUBLIC_URL", own_url.clone()),
            ("LISTEN", own_url.trim_start_matches("http://").to_owned()),
            ("OAUTH_ENCRYPTION_KEY", Keyring::generate_key()),
            (
                "MICROSOFT_REDIRECT_URI",
                format!("{own_url}{CALLBACK_PATH}"),
            ),
        ]);
        for (name, value) in settings {
            environment = environment.with(name, *value);
        }
        let settings = Settings::read(&told.applied_to(environment)).expect("the settings hold");
        let clock = sandbox.clock();
        let parts = Parts::open(settings, Arc::new(clock.clone()))
            .await
            .expect("the database opens");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(App::of(parts.clone()).run(listener, stop.clone()));
        Self {
            sandbox,
            clock,
            parts,
            stop,
            serving,
            _database: database,
        }
    }

    fn owner() -> Owner {
        Owner::from("test")
    }

    /// Signs everybody in, the way a browser would.
    pub async fn connect(&self) {
        for user in &self.sandbox.settings().users {
            let begun = self
                .parts
                .sign_ins
                .begin(&Self::owner(), Some(&user.address))
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
        self.parts
            .store
            .mailboxes_list(Some(&Self::owner()))
            .await
            .expect("the database answers")
    }

    /// Whether every mailbox has been copied for the first time.
    pub async fn is_copied(&self) -> bool {
        let known = self.parts.store.mailboxes_list(Some(&Self::owner())).await;
        known.is_ok_and(|mailboxes| {
            let mut mailboxes = mailboxes.iter();
            mailboxes.len() > 0 && mailboxes.all(|mailbox| mailbox.backfilled_at.is_some())
        })
    }

    /// Waits until every mailbox has been copied for the first time.
    pub async fn copied(&self) {
        self.until("the first copy", async || self.is_copied().await)
            .await;
    }

    /// Waits for a state.
    pub async fn until(&self, what: &str, mut state: impl AsyncFnMut() -> bool) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while !state().await {
            assert!(tokio::time::Instant::now() < until, "{what} did not come");
            self.glance().await;
        }
    }

    /// An address of the service.
    pub fn address(&self, path: &str) -> String {
        format!("http://{}{path}", self.parts.settings.server.listen)
    }

    /// Makes random edits in every mailbox.
    pub fn edit(&self, count: usize, seed: u64) {
        for user in &self.sandbox.settings().users {
            let order = EditOrder {
                count,
                seed,
                kinds: Vec::new(),
            };
            let made = self
                .sandbox
                .world()
                .edit(&user.id, &order)
                .expect("the person exists");
            assert_eq!(made.len(), count);
        }
    }

    /// Waits until an audit, which repairs nothing, finds every mailbox equal to its copy.
    pub async fn equal(&self) {
        let until = tokio::time::Instant::now() + PATIENCE;
        for mailbox in self.mailboxes().await {
            loop {
                let found = self.verify(&mailbox).await;
                if found["equal"] == true {
                    break;
                }
                assert!(
                    tokio::time::Instant::now() < until,
                    "the mirror did not converge: {found}"
                );
                self.glance().await;
            }
        }
    }

    /// One audit.
    pub async fn verify(&self, mailbox: &Mailbox) -> Value {
        let store = &self.parts.store;
        let now = self.parts.clock.now();
        let command = store
            .command_add(mailbox.id, &Wish::Verify { repair: false }, now)
            .await
            .expect("the command is left");
        store
            .command_wait(mailbox.id, command, PATIENCE)
            .await
            .expect("the database answers")
            .expect("the audit ends")
            .expect("the audit succeeds")
    }

    /// The time between two looks at a state.
    async fn glance(&self) {
        SystemClock.sleep(Duration::from_millis(50)).await;
    }

    /// Ends both.
    pub async fn stop(self) {
        self.stop.cancel();
        self.serving
            .await
            .expect("the service does not panic")
            .expect("the service ends well");
        self.sandbox.stop().await;
    }
}
