//! Why the service did not start, or stopped.

use std::net::SocketAddr;

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
        .mailboxes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Unreadable {
        /// Whose.
        mailboxes: Vec<MailboxId>,
    },
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
    /// There is no tunnel.
    #[error("could not find out the public address")]
    Ngrok(#[from] super::ngrok::NgrokError),
}

impl AppError {
    /// The way out, when there is one to name.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } => Some(
                "put the key that sealed them back into OAUTH_ENCRYPTION_KEY (several keys may stand there, separated by commas), or disconnect those mailboxes and connect them again"
                    .to_owned(),
            ),
            Self::Listen { address, .. } => Some(format!(
                "set LISTEN to a free address, or stop what uses port {}",
                address.port()
            )),
            _ => None,
        }
    }
}
