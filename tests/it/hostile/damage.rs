//! Takes what Graph would send and breaks it.
//!
//! A damage is text in the place of a value: much of it no JSON library would write (half surrogates, numbers without
//! end), and some of it is no value of any field Graph knows.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// What happens to one place.
#[derive(Debug, Clone)]
pub enum Wreck {
    /// The key goes.
    Removed,
    /// The value becomes this JSON text.
    Becomes(String),
}

const TEXTS: &[&str] = &[
    "null",
    "true",
    "17",
    "-1.5",
    "1e999999",
    "1E-99999",
    "9223372036854775808",
    "\"\"",
    "\"x\"",
    "[]",
    "[null]",
    "[[[[1]]]]",
    "{}",
    r#"{"id":{"id":[null]}}"#,
    r#""nul \u0000 in it""#,
    r#""half \ud83d""#,
    r#""\udc00\ud800""#,
    r#""9999-12-31T23:59:59.9999999Z""#,
    r#""0001-01-01T00:00:00Z""#,
    r#""0001-01-01T00:00:00.0000000""#,
    r#""0001-01-01""#,
    r#""-0001-12-31T00:00:00Z""#,
    r#""2026-02-30T25:61:61Z""#,
    r#""2016-12-31T23:59:60.5Z""#,
    r#""2016-12-31T23:59:60.9999999""#,
    r#""+262142-12-31T23:59:59Z""#,
    r#""+262142-12-31T23:59:59""#,
    r#""-262143-01-01T00:00:00""#,
    r#""Mars Standard Time""#,
    r#""tzone://Microsoft/Custom""#,
    r#""notYetInvented""#,
    r#""../../%00?#""#,
    r#"{"dateTime":"9999-12-31T23:59:59.9999999","timeZone":"Dateline Standard Time"}"#,
    r#"{"dateTime":"0001-01-01T00:00:00","timeZone":"Line Islands Standard Time"}"#,
    r#"{"dateTime":"+262142-12-31T23:59:59","timeZone":"Dateline Standard Time"}"#,
];

fn wreck() -> impl Strategy<Value = Wreck> {
    prop_oneof![
        4 => Just(Wreck::Removed),
        20 => prop::sample::select(TEXTS).prop_map(|text| Wreck::Becomes(text.to_owned())),
        1 => Just(Wreck::Becomes(format!("\"{}\"", "é".repeat(500_000)))),
        2 => Just(Wreck::Becomes(format!("\"{}\"", "A".repeat(3_000)))),
        1 => Just(Wreck::Becomes(format!("{}1{}", "[".repeat(400), "]".repeat(400)))),
        1 => Just(Wreck::Becomes("9".repeat(200_000))),
        6 => ".{0,40}".prop_map(|text| Wreck::Becomes(Value::String(text).to_string())),
    ]
}

/// Some damages.
pub fn wrecks() -> impl Strategy<Value = Vec<(Index, Wreck)>> {
    prop::collection::vec((any::<Index>(), wreck()), 1..4)
}

/// The text of `whole` after the damages.
pub fn damaged(whole: &Value, wrecks: &[(Index, Wreck)]) -> String {
    let mut value = whole.clone();
    let mut texts = Vec::new();
    for (place, wreck) in wrecks {
        let mut places = Vec::new();
        collect(&value, &mut String::new(), &mut places);
        if places.is_empty() {
            break;
        }
        let place = place.get(&places).clone();
        match wreck {
            Wreck::Becomes(text) => {
                let mark = format!("wreck {}", texts.len());
                *value.pointer_mut(&place).expect("it was found there") = json!(mark);
                texts.push((format!("\"{mark}\""), text.clone()));
            }
            Wreck::Removed => {
                let (parent, name) = place.rsplit_once('/').expect("it is in something");
                match value.pointer_mut(parent) {
                    Some(Value::Object(fields)) => {
                        fields.remove(&name.replace("~1", "/").replace("~0", "~"));
                    }
                    Some(Value::Array(elements)) => {
                        elements.remove(name.parse().expect("a place in a list"));
                    }
                    _ => {}
                }
            }
        }
    }
    texts
        .into_iter()
        .fold(value.to_string(), |text, (mark, wreck)| {
            text.replace(&mark, &wreck)
        })
}

/// The JSON pointers of everything inside of a value.
fn collect(value: &Value, at: &mut String, places: &mut Vec<String>) {
    let mut enter = |name: &str, value: &Value, at: &mut String| {
        let length = at.len();
        at.push('/');
        at.push_str(&name.replace('~', "~0").replace('/', "~1"));
        places.push(at.clone());
        collect(value, at, places);
        at.truncate(length);
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                enter(name, value, at);
            }
        }
        Value::Array(elements) => {
            for (place, value) in elements.iter().enumerate() {
                enter(&place.to_string(), value, at);
            }
        }
        _ => {}
    }
}

/// A message as Graph shows it.
pub fn message(id: &str) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.message", "@odata.etag": "W/\"CQAAABYA\"", "id": id,
        "createdDateTime": "2026-01-09T08:00:00Z", "lastModifiedDateTime": "2026-01-09T08:00:01Z", "changeKey": "CQAAABYA",
        "categories": ["Red category"], "receivedDateTime": "2026-01-09T08:00:00Z", "sentDateTime": "2026-01-09T07:59:58Z",
        "hasAttachments": false, "internetMessageId": "<a@b.example>", "subject": "Grüße", "bodyPreview": "Hi",
        "importance": "normal", "parentFolderId": "inbox", "conversationId": "T1", "conversationIndex": "AQHa",
        "isDeliveryReceiptRequested": null, "isReadReceiptRequested": false, "isRead": false, "isDraft": false,
        "webLink": "https://outlook.office365.com/x", "inferenceClassification": "focused",
        "body": { "contentType": "html", "content": "<p>Hi</p>" },
        "sender": { "emailAddress": { "name": "A", "address": "a@b.example" } },
        "from": { "emailAddress": { "name": "A", "address": "a@b.example" } },
        "toRecipients": [{ "emailAddress": { "name": "B", "address": "b@b.example" } }],
        "ccRecipients": [], "bccRecipients": [], "replyTo": [], "flag": { "flagStatus": "notFlagged" },
    })
}

/// An event as Graph shows it.
pub fn event(id: &str) -> Value {
    let mut event: Value = serde_json::from_str(EVENT).expect("it is JSON");
    event["id"] = json!(id);
    event
}

const EVENT: &str = r##"{
    "@odata.type": "#microsoft.graph.event", "@odata.etag": "W/\"CQAAABYA\"", "id": null,
    "createdDateTime": "2026-01-09T08:00:00Z", "lastModifiedDateTime": "2026-01-09T08:00:01Z", "changeKey": "CQAAABYA",
    "categories": [], "originalStartTimeZone": "W. Europe Standard Time", "originalEndTimeZone": "UTC",
    "iCalUId": "040000008200E0", "reminderMinutesBeforeStart": 15, "isReminderOn": true, "hasAttachments": false,
    "subject": "Stand-up", "bodyPreview": "", "importance": "normal", "sensitivity": "normal", "isAllDay": false,
    "isCancelled": false, "isOrganizer": true, "responseRequested": true, "seriesMasterId": null, "showAs": "busy",
    "type": "seriesMaster", "webLink": "https://outlook.office365.com/y", "onlineMeetingUrl": null,
    "isOnlineMeeting": true, "onlineMeetingProvider": "teamsForBusiness",
    "responseStatus": { "response": "organizer", "time": "0001-01-01T00:00:00Z" },
    "body": { "contentType": "html", "content": "<p>daily</p>" },
    "start": { "dateTime": "2026-03-02T09:00:00.0000000", "timeZone": "UTC" },
    "end": { "dateTime": "2026-03-02T10:00:00.0000000", "timeZone": "UTC" },
    "location": { "displayName": "Room 1", "locationType": "default" }, "locations": [{ "displayName": "Room 1" }],
    "recurrence": {
        "pattern": { "type": "weekly", "interval": 1, "month": 0, "dayOfMonth": 0, "daysOfWeek": ["monday"],
            "firstDayOfWeek": "sunday", "index": "first" },
        "range": { "type": "numbered", "startDate": "2026-03-02", "endDate": "0001-01-01",
            "recurrenceTimeZone": "W. Europe Standard Time", "numberOfOccurrences": 10 }
    },
    "attendees": [{ "type": "required", "status": { "response": "none", "time": "0001-01-01T00:00:00Z" },
        "emailAddress": { "name": "B", "address": "b@b.example" } }],
    "organizer": { "emailAddress": { "name": "A", "address": "a@b.example" } },
    "onlineMeeting": { "joinUrl": "https://teams.example/j" }
}"##;

/// A folder as Graph shows it.
pub fn folder(id: &str) -> Value {
    json!({
        "id": id, "displayName": "Büro/2026", "parentFolderId": "root", "childFolderCount": 0, "unreadItemCount": 2,
        "totalItemCount": 9, "sizeInBytes": 1, "isHidden": false,
    })
}

/// A calendar as Graph shows it.
pub fn calendar(id: &str) -> Value {
    json!({
        "id": id, "name": "Calendar", "color": "auto", "hexColor": "", "isDefaultCalendar": true, "changeKey": "x",
        "canShare": true, "canViewPrivateItems": true, "canEdit": true, "isRemovable": false,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"], "defaultOnlineMeetingProvider": "teamsForBusiness",
        "owner": { "name": "A", "address": "a@b.example" },
    })
}
