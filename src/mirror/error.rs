//! What can stop the mirror.

use std::time::Duration;

use crate::blobs::BlobError;
use crate::graph::{Advice, GraphError};
use crate::model::mailbox::StateReason;
use crate::model::time::Timestamp;
use crate::store::StoreError;

/// Why work on a mailbox could not go on. What concerns one item or one cursor alone is no such error: it is
/// written down with it and tried again.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The database did not do it.
    #[error("the mirror could not be written")]
    Store(#[from] StoreError),
    /// Graph refused what the whole mailbox depends on.
    #[error("Graph refused to show {what}")]
    Graph {
        /// What was asked for, in words.
        what: &'static str,
        /// The refusal.
        #[source]
        source: GraphError,
    },
    /// Content could not be kept.
    #[error("content could not be kept")]
    Blobs(#[from] BlobError),
    /// This process fetches no contents.
    #[error("this process has no place for contents")]
    NoContents,
    /// Graph answered what cannot be read.
    #[error("Graph's list of {what} could not be read")]
    Unreadable {
        /// Of what.
        what: &'static str,
    },
}

/// What the home is to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Stop at once: another home has the mailbox.
    GiveUp,
    /// Go on with this later, at the earliest after so long; nothing is wrong with the mailbox.
    Later(Option<Duration>),
    /// The mailbox is fenced: go on with this at that instant.
    NotBefore(Timestamp),
    /// The mailbox cannot be reached: suspend it for this reason and probe it daily.
    Suspend(StateReason),
    /// The person must sign in again.
    Reauth(StateReason),
    /// The operator must act; try again in minutes.
    Operator,
}

impl MirrorError {
    /// What to do.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Store(StoreError::LeaseLost) => Remedy::GiveUp,
            Self::Store(error) => Remedy::Later(error.retry_after()),
            Self::Unreadable { .. } | Self::Blobs(_) | Self::NoContents => Remedy::Later(None),
            Self::Graph {
                source: GraphError::Fenced(fenced),
                ..
            } => Remedy::NotBefore(fenced.until),
            Self::Graph { source, .. } => match source.advice() {
                Advice::Retry { after, .. } => Remedy::Later(after),
                Advice::TokenRefused => Remedy::Suspend(StateReason::TokenRefused),
                Advice::Reauth(reason) => Remedy::Reauth(reason),
                Advice::Operator => Remedy::Operator,
                Advice::MailboxSuspended(reason) => Remedy::Suspend(reason),
                Advice::Forbidden => Remedy::Suspend(StateReason::AccessDenied),
                Advice::Gone
                | Advice::ContainerGone
                | Advice::Resync { .. }
                | Advice::ItemBroken
                | Advice::Conflict
                | Advice::Bug => Remedy::Later(None),
            },
        }
    }
}

/// Whether an error stands in the way of everything in the mailbox, not of one item or container only.
pub(crate) fn concerns_the_mailbox(error: &GraphError) -> bool {
    match error.advice() {
        Advice::TokenRefused
        | Advice::Reauth(_)
        | Advice::Operator
        | Advice::MailboxSuspended(_) => true,
        Advice::Retry { .. } => {
            matches!(error, GraphError::Fenced(_) | GraphError::Token(_))
                || error
                    .refused()
                    .is_some_and(|refused| refused.is_throttled() || refused.retry_after.is_some())
        }
        _ => false,
    }
}
