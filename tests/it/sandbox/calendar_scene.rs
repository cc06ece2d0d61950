//! What the tests of calendars begin with: empty calendars, a single event, a weekly series.

use graph_mirror::sandbox::Options;
use serde_json::{Value, json};

use super::client::{Client, segment};

pub const WINDOW: &str = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-05-01T00:00:00Z";
pub const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

/// A sandbox whose calendars are empty.
pub async fn empty() -> Client {
    Client::open_with(Options {
        messages: Some(20),
        events: false,
        ..Options::default()
    })
    .await
}

pub fn single(subject: &str, start: &str, end: &str) -> Value {
    json!({
        "subject": subject,
        "start": {"dateTime": start, "timeZone": "UTC"},
        "end": {"dateTime": end, "timeZone": "UTC"},
    })
}

/// Mondays at nine in Berlin, from 2 March 2026 on.
pub fn weekly(subject: &str, count: u32) -> Value {
    json!({
        "subject": subject,
        "start": {"dateTime": "2026-03-02T09:00:00", "timeZone": "W. Europe Standard Time"},
        "end": {"dateTime": "2026-03-02T10:00:00", "timeZone": "W. Europe Standard Time"},
        "recurrence": {
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
            "range": {"type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": count},
        },
    })
}

pub async fn create(client: &Client, event: Value) -> String {
    let answer = client.post("/me/events", event).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    text(&answer.json(), "/id").to_owned()
}

pub async fn instances(client: &Client, master: &str) -> Vec<Value> {
    let path = format!("/me/events/{}/instances?{WINDOW}", segment(master));
    client.walk(&path, IMMUTABLE).await.0
}

pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub fn ids(items: &[Value]) -> Vec<String> {
    items
        .iter()
        .map(|item| text(item, "/id").to_owned())
        .collect()
}

pub fn of_type<'v>(items: &'v [Value], kind: &str) -> Vec<&'v Value> {
    items.iter().filter(|item| item["type"] == kind).collect()
}
