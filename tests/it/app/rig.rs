//! The service and a sandbox in this process, with a database of their own.

use std::ops::Deref;
use std::time::Duration;

use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::{Clock, ManualClock, SystemClock};
use graph_mirror::model::work::Wish;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::store::Backend;
use serde_json::Value;

use crate::support::database::Database;
use service::{Service, Start};

#[path = "../../../benches/support/service.rs"]
mod service;

/// Waits for a state no longer than this; a machine under load needs some of it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Both, running.
pub struct Rig {
    service: Service,
    /// The clock of both: the machine's, until it is moved on.
    pub clock: ManualClock,
    _database: Database,
}

impl Deref for Rig {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl Rig {
    /// Waits until some messages of the first copy are there, and not all.
    pub async fn copy_has_begun(&self) {
        self.until("the first rows", async || {
            let mailbox = &self.mailboxes().await[0];
            let counts = self.parts.store.mailbox_counts(mailbox.id).await;
            counts.expect("the database answers").messages > 0
        })
        .await;
        let is_copied = self.mailboxes().await[0].backfilled_at.is_some();
        assert!(!is_copied, "the first copy was over already");
    }

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
        let start = Start {
            options,
            knobs,
            database: database.url.clone(),
            settings,
            push: true,
            homes: None,
        };
        let service = Service::start(start, None).await;
        Self {
            clock: service.sandbox.clock(),
            service,
            _database: database,
        }
    }

    /// Whether every mailbox has been copied for the first time.
    pub async fn is_copied(&self) -> bool {
        let known = self
            .parts
            .store
            .mailboxes_list(Some(&Service::owner()))
            .await;
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
        self.service.stop().await;
    }
}
