//! The service and a sandbox in this process, on real loopback HTTP, with the mirror in memory.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use graph_mirror::app::{App, AppError, Parts, listen};
use graph_mirror::config::{Environment, SandboxSettings, Settings};
use graph_mirror::home::HomeSettings;
use graph_mirror::model::ids::Owner;
use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::SystemClock;
use graph_mirror::sandbox::{Options, Sandbox, browser};
use graph_mirror::secrets::Keyring;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::folder::scratch;

/// Both, running.
pub struct Rig {
    /// The Microsoft Graph of this process.
    pub sandbox: Sandbox,
    /// The service's parts.
    pub parts: Parts,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), AppError>>,
    folder: PathBuf,
}

impl Rig {
    /// Starts both. `knobs` are the sandbox's; `settings` are further variables of the service; `push` whether it subscribes.
    pub async fn start(
        options: Options,
        knobs: serde_json::Value,
        settings: &[(&str, &str)],
        push: bool,
    ) -> Self {
        let folder = scratch(&format!("rig-{}", uuid::Uuid::new_v4().simple()));
        let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
        sandbox.world().turn_knobs(&knobs).expect("the knobs exist");
        let listener = listen(([127, 0, 0, 1], 0).into())
            .await
            .expect("a port is free");
        let own_url = format!("http://{}", listener.local_addr().expect("it listens"));
        let told = serde_json::to_string(sandbox.settings()).expect("settings are JSON");
        let told: SandboxSettings = serde_json::from_str(&told).expect("settings are JSON");
        let mut environment = Environment::of([
            (
                "DATABASE_URL",
                format!("sqlite://{}", folder.join("mirror.db").display()),
            ),
            ("LISTEN", own_url.trim_start_matches("http://").to_owned()),
            ("OAUTH_ENCRYPTION_KEY", Keyring::generate_key()),
            (
                "MICROSOFT_REDIRECT_URI",
                format!(
                    "{own_url}{}",
                    graph_mirror::config::microsoft::CALLBACK_PATH
                ),
            ),
            ("PUBLIC_URL", if push { own_url } else { String::new() }),
        ]);
        for (name, value) in settings {
            environment = environment.with(name, *value);
        }
        let settings = Settings::read(&told.applied_to(environment)).expect("the settings hold");
        let parts = Parts::open(settings, Arc::new(SystemClock))
            .await
            .expect("the database opens");
        let stop = CancellationToken::new();
        let app = App::of(parts.clone()).with_homes(HomeSettings {
            poll: Duration::from_millis(500),
            ..HomeSettings::default()
        });
        let serving = tokio::spawn(app.run(listener, stop.clone()));
        Self {
            sandbox,
            parts,
            stop,
            serving,
            folder,
        }
    }

    /// Signs everybody in.
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
            assert_eq!(
                landing.status, 200,
                "the sign-in ends well: {}",
                landing.page
            );
        }
    }

    fn owner() -> Owner {
        Owner::from("bench")
    }

    /// The mailboxes as they are now.
    pub async fn mailboxes(&self) -> Vec<Mailbox> {
        self.parts
            .store
            .mailboxes_list(Some(&Self::owner()))
            .await
            .expect("the database answers")
    }

    /// Messages in the mirror.
    pub async fn messages(&self) -> i64 {
        let mut sum = 0;
        for mailbox in self.mailboxes().await {
            let counts = self.parts.store.mailbox_counts(mailbox.id).await;
            sum += counts.expect("the database answers").messages;
        }
        sum
    }

    /// Waits until every mailbox is copied.
    pub async fn copied(&self) {
        loop {
            let mailboxes = self.mailboxes().await;
            if mailboxes
                .iter()
                .all(|mailbox| mailbox.backfilled_at.is_some())
            {
                return;
            }
            // Seldom: the looks compete with what is measured.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Ends both and clears away.
    pub async fn stop(self) {
        self.stop.cancel();
        let ended = self.serving.await.expect("the service does not panic");
        ended.expect("the service ends well");
        self.sandbox.stop().await;
        let _ = std::fs::remove_dir_all(self.folder);
    }
}
