//! A sandbox and the service beside it, in this process: what the tests of the whole service and the benchmarks share.
//!
//! It waits for nothing and measures nothing; what a test or a benchmark does with the two is its own.

use std::sync::Arc;

use graph_mirror::app::{App, AppError, Parts, listen};
use graph_mirror::config::microsoft::CALLBACK_PATH;
use graph_mirror::config::{Environment, SandboxSettings, Settings};
use graph_mirror::home::HomeSettings;
use graph_mirror::model::ids::Owner;
use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::SharedClock;
use graph_mirror::sandbox::{Options, Sandbox, browser};
use graph_mirror::secrets::Keyring;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Both, running.
pub struct Service {
    /// The Microsoft Graph of this process.
    pub sandbox: Sandbox,
    /// The service's parts.
    pub parts: Parts,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), AppError>>,
}

/// How to start it.
pub struct Start<'a> {
    /// The sandbox.
    pub options: Options,
    /// Its knobs.
    pub knobs: Value,
    /// The service's database.
    pub database: String,
    /// Further variables of the service.
    pub settings: &'a [(&'a str, &'a str)],
    /// Whether it subscribes.
    pub push: bool,
    /// How its homes are kept, where that is not as the settings say.
    pub homes: Option<HomeSettings>,
}

impl Service {
    /// Starts both; the service on the sandbox's clock or on another one.
    pub async fn start(start: Start<'_>, clock: Option<SharedClock>) -> Self {
        let sandbox = Sandbox::start(start.options)
            .await
            .expect("the sandbox starts");
        sandbox
            .world()
            .turn_knobs(&start.knobs)
            .expect("the knobs exist");
        let listener = listen(([127, 0, 0, 1], 0).into())
            .await
            .expect("a port is free");
        let own_url = format!("http://{}", listener.local_addr().expect("it listens"));
        let told = serde_json::to_string(sandbox.settings()).expect("settings are JSON");
        let told: SandboxSettings = serde_json::from_str(&told).expect("settings are JSON");
        let mut environment = Environment::of([
            ("DATABASE_URL", start.database),
            ("LISTEN", own_url.trim_start_matches("http://").to_owned()),
            ("OAUTH_ENCRYPTION_KEY", Keyring::generate_key()),
            (
                "MICROSOFT_REDIRECT_URI",
                format!("{own_url}{CALLBACK_PATH}"),
            ),
            (
                "PUBLIC_URL",
                if start.push { own_url } else { String::new() },
            ),
        ]);
        for (name, value) in start.settings {
            environment = environment.with(name, *value);
        }
        let settings = Settings::read(&told.applied_to(environment)).expect("the settings hold");
        let clock = clock.unwrap_or_else(|| Arc::new(sandbox.clock()));
        let parts = Parts::open(settings, clock)
            .await
            .expect("the database opens");
        let stop = CancellationToken::new();
        let mut app = App::of(parts.clone());
        if let Some(homes) = start.homes {
            app = app.with_homes(homes);
        }
        let serving = tokio::spawn(app.run(listener, stop.clone()));
        Self {
            sandbox,
            parts,
            stop,
            serving,
        }
    }

    /// Who owns the mailboxes.
    pub fn owner() -> Owner {
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
