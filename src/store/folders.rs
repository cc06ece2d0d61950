//! Mail folders.

use super::error::StoreError;
use super::pool::{Store, Tx};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::Folder;
use crate::model::time::Timestamp;
use crate::model::work::Effect;

/// A folder to be written.
#[derive(Debug, Clone, Copy)]
pub struct FolderWrite<'a> {
    /// The folder.
    pub folder: &'a Folder,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The full round that saw it.
    pub round: Option<i64>,
}

/// A folder as it stands in the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFolder {
    /// The folder.
    pub folder: Folder,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The last full round that saw it.
    pub round: Option<i64>,
}

impl Store {
    /// The folders of a mailbox, by id.
    pub async fn folders_list(&self, mailbox: MailboxId) -> Result<Vec<StoredFolder>, StoreError> {
        let _ = mailbox;
        unimplemented!()
    }

    /// Folders that a full round begun at `began_at` has not seen and that nothing else has fetched since.
    pub async fn folders_unseen(
        &self,
        mailbox: MailboxId,
        round: i64,
        began_at: Timestamp,
    ) -> Result<Vec<GraphId>, StoreError> {
        let _ = (mailbox, round, began_at);
        unimplemented!()
    }
}

impl Tx {
    /// Writes folders. A change of nothing but the item counts is written, and counts as [`Effect::Unchanged`]: the
    /// feed would else hold two entries for every message.
    pub async fn folders_upsert(
        &mut self,
        mailbox: MailboxId,
        writes: &[FolderWrite<'_>],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        let _ = (mailbox, writes, now);
        unimplemented!()
    }

    /// Deletes folders that Graph no longer knows, and keeps tombstones. Returns those that had a row. Their messages
    /// stay: they go through the disappearance check (M46).
    pub async fn folders_delete(
        &mut self,
        mailbox: MailboxId,
        folders: &[GraphId],
        fetched_at: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<GraphId>, StoreError> {
        let _ = (mailbox, folders, fetched_at, now);
        unimplemented!()
    }
}
