//! Messages.
//!
//! A fetch that started earlier never overwrites one that started later (M36): each row and each tombstone keeps when
//! the request behind it was sent. What is equal already is not written again, so a replay costs one look per chunk.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::bulk;
use super::codec::{JsonText, Row, Value};
use super::commands::{from_json, json, parse};
use super::dispatch::query;
use super::error::StoreError;
use super::pool::Store;
use super::tx::Tx;
use super::upsert::{Incoming, Ready, Table};
use crate::model::blob::Stored;
use crate::model::feed::ItemKind;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::{Header, Message, PartialMessage, Party};
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

/// Messages ready to be written. What can be computed without the database is, so that nobody who waits for the writer
/// waits for that too.
pub struct MessageRows<'a>(Vec<Ready<'a>>);

impl<'a> MessageRows<'a> {
    /// Makes them ready.
    pub fn of(writes: &[MessageWrite<'a>]) -> Result<Self, StoreError> {
        writes
            .iter()
            .map(|write| Ok(incoming(*write)?.into()))
            .collect::<Result<Vec<_>, _>>()
            .map(Self)
    }
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

const MESSAGES: Table = Table {
    name: "email_messages",
    kind: ItemKind::Message,
    content: &[
        "folder_external_id",
        "thread_external_id",
        "change_key",
        "internet_message_id",
        "item_type",
        "is_read",
        "is_draft",
        "has_attachments",
        "importance",
        "flag_status",
        "inference",
        "received_at",
        "sent_at",
        "graph_created_at",
        "graph_modified_at",
        "from_name",
        "from_address",
        "sender_name",
        "sender_address",
        "subject",
        "to_recipients",
        "cc_recipients",
        "bcc_recipients",
        "reply_to",
        "categories",
        "web_link",
        "body_type",
        "body_preview",
        "body",
        "internet_headers",
    ],
};

impl Store {
    /// One message.
    pub async fn message_get(
        &self,
        mailbox: MailboxId,
        message: &GraphId,
    ) -> Result<Option<StoredMessage>, StoreError> {
        query("SELECT * FROM email_messages WHERE mailbox_id = $1 AND external_id = $2")
            .bind(mailbox)
            .bind(message)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// The original of a message, where it is kept.
    pub async fn message_original(
        &self,
        mailbox: MailboxId,
        message: &GraphId,
    ) -> Result<Option<Stored>, StoreError> {
        query(
            "SELECT b.digest AS digest, b.size AS size FROM email_messages m JOIN blobs b ON b.digest = m.original
             WHERE m.mailbox_id = $1 AND m.external_id = $2",
        )
        .bind(mailbox)
        .bind(message)
        .read_one(self)
        .await?
        .map(|row| {
            Ok(Stored {
                digest: row.get("digest")?,
                size: u64::try_from(row.get::<i64>("size")?).unwrap_or(0),
            })
        })
        .transpose()
    }

    /// The messages of a mailbox after an id, in the order of ids.
    pub async fn messages_page(
        &self,
        mailbox: MailboxId,
        after: Option<&GraphId>,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        query(
            "SELECT * FROM email_messages WHERE mailbox_id = $1 AND external_id > $2
             ORDER BY external_id LIMIT $3",
        )
        .bind(mailbox)
        .bind(after.map_or("", GraphId::as_str))
        .bind(i64::from(limit))
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// How many messages the mirror holds of a mailbox.
    pub async fn messages_count(&self, mailbox: MailboxId) -> Result<i64, StoreError> {
        let row = query("SELECT count(*) AS messages FROM email_messages WHERE mailbox_id = $1")
            .bind(mailbox)
            .read_one(self)
            .await?;
        row.map_or(Ok(0), |row| row.get("messages"))
    }

    /// What an audit compares, of all messages of a folder.
    pub async fn messages_in_folder(
        &self,
        mailbox: MailboxId,
        folder: &GraphId,
    ) -> Result<Vec<MessageKey>, StoreError> {
        query(
            "SELECT external_id, folder_external_id, change_key, fetched_at FROM email_messages
             WHERE mailbox_id = $1 AND folder_external_id = $2",
        )
        .bind(mailbox)
        .bind(folder)
        .read(self)
        .await?
        .iter()
        .map(read_key)
        .collect()
    }

    /// What an audit compares, of the messages of a mailbox after an id, in the order of ids.
    pub async fn messages_keys(
        &self,
        mailbox: MailboxId,
        after: Option<&GraphId>,
        limit: u32,
    ) -> Result<Vec<MessageKey>, StoreError> {
        query(
            "SELECT external_id, folder_external_id, change_key, fetched_at FROM email_messages
             WHERE mailbox_id = $1 AND external_id > $2 ORDER BY external_id LIMIT $3",
        )
        .bind(mailbox)
        .bind(after.map_or("", GraphId::as_str))
        .bind(i64::from(limit))
        .read(self)
        .await?
        .iter()
        .map(read_key)
        .collect()
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
        query(
            "SELECT external_id FROM email_messages WHERE mailbox_id = $1 AND folder_external_id = $2
               AND (fetched_at < $4 OR (fetched_at = $4 AND (round IS NULL OR round <> $3)))",
        )
        .bind(mailbox)
        .bind(folder)
        .bind(round)
        .bind(began_at)
        .read(self)
        .await?
        .iter()
        .map(|row| row.get("external_id"))
        .collect()
    }
}

impl Tx {
    /// Keeps the original of a message that is no draft any more: a draft's changes with it. False when the message is gone or a
    /// draft, or the bytes are gone.
    pub async fn message_original_set(
        &mut self,
        mailbox: MailboxId,
        message: &GraphId,
        stored: Stored,
    ) -> Result<bool, StoreError> {
        if !self.blob_refer(stored.digest).await? {
            return Ok(false);
        }
        let set = query(
            "UPDATE email_messages SET original = $3 WHERE mailbox_id = $1 AND external_id = $2 AND NOT is_draft",
        )
        .bind(mailbox)
        .bind(message)
        .bind(stored.digest)
        .execute(self)
        .await?;
        Ok(set > 0)
    }

    /// Writes whole messages. The effects come in the order given; one id may be given once per call. A row or
    /// tombstone fetched later stays ([`Effect::Stale`]); equal content is only stamped with round and fetch, and only
    /// when a round is named.
    pub async fn messages_upsert(
        &mut self,
        mailbox: MailboxId,
        writes: &[MessageWrite<'_>],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        self.messages_write(mailbox, MessageRows::of(writes)?, now)
            .await
    }

    /// The same with what was made ready before.
    pub async fn messages_write(
        &mut self,
        mailbox: MailboxId,
        rows: MessageRows<'_>,
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        MESSAGES.upsert(self, mailbox, rows.0, now).await
    }

    /// Merges the present keys into their rows.
    pub async fn messages_merge(
        &mut self,
        mailbox: MailboxId,
        merges: &[MessageMerge<'_>],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, MergeEffect)>, StoreError> {
        let ids = merges
            .iter()
            .filter_map(|merge| merge.message.external_id.as_ref())
            .collect::<Vec<_>>();
        let mut stored = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(self.backend(), ids.iter().copied(), 2);
            let rows = query(format!(
                "SELECT * FROM email_messages WHERE mailbox_id = $1 AND external_id IN {list}"
            ))
            .bind(mailbox)
            .bind_all(values)
            .rows(self)
            .await?;
            for row in &rows {
                let found = read(row)?;
                stored.insert(found.message.external_id.clone(), found.message);
            }
        }
        let mut missing = Vec::new();
        let mut wholes = Vec::with_capacity(stored.len());
        for merge in merges {
            let Some(id) = &merge.message.external_id else {
                continue;
            };
            match stored.remove(id) {
                Some(message) => wholes.push((merged(message, merge.message), merge)),
                None => missing.push((id.clone(), MergeEffect::Missing)),
            }
        }
        let writes = wholes
            .iter()
            .map(|(message, merge)| MessageWrite {
                message,
                fetched_at: merge.fetched_at,
                round: merge.round,
            })
            .collect::<Vec<_>>();
        let effects = self.messages_upsert(mailbox, &writes, now).await?;
        let found = effects
            .into_iter()
            .map(|(id, effect)| (id, MergeEffect::Merged(effect)));
        Ok(found.chain(missing).collect())
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
        let mut threads = HashMap::new();
        for ids in messages.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(self.backend(), ids, 2);
            let rows = query(format!(
                "SELECT external_id, thread_external_id FROM email_messages
                 WHERE mailbox_id = $1 AND external_id IN {list}"
            ))
            .bind(mailbox)
            .bind_all(values)
            .rows(self)
            .await?;
            for row in &rows {
                threads.insert(
                    row.get::<GraphId>("external_id")?,
                    row.find("thread_external_id")?,
                );
            }
        }
        let gone = MESSAGES
            .bury(self, mailbox, messages, fetched_at, now)
            .await?;
        for ids in gone.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(self.backend(), ids, 2);
            query(format!(
                "DELETE FROM email_attachments WHERE mailbox_id = $1 AND message_external_id IN {list}"
            ))
            .bind(mailbox)
            .bind_all(values)
            .execute(self)
            .await?;
        }
        Ok(gone
            .into_iter()
            .map(|id| {
                let thread = threads.remove(&id).flatten();
                (id, thread)
            })
            .collect())
    }

    /// The conversations in which these messages stand now; needed before a write that may move them to another.
    pub async fn messages_threads(
        &mut self,
        mailbox: MailboxId,
        messages: &[GraphId],
    ) -> Result<Vec<GraphId>, StoreError> {
        let mut threads = BTreeSet::new();
        for ids in messages.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(self.backend(), ids, 2);
            let rows = query(format!(
                "SELECT DISTINCT thread_external_id FROM email_messages
                 WHERE mailbox_id = $1 AND external_id IN {list} AND thread_external_id IS NOT NULL"
            ))
            .bind(mailbox)
            .bind_all(values)
            .rows(self)
            .await?;
            for row in &rows {
                threads.insert(row.get::<GraphId>("thread_external_id")?);
            }
        }
        Ok(threads.into_iter().collect())
    }
}

fn incoming(write: MessageWrite<'_>) -> Result<Incoming<'_>, StoreError> {
    let message = write.message;
    let (from_name, from_address) = party(message.from.as_ref());
    let (sender_name, sender_address) = party(message.sender.as_ref());
    Ok(Incoming {
        external_id: &message.external_id,
        fetched_at: write.fetched_at,
        round: write.round,
        content: vec![
            (&message.folder_external_id).into(),
            (&message.conversation_id).into(),
            (&message.change_key).into(),
            (&message.internet_message_id).into(),
            (&message.item_type).into(),
            message.is_read.into(),
            message.is_draft.into(),
            message.has_attachments.into(),
            (&message.importance).into(),
            (&message.flag_status).into(),
            (&message.inference).into(),
            message.received_at.into(),
            message.sent_at.into(),
            message.created_at.into(),
            message.modified_at.into(),
            from_name,
            from_address,
            sender_name,
            sender_address,
            (&message.subject).into(),
            array(&message.to)?,
            array(&message.cc)?,
            array(&message.bcc)?,
            array(&message.reply_to)?,
            array(&message.categories)?,
            (&message.web_link).into(),
            (&message.body_type).into(),
            (&message.body_preview).into(),
            (&message.body).into(),
            headers(message.internet_headers.as_deref())?,
        ],
        raw: &message.raw,
    })
}

/// The two columns of a party.
pub(super) fn party(party: Option<&Party>) -> (Value<'_>, Value<'_>) {
    (
        party.and_then(|party| party.name.as_deref()).into(),
        party.and_then(|party| party.address.as_deref()).into(),
    )
}

/// The party in two columns.
pub(super) fn read_party(
    row: &Row,
    name: &str,
    address: &str,
) -> Result<Option<Party>, StoreError> {
    let party = Party {
        name: row.find(name)?,
        address: row.find(address)?,
    };
    Ok((party.name.is_some() || party.address.is_some()).then_some(party))
}

/// A JSON array.
pub(super) fn array<T: Serialize>(items: &[T]) -> Result<Value<'static>, StoreError> {
    if items.is_empty() {
        return Ok(Value::json("[]"));
    }
    Ok(Value::json(json(items)?))
}

fn headers(headers: Option<&[Header]>) -> Result<Value<'static>, StoreError> {
    headers.map_or(Ok(Value::Json(None)), array)
}

fn read(row: &Row) -> Result<StoredMessage, StoreError> {
    Ok(StoredMessage {
        message: Message {
            external_id: row.get("external_id")?,
            folder_external_id: row.get("folder_external_id")?,
            conversation_id: row.find("thread_external_id")?,
            change_key: row.find("change_key")?,
            internet_message_id: row.find("internet_message_id")?,
            item_type: row.get("item_type")?,
            subject: row.find("subject")?,
            from: read_party(row, "from_name", "from_address")?,
            sender: read_party(row, "sender_name", "sender_address")?,
            to: from_json(row, "to_recipients")?,
            cc: from_json(row, "cc_recipients")?,
            bcc: from_json(row, "bcc_recipients")?,
            reply_to: from_json(row, "reply_to")?,
            received_at: row.find("received_at")?,
            sent_at: row.find("sent_at")?,
            created_at: row.find("graph_created_at")?,
            modified_at: row.find("graph_modified_at")?,
            has_attachments: row.get("has_attachments")?,
            is_read: row.get("is_read")?,
            is_draft: row.get("is_draft")?,
            importance: row.find("importance")?,
            categories: from_json(row, "categories")?,
            flag_status: row.find("flag_status")?,
            inference: row.find("inference")?,
            body_type: row.find("body_type")?,
            body: row.find("body")?,
            body_preview: row.find("body_preview")?,
            web_link: row.find("web_link")?,
            internet_headers: row
                .find::<JsonText<'static>>("internet_headers")?
                .map(|text| parse(&text.0, "internet_headers"))
                .transpose()?,
            raw: row.get::<JsonText<'static>>("raw")?.0.into_owned(),
        },
        fetched_at: row.get("fetched_at")?,
        round: row.find("round")?,
    })
}

fn read_key(row: &Row) -> Result<MessageKey, StoreError> {
    Ok(MessageKey {
        external_id: row.get("external_id")?,
        folder_external_id: row.get("folder_external_id")?,
        change_key: row.find("change_key")?,
        fetched_at: row.get("fetched_at")?,
    })
}

/// The row with the present keys put in (M38).
fn merged(mut message: Message, partial: &PartialMessage) -> Message {
    if let Some(change_key) = &partial.change_key {
        message.change_key = Some(change_key.clone());
    }
    if let Some(modified_at) = partial.modified_at {
        message.modified_at = Some(modified_at);
    }
    if let Some(folder) = &partial.folder_external_id {
        message.folder_external_id = folder.clone();
    }
    if let Some(is_read) = partial.is_read {
        message.is_read = is_read;
    }
    if let Some(flag_status) = &partial.flag_status {
        message.flag_status = Some(flag_status.clone());
    }
    if let Some(categories) = &partial.categories {
        message.categories.clone_from(categories);
    }
    if let Some(importance) = &partial.importance {
        message.importance = Some(importance.clone());
    }
    if let Some(inference) = &partial.inference {
        message.inference = Some(inference.clone());
    }
    message.raw = merged_raw(message.raw, &partial.raw);
    message
}

/// One JSON object laid over another, key by key. What is not an object changes nothing.
fn merged_raw(whole: String, partial: &str) -> String {
    type Object = serde_json::Map<String, serde_json::Value>;
    let (Ok(mut object), Ok(present)) = (
        serde_json::from_str::<Object>(&whole),
        serde_json::from_str::<Object>(partial),
    ) else {
        return whole;
    };
    object.extend(present);
    serde_json::to_string(&object).unwrap_or(whole)
}
