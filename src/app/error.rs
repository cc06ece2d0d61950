//! Why the service did not start, or stopped.

use std::net::SocketAddr;
use std::time::Duration;

use crate::blobs::BlobError;
use crate::graph::error::GraphError;
use crate::model::ids::MailboxId;
use crate::oauth::OauthError;
use crate::secrets::KeyringError;
use crate::store::StoreError;

/// Why the service did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database cannot be opened or brought up to date.
    #[error("could not open the database")]
    Database(#[source] StoreError),
    /// The database did not come up while it was waited for.
    #[error("the database could not be reached for {} seconds", .waited.as_secs())]
    DatabaseAway {
        /// How long it was waited for.
        waited: Duration,
        /// What the last attempt met.
        #[source]
        source: StoreError,
    },
    /// A statement failed.
    #[error("could not use the database")]
    Store(#[from] StoreError),
    /// The encryption keys cannot be read.
    #[error("could not read OAUTH_ENCRYPTION_KEY")]
    Keys(#[source] KeyringError),
    /// Some stored grants do not open with the keys at hand. Nothing was started that would overwrite them.
    #[error(
        "the grants of {} mailboxes cannot be opened with OAUTH_ENCRYPTION_KEY: {}",
        .mailboxes.len(),
        ids(.mailboxes)
    )]
    Unreadable {
        /// Whose.
        mailboxes: Vec<Named>,
    },
    /// The settings are a sandbox's, the mailboxes are not: its identity platform would be given their grants, refuse
    /// them, and have every person sign in again.
    #[error(
        "the database holds {} connected mailboxes that do not belong to the sandbox: {}",
        .mailboxes.len(),
        ids(.mailboxes)
    )]
    NotTheSandboxes {
        /// Which.
        mailboxes: Vec<Named>,
    },
    /// The place for contents cannot be used.
    #[error("could not use the place for contents")]
    Blobs(#[source] BlobError),
    /// The client of Graph cannot be made.
    #[error("could not prepare the connection to Microsoft Graph")]
    Graph(#[source] GraphError),
    /// The client of the identity platform cannot be made.
    #[error("could not prepare the connection to the identity platform")]
    Identity(#[source] OauthError),
    /// The address is taken or not ours.
    #[error("could not listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The server ended.
    #[error("the HTTP server failed")]
    Serve(#[source] std::io::Error),
    /// The schedules cannot be started.
    #[error("could not start the schedules")]
    Schedules(#[from] tokio_cron_scheduler::JobSchedulerError),
    /// The client of the tunnel's agent cannot be made.
    #[error("could not prepare the connection to the ngrok agent")]
    Agent(#[source] reqwest::Error),
    /// The address is to be that of a tunnel, and there is none.
    #[error("the ngrok agent at {agent} shows no tunnel to port {port}")]
    NoTunnel {
        /// Where the agent was asked.
        agent: String,
        /// The port we listen on.
        port: u16,
    },
}

/// A mailbox that an error is about. Its address is for the terminal: it stands in the hint, never in the error's own text,
/// which may end in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Our id of it.
    pub id: MailboxId,
    /// Its address.
    pub address: String,
}

fn ids(mailboxes: &[Named]) -> String {
    let ids: Vec<String> = mailboxes.iter().map(|one| one.id.to_string()).collect();
    ids.join(", ")
}

/// One line for each.
fn lines(mailboxes: &[Named]) -> String {
    mailboxes.iter().fold(String::new(), |text, one| {
        format!("{text}\n  {}  {}", one.id, one.address)
    })
}

impl AppError {
    /// The way out, when there is one to name. For people at a terminal: it may name addresses.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { mailboxes } => Some(format!(
                "put the key that sealed them back into OAUTH_ENCRYPTION_KEY (several keys may stand there, separated by \
                 commas); if it is lost for good, end each with `graph-mirror mailboxes disconnect ID` and connect it \
                 again, which keeps what was copied:{}",
                lines(mailboxes)
            )),
            Self::NotTheSandboxes { mailboxes } => Some(format!(
                "set DATABASE_URL to another database for the sandbox, for example sqlite://data/sandbox.db; nothing was \
                 changed for these mailboxes:{}",
                lines(mailboxes)
            )),
            Self::DatabaseAway { .. } => Some(
                "check DATABASE_URL, and that the database runs and can be reached from here; DATABASE_WAIT is how long it is \
                 waited for"
                    .to_owned(),
            ),
            Self::Listen { address, .. } => Some(format!(
                "set LISTEN to a free address, or stop what uses port {}",
                address.port()
            )),
            Self::NoTunnel { .. } => Some(
                "start it with `scripts/tunnel`, or set PUBLIC_URL to an https address that leads to this service"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
