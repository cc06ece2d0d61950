//! The few columns of messages that the mirror looks at before it writes: where they stood, and in which version.

use std::collections::HashSet;

use super::bulk;
use super::codec::{Row, Value};
use super::dispatch::{Query, query};
use super::error::StoreError;
use super::pool::{Backend, Store};
use super::tx::Tx;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::time::Timestamp;

/// Where a message stands, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageHead {
    /// The message.
    pub external_id: GraphId,
    /// Its folder.
    pub folder_external_id: GraphId,
    /// Its conversation.
    pub thread_external_id: Option<GraphId>,
    /// Its version.
    pub change_key: Option<String>,
    /// Draft or not.
    pub is_draft: bool,
    /// Graph's flag.
    pub has_attachments: bool,
    /// When it was made, as Graph says.
    pub made_at: Option<Timestamp>,
    /// When the request that produced the row was sent.
    pub fetched_at: Timestamp,
}

impl Store {
    /// The heads of those of these messages that have a row.
    pub async fn messages_heads(
        &self,
        mailbox: MailboxId,
        messages: &[GraphId],
    ) -> Result<Vec<MessageHead>, StoreError> {
        let mut heads = Vec::new();
        for chunk in messages.chunks(bulk::LIST_AT_MOST) {
            let rows = select(self.backend(), mailbox, chunk).read(self).await?;
            heads.extend(rows.iter().map(read).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(heads)
    }

    /// Those of these messages of which there is neither a row nor a tombstone: they came and went unnoticed, or are somewhere
    /// else now.
    pub async fn messages_unheard_of(
        &self,
        mailbox: MailboxId,
        messages: &[GraphId],
    ) -> Result<Vec<GraphId>, StoreError> {
        let mut known = HashSet::new();
        for chunk in messages.chunks(bulk::LIST_AT_MOST) {
            let (places, values) = bulk::list(self.backend(), chunk, 2);
            let rows = query(format!(
                "SELECT external_id FROM email_messages WHERE mailbox_id = $1 AND external_id IN {places}
                 UNION ALL
                 SELECT external_id FROM tombstones
                 WHERE mailbox_id = $1 AND kind = 'message' AND external_id IN {places}"
            ))
            .bind(Value::from(mailbox))
            .bind_all(values)
            .read(self)
            .await?;
            for row in &rows {
                known.insert(row.get::<GraphId>("external_id")?);
            }
        }
        let unknown = messages.iter().filter(|id| !known.contains(*id));
        Ok(unknown.cloned().collect())
    }
}

impl Tx {
    /// The heads of those of these messages that have a row, as this transaction sees them.
    pub async fn messages_heads(
        &mut self,
        mailbox: MailboxId,
        messages: &[GraphId],
    ) -> Result<Vec<MessageHead>, StoreError> {
        let mut heads = Vec::new();
        for chunk in messages.chunks(bulk::LIST_AT_MOST) {
            let rows = select(self.backend(), mailbox, chunk).rows(self).await?;
            heads.extend(rows.iter().map(read).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(heads)
    }
}

fn select(backend: Backend, mailbox: MailboxId, messages: &[GraphId]) -> Query<'_> {
    let (places, values) = bulk::list(backend, messages, 2);
    query(format!(
        "SELECT external_id, folder_external_id, thread_external_id, change_key, is_draft, has_attachments, graph_created_at,
            fetched_at
         FROM email_messages WHERE mailbox_id = $1 AND external_id IN {places}"
    ))
    .bind(Value::from(mailbox))
    .bind_all(values)
}

fn read(row: &Row) -> Result<MessageHead, StoreError> {
    Ok(MessageHead {
        external_id: row.get("external_id")?,
        folder_external_id: row.get("folder_external_id")?,
        thread_external_id: row.find("thread_external_id")?,
        change_key: row.find("change_key")?,
        is_draft: row.get("is_draft")?,
        has_attachments: row.get("has_attachments")?,
        made_at: row.find("graph_created_at")?,
        fetched_at: row.get("fetched_at")?,
    })
}
