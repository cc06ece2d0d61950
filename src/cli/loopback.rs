//! A sandbox and a service in this process, speaking to each other over loopback.
//!
//! The demo and the campaigns both run this; nothing in it reaches into the service, which is the one that `serve` runs.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError, Parts};
use crate::config::microsoft::CALLBACK_PATH;
use crate::config::{Environment, SandboxSettings, Settings};
use crate::model::ids::Owner;
use crate::model::time::SharedClock;
use crate::sandbox::{Options, Sandbox, browser};
use crate::secrets::Keyring;
use crate::store::{Store, StoreSettings};

/// Both, running.
pub(super) struct Loopback {
    pub(super) sandbox: Sandbox,
    pub(super) parts: Parts,
    pub(super) own_url: String,
    serving: Vec<JoinHandle<Result<(), AppError>>>,
    stop: CancellationToken,
    /// The names under which the services hold leases, in the order of their beginning.
    pub(super) holders: Vec<String>,
}

/// What the service is told beyond where its sandbox is.
pub(super) struct Told<'a> {
    /// Its database.
    pub(super) database_url: &'a str,
    /// The clock of its database, and its own unless it has another.
    pub(super) clock: SharedClock,
    /// Its own clock, where it is another.
    pub(super) own_clock: Option<SharedClock>,
    /// How its database is opened.
    pub(super) store: StoreSettings,
    /// Further variables.
    pub(super) variables: &'a [(&'static str, String)],
}

impl Loopback {
    /// Starts the sandbox, then the service, changed by `change` before it runs.
    pub(super) async fn begin(
        options: Options,
        told: Told<'_>,
        change: impl FnOnce(App) -> App,
    ) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(options).await?;
        let listener = crate::app::listen(([127, 0, 0, 1], 0).into()).await?;
        let own_url = format!("http://{}", listener.local_addr()?);
        let settings = settings(&sandbox, &told, &own_url)?;
        let store =
            Store::open_with(told.database_url, told.store, Arc::clone(&told.clock)).await?;
        store.migrate().await?;
        let clock = told.own_clock.unwrap_or(told.clock);
        let parts = Parts::around(settings, clock, store)?;
        let stop = CancellationToken::new();
        let app = change(App::of(parts.clone()));
        Ok(Self {
            holders: vec![app.holder().to_owned()],
            serving: vec![tokio::spawn(app.run(listener, stop.clone()))],
            sandbox,
            parts,
            own_url,
            stop,
        })
    }

    /// Starts another service on the same database, with a clock of its own; Graph knows only the first one's address.
    pub(super) async fn join(
        &mut self,
        clock: SharedClock,
        change: impl FnOnce(App) -> App,
    ) -> anyhow::Result<()> {
        let listener = crate::app::listen(([127, 0, 0, 1], 0).into()).await?;
        let settings = Settings::clone(&self.parts.settings);
        let parts = Parts::around(settings, clock, self.parts.store.clone())?;
        let app = change(App::of(parts));
        self.holders.push(app.holder().to_owned());
        self.serving
            .push(tokio::spawn(app.run(listener, self.stop.clone())));
        Ok(())
    }

    /// Signs a person in, the way a browser would.
    pub(super) async fn sign_in(&self, owner: &Owner, address: &str) -> anyhow::Result<()> {
        let begun = self.parts.sign_ins.begin(owner, Some(address)).await?;
        let landing = browser::open(begun.auth_url.as_str()).await?;
        if landing.status != 200 {
            bail!(
                "{address} could not sign in: the callback answered {}",
                landing.status
            );
        }
        Ok(())
    }

    /// Stops everything.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        let mut served = Ok(());
        for serving in self.serving {
            let ended = serving.await.context("the service ended badly");
            served = served.and(ended.and_then(|ended| Ok(ended?)));
        }
        self.sandbox.stop().await;
        served
    }
}

/// The settings of a service that is told this and speaks to this sandbox.
pub(super) fn settings(
    sandbox: &Sandbox,
    told: &Told<'_>,
    own_url: &str,
) -> anyhow::Result<Settings> {
    let json = serde_json::to_string(sandbox.settings())?;
    let sandbox: SandboxSettings = serde_json::from_str(&json)?;
    let mut environment = Environment::of([
        ("DATABASE_URL", told.database_url.to_owned()),
        ("PUBLIC_URL", own_url.to_owned()),
        ("LISTEN", own_url.trim_start_matches("http://").to_owned()),
        ("OAUTH_ENCRYPTION_KEY", Keyring::generate_key()),
        (
            "MICROSOFT_REDIRECT_URI",
            format!("{own_url}{CALLBACK_PATH}"),
        ),
    ]);
    for (name, value) in told.variables {
        environment = environment.with(name, value);
    }
    Ok(Settings::read(&sandbox.applied_to(environment))?)
}
