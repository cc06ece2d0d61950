//! What the mirror holds, in the words of the comparison.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Side, party};
use crate::model::calendar::{Event, EventKind};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::{Attachment, Message, Party};
use crate::model::time::Timestamp;
use crate::store::{Store, StoreError};

/// Rows read at once.
const PAGE: u32 = 200;

pub(super) async fn folders(store: &Store, mailbox: MailboxId) -> Result<Side, StoreError> {
    let folders = store.folders_list(mailbox).await?.into_iter();
    Ok(folders
        .map(|stored| {
            let folder = stored.folder;
            let fields = json!({
                "name": folder.display_name,
                "parent": folder.parent_external_id,
                "hidden": folder.is_hidden,
                "items": folder.total_item_count,
                "unread": folder.unread_item_count,
            });
            (folder.external_id.0, fields)
        })
        .collect())
}

pub(super) async fn messages(store: &Store, mailbox: MailboxId) -> Result<Side, StoreError> {
    let mut side = Side::new();
    let mut after = None;
    loop {
        let page = store.messages_page(mailbox, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(side);
        };
        after = Some(last.message.external_id.clone());
        for stored in page {
            let id = &stored.message.external_id;
            let attachments = store.attachments_list(mailbox, id).await?;
            side.insert(id.0.clone(), message(&stored.message, attachments));
        }
    }
}

fn message(message: &Message, attachments: Vec<Attachment>) -> Value {
    let attachments: BTreeMap<String, Value> = attachments
        .into_iter()
        .map(|one| {
            let fields = json!([
                one.name,
                one.content_type,
                one.size,
                one.is_inline,
                one.kind
            ]);
            (one.external_id.0, fields)
        })
        .collect();
    json!({
        "folder": message.folder_external_id,
        "change_key": message.change_key,
        "conversation": message.conversation_id,
        "message_id": message.internet_message_id,
        "type": message.item_type,
        "subject": message.subject,
        "from": person(message.from.as_ref()),
        "sender": person(message.sender.as_ref()),
        "to": people(&message.to),
        "cc": people(&message.cc),
        "bcc": people(&message.bcc),
        "reply_to": people(&message.reply_to),
        "received": seconds(message.received_at),
        "sent": seconds(message.sent_at),
        "created": seconds(message.created_at),
        "modified": seconds(message.modified_at),
        "has_attachments": message.has_attachments,
        "is_read": message.is_read,
        "is_draft": message.is_draft,
        "importance": message.importance,
        "categories": message.categories,
        "flag": message.flag_status,
        "inference": message.inference,
        "body_type": message.body_type,
        "body": message.body,
        "preview": message.body_preview,
        "link": message.web_link,
        "attachments": attachments,
    })
}

pub(super) async fn threads(
    store: &Store,
    mailbox: MailboxId,
    conversations: BTreeSet<String>,
) -> Result<Side, StoreError> {
    let mut side = Side::new();
    for conversation in conversations {
        let id = GraphId::from(conversation.as_str());
        if let Some(thread) = store.thread_get(mailbox, &id).await? {
            let people: BTreeSet<String> = thread
                .participants
                .iter()
                .filter_map(|one| one.address.as_ref())
                .map(|address| address.to_lowercase())
                .collect();
            let fields = json!({
                "count": thread.message_count,
                "unread": thread.unread_count,
                "has_attachments": thread.has_attachments,
                "first": seconds(thread.first_message_at),
                "last": seconds(thread.last_message_at),
                "people": people,
            });
            side.insert(conversation, fields);
        }
    }
    Ok(side)
}

pub(super) async fn calendars(store: &Store, mailbox: MailboxId) -> Result<Side, StoreError> {
    let calendars = store.calendars_list(mailbox).await?.into_iter();
    Ok(calendars
        .map(|calendar| {
            let fields = json!({
                "name": calendar.name,
                "color": calendar.color,
                "default": calendar.is_default,
                "can_edit": calendar.can_edit,
                "owner": calendar.owner_address,
            });
            (calendar.external_id.0, fields)
        })
        .collect())
}

pub(super) async fn events(store: &Store, mailbox: MailboxId) -> Result<Side, StoreError> {
    let mut side = Side::new();
    let mut after = None;
    loop {
        let page = store.events_page(mailbox, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(side);
        };
        after = Some(last.event.external_id.clone());
        for stored in page {
            side.insert(stored.event.external_id.0.clone(), event(&stored.event));
        }
    }
}

fn event(event: &Event) -> Value {
    // An occurrence wears its master's clothes: what is its own is its place in time (F6.32).
    let is_occurrence = event.kind == EventKind::Occurrence;
    let own = |value: Value| if is_occurrence { Value::Null } else { value };
    let attendees: Vec<Value> = event
        .attendees
        .iter()
        .map(|one| json!([one.name, one.address, one.kind, one.response]))
        .collect();
    json!({
        "kind": event.kind,
        "calendar": event.calendar_external_id,
        "master": event.series_master_id,
        "change_key": own(json!(event.change_key)),
        "subject": event.subject,
        "body_type": event.body_type,
        "body": event.body,
        "start": event.start_at,
        "end": event.end_at,
        "zone": event.original_zone,
        "all_day": event.is_all_day,
        "days": [event.start_date, event.end_date],
        "cancelled": event.is_cancelled,
        "is_organizer": event.is_organizer,
        "organizer": person(event.organizer.as_ref()),
        "location": event.location,
        "attendees": attendees,
        "show_as": event.show_as,
        "sensitivity": event.sensitivity,
        "importance": event.importance,
        "categories": event.categories,
        "response": event.response,
        "online": event.is_online_meeting,
        "recurs": event.recurrence.is_some(),
        "original_start": own(json!(event.original_start_at)),
        "has_attachments": event.has_attachments,
        "created": own(seconds(event.created_at)),
        "modified": own(seconds(event.modified_at)),
    })
}

fn person(person: Option<&Party>) -> Value {
    person.map_or(Value::Null, |one| {
        party(&json!(one.name), &json!(one.address))
    })
}

fn people(people: &[Party]) -> Value {
    people.iter().map(|one| person(Some(one))).collect()
}

fn seconds(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!(at.timestamp()))
}
