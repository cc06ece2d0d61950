//! What is known of attachments, without their bytes.

use super::error::StoreError;
use super::pool::{Store, Tx};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::Attachment;
use crate::model::time::Timestamp;

impl Store {
    /// The attachments of a message, by id.
    pub async fn attachments_list(
        &self,
        mailbox: MailboxId,
        message: &GraphId,
    ) -> Result<Vec<Attachment>, StoreError> {
        let _ = (mailbox, message);
        unimplemented!()
    }
}

impl Tx {
    /// Replaces the attachments of a message by what a request sent at `fetched_at` found; nothing happens when a later
    /// request has written them. Whether anything changed.
    pub async fn attachments_replace(
        &mut self,
        mailbox: MailboxId,
        message: &GraphId,
        attachments: &[Attachment],
        fetched_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let _ = (mailbox, message, attachments, fetched_at);
        unimplemented!()
    }
}
