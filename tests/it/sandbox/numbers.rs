//! The numbers of the facts: what the knobs are by default, and that they hold where they stand.

use std::collections::BTreeMap;

use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::knobs::Knobs;
use serde_json::{Value, json};

use super::client::{Client, segment};

/// The default of each knob as the reference tells it.
fn told() -> BTreeMap<String, String> {
    let reference = include_str!("../../../docs/reference/sandbox.md");
    let (_, table) = reference.split_once("### Knobs").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (name, rest) = row.split_once("` | `").unwrap();
        let (default, _) = rest.split_once("` |").unwrap();
        (name.to_owned(), default.to_owned())
    })
    .collect()
}

#[test]
fn the_reference_tells_the_default_of_every_knob() {
    let knobs = serde_json::to_value(Knobs::default()).unwrap();
    let defaults: BTreeMap<String, String> = knobs
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), value)
        })
        .collect();

    assert_eq!(told(), defaults);
}

#[test]
fn the_limits_are_those_of_the_facts() {
    // F3.9, F3.11, F9.9, F9.13, S12, S13, S14, S33, S52, S53, S62
    let knobs = serde_json::to_value(Knobs::default()).unwrap();

    for (name, number) in [
        ("concurrency_limit", 4),
        ("quota_requests", 10_000),
        ("quota_window_seconds", 600),
        ("upload_bytes", 150 * 1024 * 1024),
        ("filtered_round_limit", 5_000),
        ("max_expiry_minutes", 10_080),
        ("max_rich_expiry_minutes", 1_440),
        ("subscriptions_per_mailbox", 1_000),
        ("notification_delay_min_ms", 1_000),
        ("notification_delay_max_ms", 5_000),
    ] {
        assert_eq!(knobs[name], json!(number), "{name}");
    }
}

/// A round over the only folder that has mail, in large pages; how many messages it has.
async fn round(client: &Client, options: &str) -> usize {
    let (folders, _) = client.walk("/me/mailFolders?$top=100", "").await;
    let full = |folder: &&Value| folder["totalItemCount"].as_u64() > Some(0);
    let folder = folders.iter().find(full).unwrap();
    let id = segment(folder["id"].as_str().unwrap());
    let path = format!("/me/mailFolders/{id}/messages/delta?$select=id{options}");
    let (items, last) = client.walk(&path, "odata.maxpagesize=1000").await;
    assert!(last["@odata.deltaLink"].is_string());
    items.len()
}

#[tokio::test]
async fn s33_a_filtered_round_ends_at_5_000_messages_and_a_full_one_goes_on() {
    let filter = "&$filter=receivedDateTime%20ge%202000-01-01T00:00:00Z";
    for (messages, filtered) in [(5_000, 5_000), (5_001, 5_000)] {
        let client = Client::open_with(Options {
            mailboxes: 1,
            messages: Some(messages),
            folders: Some(1),
            body_bytes: Some(16),
            events: false,
            ..Options::default()
        })
        .await;

        assert_eq!(round(&client, filter).await, filtered, "of {messages}");
        assert_eq!(round(&client, "").await, messages);
    }
}
