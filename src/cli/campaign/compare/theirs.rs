//! What really stands in the mailbox, in the words of the comparison.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Side, party};
use crate::model::time::Timestamp;

pub(super) fn folders(truth: &Value) -> Side {
    list(truth, "folders")
        .iter()
        .filter(|folder| {
            let name = folder["@odata.type"].as_str();
            !name.is_some_and(|name| name.ends_with("mailSearchFolder"))
        })
        .map(|folder| {
            let fields = json!({
                "name": folder["displayName"],
                "parent": folder["parentFolderId"],
                "hidden": folder["isHidden"],
                "items": folder["totalItemCount"],
                "unread": folder["unreadItemCount"],
            });
            (id(folder), fields)
        })
        .collect()
}

pub(super) fn messages(truth: &Value, folders: &BTreeSet<&str>) -> Side {
    messages_in(truth, folders)
        .map(|message| (id(message), self::message(message)))
        .collect()
}

fn message(message: &Value) -> Value {
    let attachments: BTreeMap<String, Value> = list(message, "attachments")
        .iter()
        .map(|one| {
            let kind = one["@odata.type"].as_str().unwrap_or_default();
            let kind = kind
                .trim_start_matches("#microsoft.graph.")
                .trim_end_matches("Attachment");
            let fields = json!([
                one["name"],
                one["contentType"],
                one["size"],
                one["isInline"],
                kind
            ]);
            (id(one), fields)
        })
        .collect();
    let name = message["@odata.type"].as_str().unwrap_or("message");
    json!({
        "folder": message["parentFolderId"],
        "change_key": message["changeKey"],
        "conversation": message["conversationId"],
        "message_id": message["internetMessageId"],
        "type": name.rsplit('.').next(),
        "subject": message["subject"],
        "from": person(&message["from"]),
        "sender": person(&message["sender"]),
        "to": people(&message["toRecipients"]),
        "cc": people(&message["ccRecipients"]),
        "bcc": people(&message["bccRecipients"]),
        "reply_to": people(&message["replyTo"]),
        "received": seconds(&message["receivedDateTime"]),
        "sent": seconds(&message["sentDateTime"]),
        "created": seconds(&message["createdDateTime"]),
        "modified": seconds(&message["lastModifiedDateTime"]),
        "has_attachments": message["hasAttachments"],
        "is_read": message["isRead"],
        "is_draft": message["isDraft"],
        "importance": message["importance"],
        "categories": message["categories"],
        "flag": message["flag"]["flagStatus"],
        "inference": message["inferenceClassification"],
        "body_type": message["body"]["contentType"],
        "body": message["body"]["content"],
        "preview": message["bodyPreview"],
        "link": message["webLink"],
        "attachments": attachments,
    })
}

fn messages_in<'a>(
    truth: &'a Value,
    folders: &'a BTreeSet<&str>,
) -> impl Iterator<Item = &'a Value> {
    list(truth, "messages").iter().filter(|message| {
        message["parentFolderId"]
            .as_str()
            .is_some_and(|folder| folders.contains(folder))
    })
}

pub(super) fn conversations(truth: &Value) -> BTreeSet<String> {
    let messages = list(truth, "messages").iter();
    messages
        .filter_map(|message| message["conversationId"].as_str().map(str::to_owned))
        .collect()
}

/// A conversation as its messages make it.
#[derive(Default)]
struct Thread {
    count: i64,
    unread: i64,
    has_attachments: bool,
    instants: Vec<i64>,
    people: BTreeSet<String>,
}

pub(super) fn threads(truth: &Value, folders: &BTreeSet<&str>) -> Side {
    let mut threads: BTreeMap<String, Thread> = BTreeMap::new();
    for message in messages_in(truth, folders) {
        let Some(conversation) = message["conversationId"].as_str() else {
            continue;
        };
        let thread = threads.entry(conversation.to_owned()).or_default();
        thread.count += 1;
        thread.unread += i64::from(message["isRead"] == json!(false));
        thread.has_attachments |= message["hasAttachments"] == json!(true);
        let happened = ["receivedDateTime", "sentDateTime", "createdDateTime"]
            .iter()
            .find_map(|name| seconds(&message[*name]).as_i64());
        thread.instants.extend(happened);
        let to = list(message, "toRecipients").iter();
        let people = to
            .chain(list(message, "ccRecipients"))
            .chain([&message["from"]]);
        thread.people.extend(
            people
                .filter_map(|one| one["emailAddress"]["address"].as_str())
                .map(str::to_lowercase),
        );
    }
    threads
        .into_iter()
        .map(|(id, thread)| {
            let fields = json!({
                "count": thread.count,
                "unread": thread.unread,
                "has_attachments": thread.has_attachments,
                "first": thread.instants.iter().min(),
                "last": thread.instants.iter().max(),
                "people": thread.people,
            });
            (id, fields)
        })
        .collect()
}

pub(super) fn calendars(truth: &Value) -> Side {
    list(truth, "calendars")
        .iter()
        .map(|calendar| {
            let fields = json!({
                "name": calendar["name"],
                "color": calendar["color"],
                "default": calendar["isDefaultCalendar"],
                "can_edit": calendar["canEdit"],
                "owner": calendar["owner"]["address"],
            });
            (id(calendar), fields)
        })
        .collect()
}

pub(super) fn events(truth: &Value) -> Side {
    list(truth, "events")
        .iter()
        .chain(list(truth, "occurrences"))
        .map(|event| (id(event), self::event(event)))
        .collect()
}

fn event(event: &Value) -> Value {
    let is_occurrence = event["type"] == "occurrence";
    let own = |value: Value| if is_occurrence { Value::Null } else { value };
    let all_day = event["isAllDay"] == json!(true);
    let instant = |name: &str| -> Option<Timestamp> {
        let text = event[name]["dateTime"].as_str()?;
        format!("{}Z", text.trim_end_matches('Z')).parse().ok()
    };
    let day = |name: &str| instant(name).filter(|_| all_day).map(|at| at.date_naive());
    let original_start: Option<Timestamp> = event["originalStart"]
        .as_str()
        .and_then(|text| text.parse().ok());
    let attendees: Vec<Value> = list(event, "attendees")
        .iter()
        .map(|one| {
            let who = &one["emailAddress"];
            json!([
                who["name"],
                who["address"],
                one["type"],
                one["status"]["response"]
            ])
        })
        .collect();
    json!({
        "kind": event["type"],
        "calendar": event["calendarId"],
        "master": event["seriesMasterId"],
        "change_key": own(event["changeKey"].clone()),
        "subject": event["subject"],
        "body_type": event["body"]["contentType"],
        "body": event["body"]["content"],
        "start": instant("start"),
        "end": instant("end"),
        "zone": event["originalStartTimeZone"],
        "all_day": all_day,
        "days": [day("start"), day("end")],
        "cancelled": event["isCancelled"],
        "is_organizer": event["isOrganizer"],
        "organizer": person(&event["organizer"]),
        "location": event["location"]["displayName"],
        "attendees": attendees,
        "show_as": event["showAs"],
        "sensitivity": event["sensitivity"],
        "importance": event["importance"],
        "categories": event["categories"],
        "response": event["responseStatus"]["response"],
        "online": event["isOnlineMeeting"],
        "recurs": event["recurrence"].is_object(),
        "original_start": own(json!(original_start)),
        "has_attachments": event["hasAttachments"],
        "created": own(seconds(&event["createdDateTime"])),
        "modified": own(seconds(&event["lastModifiedDateTime"])),
    })
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

fn id(item: &Value) -> String {
    item["id"].as_str().unwrap_or_default().to_owned()
}

fn person(recipient: &Value) -> Value {
    let address = &recipient["emailAddress"];
    party(&address["name"], &address["address"])
}

fn people(recipients: &Value) -> Value {
    recipients
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(person)
        .filter(|one| !one.is_null())
        .collect()
}

fn seconds(at: &Value) -> Value {
    let instant: Option<Timestamp> = at.as_str().and_then(|text| text.parse().ok());
    instant.map_or(Value::Null, |at| json!(at.timestamp()))
}
