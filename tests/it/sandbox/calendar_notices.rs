//! What is notified about calendars, from the edit to the POST.

use std::time::Duration;

use serde_json::{Value, json};

use super::bench::Ear;
use super::calendar_scene::{create, empty, instances, single, text, weekly};
use super::client::{Client, segment};

async fn subscribe(client: &Client, ear: &Ear, resource: &str) {
    let knobs = json!({"notification_delay_min_ms": 0, "notification_delay_max_ms": 0});
    client.sandbox.world().turn_knobs(&knobs).unwrap();
    let body = json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": format!("{}/notify", ear.url),
        "resource": resource,
        "expirationDateTime": "2026-02-14T09:00:00Z",
        "clientState": "secret",
    });
    assert_eq!(client.post("/subscriptions", body).await.status, 201);
}

/// Everything that was notified, once nothing is on its way any more.
async fn heard(client: &Client, ear: &Ear) -> Vec<(String, String)> {
    let world = client.sandbox.world();
    let settled = async {
        loop {
            let status = world.deliveries();
            if status.waiting == 0 && status.in_flight == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), settled)
        .await
        .expect("deliveries come to rest within ten seconds");
    let mut items: Vec<Value> = Vec::new();
    while ear.unheard() > 0 {
        items.extend(ear.next().await.items());
    }
    items
        .iter()
        .map(|item| {
            let id = text(item, "/resourceData/id").to_owned();
            (text(item, "/changeType").to_owned(), id)
        })
        .collect()
}

fn count(heard: &[(String, String)], change: &str, id: &str) -> usize {
    heard
        .iter()
        .filter(|(what, which)| what == change && which == id)
        .count()
}

// S63, F10.25, F10.26
#[tokio::test]
async fn s63_an_event_is_created_then_updated_and_an_edited_occurrence_names_its_master() {
    let client = empty().await;
    let ear = Ear::open().await;
    subscribe(&client, &ear, "me/events").await;

    let master = create(&client, weekly("weekly", 4)).await;
    let made = heard(&client, &ear).await;
    let second = text(&instances(&client, &master).await[1], "/id").to_owned();
    let path = format!("/me/events/{}", segment(&second));
    client.patch(&path, json!({"subject": "other"})).await.ok();
    let edited = heard(&client, &ear).await;
    client.delete(&path).await;
    let dropped = heard(&client, &ear).await;
    client
        .delete(&format!("/me/events/{}", segment(&master)))
        .await;
    let gone = heard(&client, &ear).await;

    assert_eq!(count(&made, "created", &master), 1);
    assert!(
        (1..=2).contains(&count(&made, "updated", &master)),
        "{made:?}"
    );
    for heard in [&edited, &dropped] {
        assert!((1..=3).contains(&heard.len()), "{heard:?}");
        assert_eq!(count(heard, "updated", &master), heard.len());
    }
    assert_eq!(gone, [("deleted".to_owned(), master)]);
}

// S69, F9.5
#[tokio::test]
async fn s69_events_of_another_calendar_are_notified_to_its_own_subscription_only() {
    let client = empty().await;
    let (default, named) = (Ear::open().await, Ear::open().await);
    let made = client
        .post("/me/calendars", json!({"name": "Projects"}))
        .await
        .ok();
    let calendar = text(&made, "/id").to_owned();
    subscribe(&client, &default, "me/events").await;
    subscribe(
        &client,
        &named,
        &format!("me/calendars/{}/events", segment(&calendar)),
    )
    .await;

    let event = single("there", "2026-04-01T10:00:00", "2026-04-01T11:00:00");
    let path = format!("/me/calendars/{}/events", segment(&calendar));
    let there = client.post(&path, event).await.ok();
    let here = single("here", "2026-04-01T10:00:00", "2026-04-01T11:00:00");
    let here = create(&client, here).await;

    let (by_default, by_name) = (heard(&client, &default).await, heard(&client, &named).await);
    assert_eq!(count(&by_default, "created", &here), 1);
    assert!(by_default.iter().all(|(_, id)| *id == here));
    assert_eq!(count(&by_name, "created", text(&there, "/id")), 1);
    assert!(by_name.iter().all(|(_, id)| id == text(&there, "/id")));
}
