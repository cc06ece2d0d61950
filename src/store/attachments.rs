//! What is known of attachments, without their bytes.

use super::bulk;
use super::codec::{Row, Value};
use super::dispatch::query;
use super::error::StoreError;
use super::pool::Store;
use super::tx::Tx;
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
        query(
            "SELECT * FROM email_attachments WHERE mailbox_id = $1 AND message_external_id = $2 ORDER BY external_id",
        )
        .bind(mailbox)
        .bind(message)
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
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
        let rows = query(
            "SELECT * FROM email_attachments WHERE mailbox_id = $1 AND message_external_id = $2 ORDER BY external_id",
        )
        .bind(mailbox)
        .bind(message)
        .rows(self)
        .await?;
        let mut stored = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.get::<Timestamp>("fetched_at")? > fetched_at {
                return Ok(false);
            }
            stored.push(read(row)?);
        }
        let mut wanted = attachments.to_vec();
        wanted.sort_by(|one, other| one.external_id.cmp(&other.external_id));
        wanted.dedup_by(|one, other| one.external_id == other.external_id);
        if stored == wanted {
            return Ok(false);
        }
        query("DELETE FROM email_attachments WHERE mailbox_id = $1 AND message_external_id = $2")
            .bind(mailbox)
            .bind(message)
            .execute(self)
            .await?;
        for range in bulk::chunks(wanted.len(), bulk::NARROW) {
            let chunk = &wanted[range];
            let values = chunk.iter().flat_map(|attachment| {
                [
                    Value::from(mailbox),
                    message.into(),
                    (&attachment.external_id).into(),
                    (&attachment.name).into(),
                    (&attachment.content_type).into(),
                    attachment.size.into(),
                    attachment.is_inline.into(),
                    (&attachment.kind).into(),
                    fetched_at.into(),
                ]
            });
            query(format!(
                "INSERT INTO email_attachments (mailbox_id, message_external_id, external_id, name, content_type,
                    size, is_inline, kind, fetched_at) VALUES {}",
                bulk::rows(self.backend(), chunk.len(), 9)
            ))
            .bind_all(values)
            .execute(self)
            .await?;
        }
        Ok(true)
    }
}

fn read(row: &Row) -> Result<Attachment, StoreError> {
    Ok(Attachment {
        external_id: row.get("external_id")?,
        name: row.find("name")?,
        content_type: row.find("content_type")?,
        size: row.get("size")?,
        is_inline: row.get("is_inline")?,
        kind: row.get("kind")?,
    })
}
