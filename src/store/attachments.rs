//! What is known of attachments, and where their contents are.

use std::collections::HashSet;

use super::blobs::size;
use super::bulk;
use super::codec::{Row, Value, words};
use super::dispatch::query;
use super::error::StoreError;
use super::pool::Store;
use super::tx::Tx;
use crate::model::blob::Stored;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::{Attachment, ContentState, StoredAttachment};
use crate::model::time::Timestamp;

words! {
    ContentState {
        Unfetched = "unfetched",
        Stored = "stored",
        Unreadable = "unreadable",
        TooLarge = "too_large",
        Reference = "reference",
    }
}

const OF_MESSAGE: &str =
    "SELECT * FROM email_attachments WHERE mailbox_id = $1 AND message_external_id = $2
    ORDER BY external_id";

impl Store {
    /// The attachments of a message, by id, without the parts of attached items.
    pub async fn attachments_list(
        &self,
        mailbox: MailboxId,
        message: &GraphId,
    ) -> Result<Vec<Attachment>, StoreError> {
        let all = self.attachments_stored(mailbox, message).await?;
        Ok(all
            .into_iter()
            .filter(|stored| stored.parent.is_none())
            .map(|stored| stored.attachment)
            .collect())
    }

    /// The attachments of a message with their contents, each followed by the parts it is made of.
    pub async fn attachments_stored(
        &self,
        mailbox: MailboxId,
        message: &GraphId,
    ) -> Result<Vec<StoredAttachment>, StoreError> {
        query(OF_MESSAGE)
            .bind(mailbox)
            .bind(message)
            .read(self)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// One attachment, or a part of one.
    pub async fn attachment_get(
        &self,
        mailbox: MailboxId,
        message: &GraphId,
        attachment: &GraphId,
    ) -> Result<Option<StoredAttachment>, StoreError> {
        query(
            "SELECT * FROM email_attachments
             WHERE mailbox_id = $1 AND message_external_id = $2 AND external_id = $3",
        )
        .bind(mailbox)
        .bind(message)
        .bind(attachment)
        .read_one(self)
        .await?
        .as_ref()
        .map(read)
        .transpose()
    }

    /// Attachments without content that are no larger than `limit` and were not asked for since `asked_before`, the smallest
    /// first: message and attachment.
    pub async fn attachments_unfetched(
        &self,
        mailbox: MailboxId,
        limit: u64,
        asked_before: Timestamp,
        count: i64,
    ) -> Result<Vec<(GraphId, GraphId)>, StoreError> {
        query(
            "SELECT message_external_id, external_id FROM email_attachments
             WHERE mailbox_id = $1 AND content_state = 'unfetched' AND size <= $2
               AND (content_at IS NULL OR content_at < $3)
             ORDER BY size LIMIT $4",
        )
        .bind(mailbox)
        .bind(size(limit))
        .bind(asked_before)
        .bind(count)
        .read(self)
        .await?
        .iter()
        .map(|row| Ok((row.get("message_external_id")?, row.get("external_id")?)))
        .collect()
    }
}

impl Tx {
    /// Replaces the attachments of a message by what a request sent at `fetched_at` found; nothing happens when a later
    /// request has written them. One that is the same as before keeps its content. Whether anything changed.
    pub async fn attachments_replace(
        &mut self,
        mailbox: MailboxId,
        message: &GraphId,
        attachments: &[Attachment],
        fetched_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let rows = query(OF_MESSAGE)
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
        let is_kept = |stored: &StoredAttachment| {
            wanted
                .iter()
                .any(|wanted| is_same(&stored.attachment, wanted))
        };
        let kept: HashSet<GraphId> = stored
            .iter()
            .filter(|stored| stored.parent.is_none() && is_kept(stored))
            .map(|stored| stored.attachment.external_id.clone())
            .collect();
        let gone: Vec<&GraphId> = stored
            .iter()
            .map(|stored| &stored.attachment.external_id)
            .filter(|id| !kept.contains(&id.whole()))
            .collect();
        wanted.retain(|attachment| !kept.contains(&attachment.external_id));
        if gone.is_empty() && wanted.is_empty() {
            return Ok(false);
        }
        self.attachments_delete(mailbox, message, &gone).await?;
        self.attachments_insert(mailbox, message, &wanted, fetched_at)
            .await?;
        Ok(true)
    }

    async fn attachments_delete(
        &mut self,
        mailbox: MailboxId,
        message: &GraphId,
        gone: &[&GraphId],
    ) -> Result<(), StoreError> {
        for chunk in gone.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(self.backend(), chunk.iter().copied(), 3);
            query(format!(
                "DELETE FROM email_attachments
                 WHERE mailbox_id = $1 AND message_external_id = $2 AND external_id IN {list}"
            ))
            .bind(mailbox)
            .bind(message)
            .bind_all(values)
            .execute(self)
            .await?;
        }
        Ok(())
    }

    async fn attachments_insert(
        &mut self,
        mailbox: MailboxId,
        message: &GraphId,
        attachments: &[Attachment],
        fetched_at: Timestamp,
    ) -> Result<(), StoreError> {
        for range in bulk::chunks(attachments.len(), bulk::NARROW) {
            let chunk = &attachments[range];
            let values = chunk.iter().flat_map(|attachment| {
                let state = match attachment.kind.as_str() {
                    "reference" => ContentState::Reference,
                    _ => ContentState::Unfetched,
                };
                [
                    Value::from(mailbox),
                    message.into(),
                    (&attachment.external_id).into(),
                    (&attachment.name).into(),
                    (&attachment.content_type).into(),
                    attachment.size.into(),
                    attachment.is_inline.into(),
                    (&attachment.kind).into(),
                    (&attachment.content_id).into(),
                    (&attachment.url).into(),
                    state.into(),
                    fetched_at.into(),
                ]
            });
            query(format!(
                "INSERT INTO email_attachments (mailbox_id, message_external_id, external_id, name, content_type,
                    size, is_inline, kind, content_id, url, content_state, fetched_at) VALUES {}",
                bulk::rows(self.backend(), chunk.len(), 12)
            ))
            .bind_all(values)
            .execute(self)
            .await?;
        }
        Ok(())
    }

    /// Notes how the content of an attachment stands. False when the attachment is gone meanwhile, or the bytes are.
    pub async fn attachment_content_set(
        &mut self,
        mailbox: MailboxId,
        message: &GraphId,
        attachment: &GraphId,
        state: ContentState,
        stored: Option<Stored>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if let Some(stored) = stored
            && !self.blob_refer(stored.digest).await?
        {
            return Ok(false);
        }
        let set = query(
            "UPDATE email_attachments SET content_state = $4, blob = $5, stored_size = $6, content_at = $7
             WHERE mailbox_id = $1 AND message_external_id = $2 AND external_id = $3",
        )
        .bind(mailbox)
        .bind(message)
        .bind(attachment)
        .bind(state)
        .bind(stored.map(|stored| stored.digest))
        .bind(stored.map(|stored| size(stored.size)))
        .bind(now)
        .execute(self)
        .await?;
        Ok(set > 0)
    }

    /// Replaces the parts of an attached item. False when the bytes of one are gone; nothing must be committed then.
    pub async fn attached_parts_replace(
        &mut self,
        mailbox: MailboxId,
        message: &GraphId,
        item: &GraphId,
        parts: &[StoredAttachment],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rows = query(OF_MESSAGE)
            .bind(mailbox)
            .bind(message)
            .rows(self)
            .await?;
        let mut ids = Vec::with_capacity(rows.len());
        for row in &rows {
            ids.push(row.get::<GraphId>("external_id")?);
        }
        let gone: Vec<&GraphId> = ids
            .iter()
            .filter(|id| *id != item && id.whole() == *item)
            .collect();
        self.attachments_delete(mailbox, message, &gone).await?;
        for part in parts {
            if let Some(stored) = part.stored
                && !self.blob_refer(stored.digest).await?
            {
                return Ok(false);
            }
        }
        for range in bulk::chunks(parts.len(), bulk::NARROW) {
            let chunk = &parts[range];
            let values = chunk.iter().flat_map(|part| {
                let attachment = &part.attachment;
                [
                    Value::from(mailbox),
                    message.into(),
                    (&attachment.external_id).into(),
                    (&attachment.name).into(),
                    (&attachment.content_type).into(),
                    attachment.size.into(),
                    attachment.is_inline.into(),
                    (&attachment.kind).into(),
                    (&attachment.content_id).into(),
                    (&attachment.url).into(),
                    (&part.parent).into(),
                    part.position.into(),
                    part.state.into(),
                    part.stored.map(|stored| stored.digest).into(),
                    part.stored.map(|stored| size(stored.size)).into(),
                    now.into(),
                    now.into(),
                ]
            });
            query(format!(
                "INSERT INTO email_attachments (mailbox_id, message_external_id, external_id, name, content_type,
                    size, is_inline, kind, content_id, url, parent_external_id, position, content_state, blob,
                    stored_size, content_at, fetched_at) VALUES {}",
                bulk::rows(self.backend(), chunk.len(), 17)
            ))
            .bind_all(values)
            .execute(self)
            .await?;
        }
        Ok(true)
    }
}

/// Whether an attachment is what it was. What this time's question did not ask for is no difference.
fn is_same(stored: &Attachment, found: &Attachment) -> bool {
    let is_told =
        |stored: &Option<String>, found: &Option<String>| found.is_none() || stored == found;
    is_told(&stored.content_id, &found.content_id)
        && is_told(&stored.url, &found.url)
        && Attachment {
            content_id: None,
            url: None,
            ..stored.clone()
        } == Attachment {
            content_id: None,
            url: None,
            ..found.clone()
        }
}

fn read(row: &Row) -> Result<StoredAttachment, StoreError> {
    let digest = row.find("blob")?;
    let bytes = row.find::<i64>("stored_size")?.unwrap_or(0);
    Ok(StoredAttachment {
        attachment: Attachment {
            external_id: row.get("external_id")?,
            name: row.find("name")?,
            content_type: row.find("content_type")?,
            size: row.get("size")?,
            is_inline: row.get("is_inline")?,
            kind: row.get("kind")?,
            content_id: row.find("content_id")?,
            url: row.find("url")?,
        },
        parent: row.find("parent_external_id")?,
        position: row.find("position")?,
        state: row.get("content_state")?,
        stored: digest.map(|digest| Stored {
            digest,
            size: u64::try_from(bytes).unwrap_or(0),
        }),
    })
}
