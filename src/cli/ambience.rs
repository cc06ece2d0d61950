//! What a command finds around it: its settings, its log, the database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tracing::warn;

use super::report::Failure;
use super::{progress, sandbox_clock};
use crate::config::{
    self, ConfigError, Environment, KeySettings, LocalSettings, Log, LogFormat, SandboxSettings,
    Settings,
};
use crate::model::time::{SharedClock, SystemClock};
use crate::store::{Store, StoreError, StoreSettings};
use crate::telemetry::{self, Aside, Speech};

/// Where settings come from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct Source {
    /// Read the settings that are not in the environment from this file instead of .env
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Speak to the sandbox with this control address instead of Microsoft; its settings are read from there. The same as
    /// setting `SANDBOX_URL`
    #[arg(long, value_name = "CONTROL_URL")]
    sandbox: Option<url::Url>,
}

/// Where the settings of a command come from that never speaks to Graph.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct LocalSource {
    /// Read the settings that are not in the environment from this file instead of .env
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

/// How loud a command is unless `LOG` says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loudness {
    /// A service: an hour of it can be read.
    Service,
    /// A command: it reports by itself, so only what went wrong.
    Command,
}

pub(super) fn environment(file: Option<&PathBuf>) -> Result<Environment, Failure> {
    Ok(match file {
        Some(path) => Environment::of_file(path)?,
        None => Environment::of_process()?,
    })
}

impl Source {
    /// The variables, those of the sandbox included.
    pub(super) async fn environment(&self) -> Result<Environment, Failure> {
        Ok(self.told().await?.0)
    }

    /// The variables, and the tenant of the sandbox when they are those of one.
    async fn told(&self) -> Result<(Environment, Option<String>), Failure> {
        let environment = environment(self.env_file.as_ref())?;
        Ok(match self.control_url(&environment)? {
            None => (environment, None),
            Some(control_url) => {
                let told: SandboxSettings =
                    ask_sandbox(&sandbox_client()?, &control_url, "settings").await?;
                let tenant = told.tenant_id.clone();
                (told.applied_to(environment), Some(tenant))
            }
        })
    }

    /// The clock: the machine's, or the sandbox's, so that both agree on when a token or a lease ends.
    pub(super) async fn clock(&self) -> Result<SharedClock, Failure> {
        match self.control_url(&environment(self.env_file.as_ref())?)? {
            Some(control_url) => sandbox_clock::follow(control_url).await,
            None => Ok(clock()),
        }
    }

    /// The settings of database, keys and log; the log is started with them.
    pub(super) async fn key_settings(&self) -> Result<KeySettings, Failure> {
        let environment = self.environment().await?;
        let settings = KeySettings::read(&environment)?;
        start_log(&settings.log, &environment, Loudness::Command)?;
        Ok(settings)
    }

    /// All settings, or everything that is wrong with them; the log is started with what can be read of them.
    pub(super) async fn look(&self) -> Result<Result<Settings, ConfigError>, Failure> {
        let (environment, sandbox_tenant) = self.told().await?;
        let settings = Settings::read(&environment).map(|settings| Settings {
            sandbox_tenant,
            ..settings
        });
        if let Ok(settings) = &settings {
            start_log(&settings.log, &environment, Loudness::Command)?;
        }
        Ok(settings)
    }

    /// The sandbox that is spoken to instead of Microsoft: the argument's, or else the one that is set.
    fn control_url(&self, environment: &Environment) -> Result<Option<url::Url>, Failure> {
        Ok(match &self.sandbox {
            Some(told) => Some(told.clone()),
            None => config::sandbox::control_url(environment)?,
        })
    }

    /// All settings; the log is started with them.
    pub(super) async fn settings(&self, loudness: Loudness) -> Result<Settings, Failure> {
        let (environment, sandbox_tenant) = self.told().await?;
        let settings = Settings {
            sandbox_tenant,
            ..Settings::read(&environment)?
        };
        start_log(&settings.log, &environment, loudness)?;
        Ok(settings)
    }
}

impl LocalSource {
    /// The settings of database and log; the log is started with them.
    pub(super) fn settings(&self) -> Result<LocalSettings, Failure> {
        let environment = environment(self.env_file.as_ref())?;
        let settings = LocalSettings::read(&environment)?;
        start_log(&settings.log, &environment, Loudness::Command)?;
        Ok(settings)
    }
}

fn start_log(log: &Log, environment: &Environment, loudness: Loudness) -> Result<(), Failure> {
    let filter = match loudness {
        Loudness::Command if environment.get("LOG").is_none() => "warn",
        Loudness::Command | Loudness::Service => log.filter.as_str(),
    };
    let format = match log.format {
        LogFormat::Auto => telemetry::Format::Auto,
        LogFormat::Human => telemetry::Format::Human,
        LogFormat::Json => telemetry::Format::Json,
    };
    let collector = match loudness {
        Loudness::Service => log.collector.as_ref().map(url::Url::as_str),
        Loudness::Command => None,
    };
    let speech = Speech {
        filter,
        format,
        collector,
    };
    match loudness {
        Loudness::Service => {
            telemetry::start_with(speech, std::io::stderr)?;
            if collector.is_none() && environment.has_any("OTEL_") {
                warn!(
                    "variables of OpenTelemetry are set, but not OTEL_EXPORTER_OTLP_ENDPOINT: no traces are handed out"
                );
            }
        }
        Loudness::Command => {
            telemetry::start_with(speech, Aside(progress::beside_the_bars))?;
        }
    }
    Ok(())
}

/// The machine's clock.
pub(super) fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

/// The database, with a schema this program can use: an empty one is set up, an older one is for `migrate` or
/// `serve`, because other replicas may still run on it.
pub(super) async fn open_store(database: &crate::config::Database) -> Result<Store, Failure> {
    let settings = StoreSettings {
        connections: 4,
        ..StoreSettings::default()
    };
    let store = Store::open_with(database.url.expose(), settings, clock()).await?;
    match store.schema_check().await {
        Ok(()) => {}
        Err(StoreError::SchemaTooOld { found: 0, .. }) => {
            store.migrate().await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(store)
}

/// What sandboxes are asked with.
pub(super) fn sandbox_client() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .build();
    Ok(client?)
}

/// What a sandbox says of itself under `what`.
pub(super) async fn ask_sandbox<T: serde::de::DeserializeOwned>(
    client: &reqwest::Client,
    control_url: &url::Url,
    what: &str,
) -> Result<T, Failure> {
    let address = format!("{}/{what}", control_url.as_str().trim_end_matches('/'));
    let explained = |error: reqwest::Error| {
        Failure::from(error)
            .while_doing(format!(
                "could not read the {what} of the sandbox from {address}"
            ))
            .hinting("start one with `graph-mirror sandbox`; it prints its control address")
    };
    let answer = client.get(&address).send().await.map_err(explained)?;
    let answer = answer.error_for_status().map_err(explained)?;
    answer.json().await.map_err(explained)
}
