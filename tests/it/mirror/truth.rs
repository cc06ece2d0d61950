//! Comparing the mirror with what really stands in the sandbox.
//!
//! Neither side's room helps: the truth is read as the JSON the sandbox dumps, the mirror by the rows of its store, and both
//! are brought to the same few words here.

use std::collections::{BTreeMap, BTreeSet};

use graph_mirror::mirror::Window;
use graph_mirror::model::calendar::EventKind;
use graph_mirror::model::mail::Party;
use graph_mirror::model::time::{Clock, Timestamp};
use serde_json::{Value, json};

use super::mailbox::Connected;

type Side = BTreeMap<String, Value>;

impl Connected {
    /// Fails unless the mirror equals the mailbox: folders, messages with bodies and attachments, threads, calendars,
    /// events with every occurrence of the window.
    pub async fn assert_true(&self) {
        let differences = self.differences().await;
        assert!(
            differences.is_empty(),
            "{} differences, the first of them:\n{}",
            differences.len(),
            differences[..differences.len().min(10)].join("\n")
        );
    }

    /// What differs, in words.
    pub async fn differences(&self) -> Vec<String> {
        let window = Window::at(self.clock.now(), 6, 12);
        let text = self
            .sandbox
            .world()
            .truth(&self.user, Some((window.start, window.end)))
            .expect("the mailbox is known");
        let truth: Value = serde_json::from_str(&text).expect("the truth is JSON");
        let mut differences = Vec::new();
        let folders = self.our_folders().await;
        compare("folder", &folders, &their_folders(&truth), &mut differences);
        let known: BTreeSet<&String> = folders.keys().collect();
        compare(
            "message",
            &self.our_messages().await,
            &their_messages(&truth, &known),
            &mut differences,
        );
        compare(
            "thread",
            &self.our_threads(&truth).await,
            &their_threads(&truth, &known),
            &mut differences,
        );
        compare(
            "calendar",
            &self.our_calendars().await,
            &their_calendars(&truth),
            &mut differences,
        );
        compare(
            "event",
            &self.our_events().await,
            &their_events(&truth),
            &mut differences,
        );
        differences
    }

    async fn our_folders(&self) -> Side {
        let folders = self
            .store
            .folders_list(self.mailbox)
            .await
            .expect("folders");
        folders
            .into_iter()
            .map(|stored| {
                let folder = stored.folder;
                let fields = json!({
                    "name": folder.display_name,
                    "parent": folder.parent_external_id,
                    "hidden": folder.is_hidden,
                });
                (folder.external_id.0, fields)
            })
            .collect()
    }

    async fn our_messages(&self) -> Side {
        let mut side = Side::new();
        let mut after = None;
        loop {
            let page = self
                .store
                .messages_page(self.mailbox, after.as_ref(), 200)
                .await
                .expect("messages");
            let Some(last) = page.last() else {
                return side;
            };
            after = Some(last.message.external_id.clone());
            for stored in page {
                let message = stored.message;
                let attachments = self
                    .store
                    .attachments_list(self.mailbox, &message.external_id)
                    .await
                    .expect("attachments");
                let attachments: BTreeMap<String, Value> = attachments
                    .into_iter()
                    .map(|one| {
                        let fields = json!([one.name, one.content_type, one.size, one.is_inline]);
                        (one.external_id.0, fields)
                    })
                    .collect();
                let fields = json!({
                    "folder": message.folder_external_id,
                    "change_key": message.change_key,
                    "conversation": message.conversation_id,
                    "message_id": message.internet_message_id,
                    "type": message.item_type,
                    "subject": message.subject,
                    "from": party(message.from.as_ref()),
                    "sender": party(message.sender.as_ref()),
                    "to": parties(&message.to),
                    "cc": parties(&message.cc),
                    "bcc": parties(&message.bcc),
                    "reply_to": parties(&message.reply_to),
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
                });
                side.insert(message.external_id.0, fields);
            }
        }
    }

    async fn our_threads(&self, truth: &Value) -> Side {
        let mut side = Side::new();
        let mut conversations: BTreeSet<String> = list(truth, "messages")
            .iter()
            .filter_map(|message| message["conversationId"].as_str().map(str::to_owned))
            .collect();
        for message in self.our_messages().await.into_values() {
            conversations.extend(message["conversation"].as_str().map(str::to_owned));
        }
        for conversation in conversations {
            let id = conversation.as_str().into();
            let thread = self
                .store
                .thread_get(self.mailbox, &id)
                .await
                .expect("a thread");
            if let Some(thread) = thread {
                let fields =
                    json!({ "count": thread.message_count, "unread": thread.unread_count });
                side.insert(conversation, fields);
            }
        }
        side
    }

    async fn our_calendars(&self) -> Side {
        let calendars = self
            .store
            .calendars_list(self.mailbox)
            .await
            .expect("calendars");
        calendars
            .into_iter()
            .map(|calendar| {
                let fields = json!({ "name": calendar.name, "default": calendar.is_default });
                (calendar.external_id.0, fields)
            })
            .collect()
    }

    async fn our_events(&self) -> Side {
        let mut side = Side::new();
        let mut after = None;
        loop {
            let page = self
                .store
                .events_page(self.mailbox, after.as_ref(), 200)
                .await
                .expect("events");
            let Some(last) = page.last() else {
                return side;
            };
            after = Some(last.event.external_id.clone());
            for stored in page {
                let event = stored.event;
                let is_occurrence = event.kind == EventKind::Occurrence;
                let kind = serde_json::to_value(event.kind).expect("a kind");
                let fields = json!({
                    "kind": kind,
                    "calendar": event.calendar_external_id,
                    "master": event.series_master_id,
                    "change_key": event.change_key.filter(|_| !is_occurrence),
                    "subject": event.subject,
                    "body": event.body,
                    "start": event.start_at,
                    "end": event.end_at,
                    "zone": event.original_zone,
                    "all_day": event.is_all_day,
                    "days": [event.start_date, event.end_date],
                    "cancelled": event.is_cancelled,
                    "location": event.location,
                    "attendees": event.attendees.len(),
                    "show_as": event.show_as,
                    "recurs": event.recurrence.is_some(),
                });
                side.insert(event.external_id.0, fields);
            }
        }
    }
}

fn compare(kind: &str, ours: &Side, theirs: &Side, differences: &mut Vec<String>) {
    let ids: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for id in ids {
        match (ours.get(id), theirs.get(id)) {
            (Some(ours), Some(theirs)) => {
                let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else {
                    continue;
                };
                for (field, value) in ours {
                    if theirs.get(field) != Some(value) {
                        differences.push(format!(
                            "{kind} {id}: {field} is {value}, should be {}",
                            theirs.get(field).unwrap_or(&Value::Null)
                        ));
                    }
                }
            }
            (Some(ours), None) => differences.push(format!("{kind} {id} is a ghost: {ours}")),
            (None, theirs) => {
                let theirs = theirs.map(Value::to_string).unwrap_or_default();
                differences.push(format!("{kind} {id} is missing: {theirs}"));
            }
        }
    }
}

fn list<'a>(truth: &'a Value, name: &str) -> &'a [Value] {
    truth[name].as_array().map_or(&[], Vec::as_slice)
}

fn their_folders(truth: &Value) -> Side {
    list(truth, "folders")
        .iter()
        .filter(|folder| {
            !folder["@odata.type"]
                .as_str()
                .is_some_and(|name| name.ends_with("mailSearchFolder"))
        })
        .map(|folder| {
            let fields = json!({
                "name": folder["displayName"],
                "parent": folder["parentFolderId"],
                "hidden": folder["isHidden"],
            });
            (id(folder), fields)
        })
        .collect()
}

fn their_messages(truth: &Value, folders: &BTreeSet<&String>) -> Side {
    messages_in(truth, folders)
        .map(|message| {
            let attachments: BTreeMap<String, Value> = list(message, "attachments")
                .iter()
                .map(|one| {
                    let fields = json!([
                        one["name"],
                        one["contentType"],
                        one["size"],
                        one["isInline"]
                    ]);
                    (id(one), fields)
                })
                .collect();
            let name = message["@odata.type"].as_str().unwrap_or("message");
            let fields = json!({
                "folder": message["parentFolderId"],
                "change_key": message["changeKey"],
                "conversation": message["conversationId"],
                "message_id": message["internetMessageId"],
                "type": name.rsplit('.').next(),
                "subject": message["subject"],
                "from": their_party(&message["from"]),
                "sender": their_party(&message["sender"]),
                "to": their_parties(&message["toRecipients"]),
                "cc": their_parties(&message["ccRecipients"]),
                "bcc": their_parties(&message["bccRecipients"]),
                "reply_to": their_parties(&message["replyTo"]),
                "received": message["receivedDateTime"],
                "sent": message["sentDateTime"],
                "created": message["createdDateTime"],
                "modified": message["lastModifiedDateTime"],
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
            });
            (id(message), fields)
        })
        .collect()
}

fn messages_in<'a>(
    truth: &'a Value,
    folders: &'a BTreeSet<&String>,
) -> impl Iterator<Item = &'a Value> {
    list(truth, "messages").iter().filter(|message| {
        message["parentFolderId"]
            .as_str()
            .is_some_and(|folder| folders.contains(&folder.to_owned()))
    })
}

fn their_threads(truth: &Value, folders: &BTreeSet<&String>) -> Side {
    let mut counts: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for message in messages_in(truth, folders) {
        if let Some(conversation) = message["conversationId"].as_str() {
            let count = counts.entry(conversation.to_owned()).or_default();
            count.0 += 1;
            count.1 += i64::from(message["isRead"] == json!(false));
        }
    }
    counts
        .into_iter()
        .map(|(id, (count, unread))| (id, json!({ "count": count, "unread": unread })))
        .collect()
}

fn their_calendars(truth: &Value) -> Side {
    list(truth, "calendars")
        .iter()
        .map(|calendar| {
            let fields =
                json!({ "name": calendar["name"], "default": calendar["isDefaultCalendar"] });
            (id(calendar), fields)
        })
        .collect()
}

fn their_events(truth: &Value) -> Side {
    list(truth, "events")
        .iter()
        .chain(list(truth, "occurrences"))
        .map(|event| {
            let kind = &event["type"];
            let is_occurrence = kind == "occurrence";
            let all_day = event["isAllDay"] == json!(true);
            let instant = |name: &str| -> Option<Timestamp> {
                let text = event[name]["dateTime"].as_str()?;
                format!("{}Z", text.trim_end_matches('Z')).parse().ok()
            };
            let day = |name: &str| instant(name).filter(|_| all_day).map(|at| at.date_naive());
            let fields = json!({
                "kind": kind,
                "calendar": event["calendarId"],
                "master": event["seriesMasterId"],
                "change_key": if is_occurrence { &Value::Null } else { &event["changeKey"] },
                "subject": event["subject"],
                "body": event["body"]["content"],
                "start": instant("start"),
                "end": instant("end"),
                "zone": event["originalStartTimeZone"],
                "all_day": all_day,
                "days": [day("start"), day("end")],
                "cancelled": event["isCancelled"],
                "location": event["location"]["displayName"],
                "attendees": list(event, "attendees").len(),
                "show_as": event["showAs"],
                "recurs": event["recurrence"].is_object(),
            });
            (id(event), fields)
        })
        .collect()
}

fn id(item: &Value) -> String {
    item["id"].as_str().expect("an item has an id").to_owned()
}

fn party(party: Option<&Party>) -> Value {
    party.map_or(Value::Null, |party| json!([party.name, party.address]))
}

fn parties(parties: &[Party]) -> Value {
    parties.iter().map(|one| party(Some(one))).collect()
}

fn their_party(recipient: &Value) -> Value {
    let address = &recipient["emailAddress"];
    if address["name"].is_null() && address["address"].is_null() {
        return Value::Null;
    }
    json!([address["name"], address["address"]])
}

fn their_parties(recipients: &Value) -> Value {
    recipients
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(their_party)
        .filter(|party| !party.is_null())
        .collect()
}

fn seconds(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| {
        json!(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    })
}
