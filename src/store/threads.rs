//! Threads: summaries of conversations, computed from their messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;

use super::bulk;
use super::codec::{Row, Value};
use super::commands::{from_json, parse};
use super::dispatch::query;
use super::error::StoreError;
use super::messages::array;
use super::pool::{Backend, Store};
use super::tx::Tx;
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
        query("SELECT * FROM email_threads WHERE mailbox_id = $1 AND external_id = $2")
            .bind(mailbox)
            .bind(thread)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
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
        let mut effects = Vec::with_capacity(threads.len());
        let threads = threads.iter().collect::<BTreeSet<_>>();
        let threads = threads.into_iter().collect::<Vec<_>>();
        for ids in threads.chunks(bulk::LIST_AT_MOST) {
            let mut compared = self.threads_compared(mailbox, ids).await?;
            let mut written = Vec::new();
            let mut empty = Vec::new();
            for id in ids {
                let Some(Compared { summary, stored }) = compared.remove(*id) else {
                    empty.push(*id);
                    continue;
                };
                let effect = match stored {
                    None => Effect::Created,
                    Some(stored) if stored != summary => Effect::Updated,
                    Some(_) => Effect::Unchanged,
                };
                effects.push(((*id).clone(), effect));
                if effect != Effect::Unchanged {
                    written.push(summary);
                }
            }
            self.threads_write(mailbox, &written, now).await?;
            let gone = self.threads_remove(mailbox, &empty).await?;
            effects.extend(gone.into_iter().map(|id| (id, Effect::Deleted)));
        }
        Ok(effects)
    }

    /// The summaries as the messages give them, beside those that are stored; nothing for a conversation without
    /// messages.
    async fn threads_compared(
        &mut self,
        mailbox: MailboxId,
        ids: &[&GraphId],
    ) -> Result<HashMap<GraphId, Compared>, StoreError> {
        let (list, values) = bulk::list(self.backend(), ids.iter().copied(), 2);
        let text = match self.backend() {
            // LATERAL with LIMIT is a look into the key per conversation; a plain join may read the whole table.
            Backend::Postgres => format!(
                "SELECT h.thread_external_id, h.headings, t.* FROM (
                    SELECT m.thread_external_id, {POSTGRES_HEADINGS} AS headings FROM email_messages m
                    WHERE m.mailbox_id = $1 AND m.thread_external_id IN {list} GROUP BY m.thread_external_id
                 ) h LEFT JOIN LATERAL (
                    SELECT * FROM email_threads WHERE mailbox_id = $1 AND external_id = h.thread_external_id LIMIT 1
                 ) t ON true"
            ),
            Backend::Sqlite => format!(
                "SELECT m.thread_external_id, {SQLITE_HEADINGS} AS headings, t.*
                 FROM email_messages m
                 LEFT JOIN email_threads t ON t.mailbox_id = m.mailbox_id AND t.external_id = m.thread_external_id
                 WHERE m.mailbox_id = $1 AND m.thread_external_id IN {list} GROUP BY m.thread_external_id"
            ),
        };
        query(text)
            .bind(mailbox)
            .bind_all(values)
            .rows(self)
            .await?
            .iter()
            .map(|row| {
                let id = row.get::<GraphId>("thread_external_id")?;
                let stored = match row.find::<GraphId>("external_id")? {
                    Some(_) => Some(read(row)?),
                    None => None,
                };
                let messages = headings_of(&row.get::<String>("headings")?)?;
                let summary = sum_up(id.clone(), messages);
                Ok((id, Compared { summary, stored }))
            })
            .collect()
    }

    async fn threads_write(
        &mut self,
        mailbox: MailboxId,
        threads: &[Thread],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for range in bulk::chunks(threads.len(), bulk::WIDE) {
            let chunk = &threads[range];
            let mut values = Vec::with_capacity(chunk.len() * 12);
            for thread in chunk {
                values.extend([
                    Value::from(mailbox),
                    (&thread.external_id).into(),
                    (&thread.subject).into(),
                    array(&thread.participants)?,
                    thread.message_count.into(),
                    thread.unread_count.into(),
                    thread.has_attachments.into(),
                    thread.first_message_at.into(),
                    thread.last_message_at.into(),
                    (&thread.last_message_external_id).into(),
                    now.into(),
                    now.into(),
                ]);
            }
            query(format!(
                "INSERT INTO email_threads (mailbox_id, external_id, subject, participants, message_count,
                    unread_count, has_attachments, first_message_at, last_message_at, last_message_external_id,
                    created_at, updated_at)
                 VALUES {}
                 ON CONFLICT (mailbox_id, external_id) DO UPDATE SET subject = excluded.subject,
                    participants = excluded.participants, message_count = excluded.message_count,
                    unread_count = excluded.unread_count, has_attachments = excluded.has_attachments,
                    first_message_at = excluded.first_message_at, last_message_at = excluded.last_message_at,
                    last_message_external_id = excluded.last_message_external_id, updated_at = excluded.updated_at",
                bulk::rows(self.backend(), chunk.len(), 12)
            ))
            .bind_all(values)
            .execute(self)
            .await?;
        }
        Ok(())
    }

    /// Deletes summaries; those that were there.
    async fn threads_remove(
        &mut self,
        mailbox: MailboxId,
        ids: &[&GraphId],
    ) -> Result<Vec<GraphId>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (list, values) = bulk::list(self.backend(), ids.iter().copied(), 2);
        query(format!(
            "DELETE FROM email_threads WHERE mailbox_id = $1 AND external_id IN {list} RETURNING external_id"
        ))
        .bind(mailbox)
        .bind_all(values)
        .rows(self)
        .await?
        .iter()
        .map(|row| row.get("external_id"))
        .collect()
    }
}

/// A summary beside the one that is stored.
struct Compared {
    summary: Thread,
    stored: Option<Thread>,
}

/// What a summary needs of the messages of a conversation, as one row: a row per message would cost more than writing the
/// messages did. JSON text holds no control characters, so these part it: messages by U+001E, their pieces by U+001F.
const POSTGRES_HEADINGS: &str = "string_agg(
        CAST(json_build_array(m.external_id, COALESCE(m.received_at, m.sent_at, m.graph_created_at), m.subject,
            CAST(m.is_read AS int), CAST(m.has_attachments AS int), m.from_name, m.from_address) AS text)
        || chr(31) || CAST(m.to_recipients AS text) || chr(31) || CAST(m.cc_recipients AS text), chr(30))";
/// See [`POSTGRES_HEADINGS`].
const SQLITE_HEADINGS: &str = "group_concat(
        json_array(m.external_id, COALESCE(m.received_at, m.sent_at, m.graph_created_at), m.subject, m.is_read,
            m.has_attachments, m.from_name, m.from_address)
        || char(31) || m.to_recipients || char(31) || m.cc_recipients, char(30))";

/// What a summary needs of a message.
struct Heading {
    head: Head,
    to: Vec<Party>,
    cc: Vec<Party>,
}

/// The fields of a message that are not lists, in the order of the JSON array.
#[derive(Deserialize)]
struct Head {
    external_id: GraphId,
    happened_at: Option<Timestamp>,
    subject: Option<String>,
    is_read: u8,
    has_attachments: u8,
    from_name: Option<String>,
    from_address: Option<String>,
}

impl Heading {
    fn from(&self) -> Option<Party> {
        let party = Party {
            name: self.head.from_name.clone(),
            address: self.head.from_address.clone(),
        };
        (party.name.is_some() || party.address.is_some()).then_some(party)
    }
}

fn headings_of(text: &str) -> Result<Vec<Heading>, StoreError> {
    text.split('\u{1e}')
        .map(|message| {
            let mut pieces = message.split('\u{1f}');
            let mut piece = || pieces.next().unwrap_or_default();
            Ok(Heading {
                head: parse(piece(), "headings")?,
                to: parse(piece(), "to_recipients")?,
                cc: parse(piece(), "cc_recipients")?,
            })
        })
        .collect()
}

/// The summary of a conversation; there is at least one message.
fn sum_up(id: GraphId, mut messages: Vec<Heading>) -> Thread {
    messages.sort_by(|one, other| {
        let key = |message: &Heading| message.head.happened_at;
        (key(one), &one.head.external_id).cmp(&(key(other), &other.head.external_id))
    });
    let unread = messages
        .iter()
        .filter(|message| message.head.is_read == 0)
        .count();
    let mut participants = BTreeMap::new();
    for message in &messages {
        let from = message.from();
        for party in from.iter().chain(&message.to).chain(&message.cc) {
            participants
                .entry(who(party))
                .and_modify(|known: &mut Party| {
                    if known.name.is_none() {
                        known.name.clone_from(&party.name);
                    }
                })
                .or_insert_with(|| party.clone());
        }
    }
    Thread {
        external_id: id,
        subject: messages
            .first()
            .and_then(|message| message.head.subject.clone()),
        participants: participants.into_values().collect(),
        message_count: i64::try_from(messages.len()).unwrap_or(i64::MAX),
        unread_count: i64::try_from(unread).unwrap_or(i64::MAX),
        has_attachments: messages
            .iter()
            .any(|message| message.head.has_attachments != 0),
        first_message_at: messages.iter().find_map(|message| message.head.happened_at),
        last_message_at: messages.last().and_then(|message| message.head.happened_at),
        last_message_external_id: messages
            .last()
            .map(|message| message.head.external_id.clone()),
    }
}

/// Who a party is: addresses are one whatever their case; a party without one is known by its name.
fn who(party: &Party) -> (String, Option<String>) {
    match &party.address {
        Some(address) => (address.to_lowercase(), None),
        None => (String::new(), party.name.clone()),
    }
}

fn read(row: &Row) -> Result<Thread, StoreError> {
    Ok(Thread {
        external_id: row.get("external_id")?,
        subject: row.find("subject")?,
        participants: from_json(row, "participants")?,
        message_count: row.get("message_count")?,
        unread_count: row.get("unread_count")?,
        has_attachments: row.get("has_attachments")?,
        first_message_at: row.find("first_message_at")?,
        last_message_at: row.find("last_message_at")?,
        last_message_external_id: row.find("last_message_external_id")?,
    })
}
