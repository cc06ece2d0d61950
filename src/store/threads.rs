//! Threads: summaries of conversations, computed from their messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::bulk;
use super::codec::{Row, Value};
use super::commands::from_json;
use super::dispatch::query;
use super::error::StoreError;
use super::messages::{array, read_party};
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
            let mut summaries = self.threads_summed_up(mailbox, ids).await?;
            let mut stored = self.threads_stored(mailbox, ids).await?;
            let mut written = Vec::new();
            let mut gone = Vec::new();
            for id in ids {
                let effect = match (summaries.remove(*id), stored.remove(*id)) {
                    (Some(summary), None) => {
                        written.push(summary);
                        Effect::Created
                    }
                    (Some(summary), Some(before)) if summary != before => {
                        written.push(summary);
                        Effect::Updated
                    }
                    (Some(_), Some(_)) => Effect::Unchanged,
                    (None, Some(_)) => {
                        gone.push(*id);
                        Effect::Deleted
                    }
                    (None, None) => continue,
                };
                effects.push(((*id).clone(), effect));
            }
            self.threads_write(mailbox, &written, now).await?;
            self.threads_remove(mailbox, &gone).await?;
        }
        Ok(effects)
    }

    /// The summaries as the messages give them.
    async fn threads_summed_up(
        &mut self,
        mailbox: MailboxId,
        ids: &[&GraphId],
    ) -> Result<HashMap<GraphId, Thread>, StoreError> {
        let (list, values) = bulk::list(ids.iter().copied(), 2);
        let rows = query(format!(
            "SELECT thread_external_id, external_id, COALESCE(received_at, sent_at, graph_created_at) AS happened_at,
                subject, is_read, has_attachments, from_name, from_address, to_recipients, cc_recipients
             FROM email_messages WHERE mailbox_id = $1 AND thread_external_id IN {list}"
        ))
        .bind(mailbox)
        .bind_all(values)
        .rows(self)
        .await?;
        let mut conversations: HashMap<GraphId, Vec<Heading>> = HashMap::with_capacity(ids.len());
        for row in &rows {
            conversations
                .entry(row.get("thread_external_id")?)
                .or_default()
                .push(heading(row)?);
        }
        Ok(conversations
            .into_iter()
            .map(|(id, messages)| (id.clone(), sum_up(id, messages)))
            .collect())
    }

    async fn threads_stored(
        &mut self,
        mailbox: MailboxId,
        ids: &[&GraphId],
    ) -> Result<HashMap<GraphId, Thread>, StoreError> {
        let (list, values) = bulk::list(ids.iter().copied(), 2);
        query(format!(
            "SELECT * FROM email_threads WHERE mailbox_id = $1 AND external_id IN {list}"
        ))
        .bind(mailbox)
        .bind_all(values)
        .rows(self)
        .await?
        .iter()
        .map(|row| read(row).map(|thread| (thread.external_id.clone(), thread)))
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
                bulk::rows(chunk.len(), 12, 1)
            ))
            .bind_all(values)
            .execute(self)
            .await?;
        }
        Ok(())
    }

    async fn threads_remove(
        &mut self,
        mailbox: MailboxId,
        ids: &[&GraphId],
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let (list, values) = bulk::list(ids.iter().copied(), 2);
        query(format!(
            "DELETE FROM email_threads WHERE mailbox_id = $1 AND external_id IN {list}"
        ))
        .bind(mailbox)
        .bind_all(values)
        .execute(self)
        .await
        .map(drop)
    }
}

/// What a summary needs of a message.
struct Heading {
    external_id: GraphId,
    happened_at: Option<Timestamp>,
    subject: Option<String>,
    is_read: bool,
    has_attachments: bool,
    from: Option<Party>,
    to: Vec<Party>,
    cc: Vec<Party>,
}

fn heading(row: &Row) -> Result<Heading, StoreError> {
    Ok(Heading {
        external_id: row.get("external_id")?,
        happened_at: row.find("happened_at")?,
        subject: row.find("subject")?,
        is_read: row.get("is_read")?,
        has_attachments: row.get("has_attachments")?,
        from: read_party(row, "from_name", "from_address")?,
        to: from_json(row, "to_recipients")?,
        cc: from_json(row, "cc_recipients")?,
    })
}

/// The summary of a conversation; there is at least one message.
fn sum_up(id: GraphId, mut messages: Vec<Heading>) -> Thread {
    messages.sort_by(|one, other| {
        (one.happened_at, &one.external_id).cmp(&(other.happened_at, &other.external_id))
    });
    let unread = messages.iter().filter(|message| !message.is_read).count();
    let mut participants = BTreeMap::new();
    for message in &messages {
        for party in message.from.iter().chain(&message.to).chain(&message.cc) {
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
        subject: messages.first().and_then(|message| message.subject.clone()),
        participants: participants.into_values().collect(),
        message_count: i64::try_from(messages.len()).unwrap_or(i64::MAX),
        unread_count: i64::try_from(unread).unwrap_or(i64::MAX),
        has_attachments: messages.iter().any(|message| message.has_attachments),
        first_message_at: messages.iter().find_map(|message| message.happened_at),
        last_message_at: messages.last().and_then(|message| message.happened_at),
        last_message_external_id: messages.last().map(|message| message.external_id.clone()),
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
