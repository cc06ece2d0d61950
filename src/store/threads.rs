//! Threads: summaries of conversations, computed from their messages.

use super::error::StoreError;
use super::pool::{Store, Tx};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::Party;
use crate::model::time::Timestamp;
use crate::model::work::Effect;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The conversation id.
    pub external_id: GraphId,
    /// The subject of its first message.
    pub subject: Option<String>,
    /// Everybody in from, to and cc, ordered by address.
    pub participants: Vec<Party>,
    /// Messages in it.
    pub message_count: i64,
    /// Unread messages in it.
    pub unread_count: i64,
    /// Whether one of them has attachments.
    pub has_attachments: bool,
    /// When the first message was received.
    pub first_message_at: Option<Timestamp>,
    /// When the last message was received.
    pub last_message_at: Option<Timestamp>,
    /// The last message.
    pub last_message_external_id: Option<GraphId>,
}

impl Store {
    /// One thread.
    pub async fn thread_get(
        &self,
        mailbox: MailboxId,
        thread: &GraphId,
    ) -> Result<Option<Thread>, StoreError> {
        let _ = (mailbox, thread);
        unimplemented!()
    }
}

impl Tx {
    /// Computes the summaries of conversations anew; one without messages goes away.
    pub async fn threads_refresh(
        &mut self,
        mailbox: MailboxId,
        threads: &[GraphId],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        let _ = (mailbox, threads, now);
        unimplemented!()
    }
}
