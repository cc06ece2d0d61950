//! A faithful Microsoft Graph and identity service in memory.
//!
//! It answers as Graph answers, quirks included, on real HTTP, with a clock that can be moved and
//! faults that can be set while it runs; everything in it grows from one integer. It shares nothing
//! with the client but the clock, so that a misreading of Graph cannot stand on both sides.
//!
//! Reading order: `world` (what there is), `http` (a request's way through it), then one part each
//! for mail, calendars, identity, subscriptions and the control interface.

pub mod attach;
pub mod batch;
pub mod browser;
pub mod calendar;
pub mod call;
pub mod commands;
pub mod control;
pub mod delivery;
pub mod der;
pub mod dump;
pub mod edits;
pub mod error;
pub mod faults;
pub mod hostile;
pub mod http;
pub mod identity;
pub mod ids;
pub mod json;
pub mod knobs;
pub mod lifecycle;
pub mod mail;
pub mod paging;
pub mod permission;
pub mod prefer;
pub mod query;
pub mod seed;
pub mod stamp;
pub mod stats;
pub mod subscriptions;
pub mod throttle;
pub mod tokens;
mod uploads;
pub mod validation_tokens;
pub mod world;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

use crate::model::time::{ManualClock, Timestamp};

pub use world::World;

/// What a sandbox is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Scheme, host and port under which others reach it; the address it listens on when `None`.
    pub base_url: Option<Url>,
    /// Everything seeded grows from this.
    pub seed: u64,
    /// How many mailboxes.
    pub mailboxes: usize,
    /// Messages in each mailbox; 150 to 400 by the seed when `None`.
    pub messages: Option<usize>,
    /// When set, the messages are spread evenly over this many ordinary folders and nothing else
    /// is seeded into the mailbox: the shape benchmarks ask for.
    pub folders: Option<usize>,
    /// At most so many folders beside those every mailbox has; as many as people have when `None`.
    pub ordinary_folders: Option<usize>,
    /// Length of each message body in bytes; as real mail has it when `None`.
    pub body_bytes: Option<usize>,
    /// Whether calendars are filled.
    pub events: bool,
    /// The clock; one that runs with the machine's when `None`.
    pub clock: Option<ManualClock>,
    /// The tenant's id; from the seed when `None`.
    pub tenant_id: Option<String>,
    /// The instant the mailboxes are made up for; the clock's when `None`. The same seed and instant give
    /// the same world (S72).
    pub seeded_at: Option<Timestamp>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            base_url: None,
            seed: 1,
            mailboxes: 3,
            messages: None,
            folders: None,
            ordinary_folders: None,
            body_bytes: None,
            events: true,
            clock: None,
            tenant_id: None,
            seeded_at: None,
        }
    }
}

/// What a client needs to know: the object `sandbox --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Stands for `https://graph.microsoft.com`.
    pub graph_base_url: String,
    /// Stands for `https://login.microsoftonline.com`.
    pub login_base_url: String,
    /// The tenant.
    pub tenant_id: String,
    /// The registered application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The people who have a mailbox.
    pub users: Vec<UserSettings>,
    /// The control interface.
    pub control_url: String,
}

/// One person of [`Settings`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSettings {
    /// Object id.
    pub id: String,
    /// Mail address and user principal name.
    pub address: String,
    /// Display name.
    pub display_name: String,
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address is taken or not ours.
    #[error("the sandbox could not listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// More than the seed can fill.
    #[error("the sandbox was asked for {asked} mailboxes, at most {most} can be seeded")]
    TooManyMailboxes {
        /// How many were asked for.
        asked: usize,
        /// How many there can be.
        most: usize,
    },
}

/// A running sandbox; [`Sandbox::stop`] ends it.
#[derive(Debug)]
pub struct Sandbox {
    world: World,
    settings: Settings,
    tasks: JoinSet<()>,
}

impl Sandbox {
    /// The most mailboxes one sandbox holds.
    pub const MOST_MAILBOXES: usize = 10_000;

    /// Seeds a world and serves it.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        if options.mailboxes > Self::MOST_MAILBOXES {
            return Err(SandboxError::TooManyMailboxes {
                asked: options.mailboxes,
                most: Self::MOST_MAILBOXES,
            });
        }
        let address = options.listen;
        let listen_error = |source| SandboxError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        let base = match &options.base_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", listener.local_addr().map_err(listen_error)?),
        };
        let world = World::seeded(&options, base);
        let settings = world.settings();

        let mut tasks = JoinSet::new();
        let router = http::router(&world);
        let stopped = world.stopped();
        tasks.spawn(async move {
            let served = axum::serve(listener, router)
                .with_graceful_shutdown(stopped.cancelled_owned())
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the sandbox stopped serving: {error}");
            }
        });
        tasks.spawn(world::settle_in_time(world.clone()));
        delivery::spawn(&world, &mut tasks);
        Ok(Self {
            world,
            settings,
            tasks,
        })
    }

    /// What a client needs to know.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Everything there is in it.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Its clock.
    pub fn clock(&self) -> ManualClock {
        self.world.clock()
    }

    /// Stops serving and waits until everything has ended.
    pub async fn stop(mut self) {
        self.world.stop();
        // An idle kept-alive connection would hold the graceful end for ever.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(200), async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await;
        self.tasks.shutdown().await;
    }
}
