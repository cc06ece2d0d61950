//! Messages.
//!
//! A fetch that started earlier never overwrites one that started later (M36): each row and each tombstone keeps when
//! the request behind it was sent. What is equal already is not written again, so a replay costs one look per chunk.

use super::error::StoreError;
use super::pool::{Store, Tx};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::{Message, PartialMessage};
use crate::model::time::Timestamp;
use crate::model::work::Effect;

/// A message to be written.
#[derive(Debug, Clone, Copy)]
pub struct MessageWrite<'a> {
    /// The message, whole.
    pub message: &'a Message,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The full round that saw it.
    pub round: Option<i64>,
}

/// The present keys of a message to be merged into its row (M38).
#[derive(Debug, Clone, Copy)]
pub struct MessageMerge<'a> {
    /// What was present.
    pub message: &'a PartialMessage,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The full round that saw it.
    pub round: Option<i64>,
}

/// What a merge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MergeEffect {
    /// The row is there; see the effect.
    Merged(Effect),
    /// There is no row to merge into: the message must be fetched.
    Missing,
}

/// A message as it stands in the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The message.
    pub message: Message,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The last full round that saw it.
    pub round: Option<i64>,
}

/// What an audit compares of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageKey {
    /// The message.
    pub external_id: GraphId,
    /// Its folder.
    pub folder_external_id: GraphId,
    /// Its version.
    pub change_key: Option<String>,
    /// When the request that produced the row was sent.
    pub fetched_at: Timestamp,
}

impl Store {
    /// One message.
    pub async fn message_get(
        &self,
        mailbox: MailboxId,
        message: &GraphId,
    ) -> Result<Option<StoredMessage>, StoreError> {
        let _ = (mailbox, message);
        unimplemented!()
    }

    /// The messages of a mailbox after an id, in the order of ids.
    pub async fn messages_page(
        &self,
        mailbox: MailboxId,
        after: Option<&GraphId>,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let _ = (mailbox, after, limit);
        unimplemented!()
    }

    /// How many messages the mirror holds of a mailbox.
    pub async fn messages_count(&self, mailbox: MailboxId) -> Result<i64, StoreError> {
        let _ = mailbox;
        unimplemented!()
    }

    /// What an audit compares, of all messages of a folder.
    pub async fn messages_in_folder(
        &self,
        mailbox: MailboxId,
        folder: &GraphId,
    ) -> Result<Vec<MessageKey>, StoreError> {
        let _ = (mailbox, folder);
        unimplemented!()
    }

    /// What an audit compares, of the messages of a mailbox after an id, in the order of ids.
    pub async fn messages_keys(
        &self,
        mailbox: MailboxId,
        after: Option<&GraphId>,
        limit: u32,
    ) -> Result<Vec<MessageKey>, StoreError> {
        let _ = (mailbox, after, limit);
        unimplemented!()
    }

    /// Messages of a folder that a full round begun at `began_at` has not seen and that nothing else has fetched since:
    /// suspects, not deletions (M4, M45).
    pub async fn messages_unseen(
        &self,
        mailbox: MailboxId,
        folder: &GraphId,
        round: i64,
        began_at: Timestamp,
    ) -> Result<Vec<GraphId>, StoreError> {
        let _ = (mailbox, folder, round, began_at);
        unimplemented!()
    }
}

impl Tx {
    /// Writes whole messages. The effects come in the order given; one id may be given once per call. A row or
    /// tombstone fetched later stays ([`Effect::Stale`]); equal content is only stamped with round and fetch, and only
    /// when a round is named.
    pub async fn messages_upsert(
        &mut self,
        mailbox: MailboxId,
        writes: &[MessageWrite<'_>],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        let _ = (mailbox, writes, now);
        unimplemented!()
    }

    /// Merges the present keys into their rows.
    pub async fn messages_merge(
        &mut self,
        mailbox: MailboxId,
        merges: &[MessageMerge<'_>],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, MergeEffect)>, StoreError> {
        let _ = (mailbox, merges, now);
        unimplemented!()
    }

    /// Deletes messages that Graph no longer knows (404 to a request sent at `fetched_at`), with their attachments, and
    /// keeps tombstones. Returns those that had a row, with the conversation to be refreshed.
    pub async fn messages_delete(
        &mut self,
        mailbox: MailboxId,
        messages: &[GraphId],
        fetched_at: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Option<GraphId>)>, StoreError> {
        let _ = (mailbox, messages, fetched_at, now);
        unimplemented!()
    }

    /// The conversations in which these messages stand now; needed before a write that may move them to another.
    pub async fn messages_threads(
        &mut self,
        mailbox: MailboxId,
        messages: &[GraphId],
    ) -> Result<Vec<GraphId>, StoreError> {
        let _ = (mailbox, messages);
        unimplemented!()
    }
}
