//! What can go wrong while homes come and go.

use crate::model::ids::MailboxId;
use crate::store::StoreError;

/// A mailbox could not be served.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The lease could not be taken, kept or given back.
    #[error("could not look after the lease of mailbox {mailbox}")]
    Lease {
        /// The mailbox.
        mailbox: MailboxId,
        /// What the database said.
        #[source]
        source: StoreError,
    },
}
