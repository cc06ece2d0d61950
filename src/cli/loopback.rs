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
    serving: JoinHandle<Result<(), AppError>>,
    stop: CancellationToken,
}

/// What the service is told beyond where its sandbox is.
pub(super) struct Told<'a> {
    /// Its database.
    pub(super) database_url: &'a str,
    /// Its clock.
    pub(super) clock: SharedClock,
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
        let parts = Parts::around(settings, told.clock, store)?;
        let stop = CancellationToken::new();
        let app = change(App::of(parts.clone()));
        let serving = tokio::spawn(app.run(listener, stop.clone()));
        Ok(Self {
            sandbox,
            parts,
            own_url,
            serving,
            stop,
        })
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

    /// Stops both.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        let served = self.serving.await.context("the service ended badly");
        self.sandbox.stop().await;
        Ok(served??)
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
