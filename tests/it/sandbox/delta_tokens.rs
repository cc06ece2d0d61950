//! Delta tokens, of mail and of calendars: how they die, and what reading one again gives (S40 to S42).

use std::collections::BTreeSet;

use graph_mirror::sandbox::commands::DeltaKind;
use graph_mirror::sandbox::knobs::DeadToken;
use serde_json::json;

use super::calendar_scene::{WINDOW, create, empty, single, text};
use super::client::Client;
use super::mail_scene::{IMMUTABLE, INBOX, begin, id, path, seeded};

/// F6.13
const EVERY_WAY: [(DeadToken, u16, &str); 5] = [
    (DeadToken::Gone, 410, "SyncStateNotFound"),
    (DeadToken::GoneWithLocation, 410, "SyncStateNotFound"),
    (DeadToken::BadRequest, 400, "syncStateNotFound"),
    (DeadToken::ResyncRequired, 410, "ResyncRequired"),
    (DeadToken::ResyncRequiredLowerCase, 410, "resyncRequired"),
];

#[tokio::test]
async fn s40_tokens_die_by_command_in_every_way_of_saying_so() {
    let client = seeded().await;
    let (_, since) = begin(&client, INBOX).await;
    let first = client.get_with(INBOX, "odata.maxpagesize=5").await.ok();
    let next = first["@odata.nextLink"].as_str().unwrap();
    let ended = client
        .sandbox
        .world()
        .expire_delta_tokens(None, Some(DeltaKind::Mail));
    assert!(ended.unwrap() >= 2);

    for (knob, status, code) in EVERY_WAY {
        client.sandbox.world().lock().knobs.dead_token = knob;
        for dead in [since.as_str(), next] {
            let refused = client.get(dead).await;
            assert_eq!(refused.refusal(), (status, code.to_owned()));
            let location = refused.headers.get("location");
            assert_eq!(location.is_some(), knob == DeadToken::GoneWithLocation);
            if let Some(location) = location {
                let restart = client.walk(location.to_str().unwrap(), IMMUTABLE).await.0;
                assert!(!restart.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn s40_tokens_die_when_newer_ones_push_them_out() {
    let client = seeded().await;
    client.sandbox.world().lock().knobs.live_delta_tokens = 3;
    let (_, oldest) = begin(&client, INBOX).await;
    let mut newest = oldest.clone();
    for _ in 0..3 {
        newest = begin(&client, INBOX).await.1;
    }

    assert_eq!(client.get(&oldest).await.status, 410);
    assert_eq!(client.get(&newest).await.status, 200);
}

#[tokio::test]
async fn s40_a_next_link_dies_in_mid_round_and_one_that_is_used_lives() {
    // F6.12
    let client = seeded().await;
    client.sandbox.world().lock().knobs.live_delta_tokens = 3;
    let few = format!("{IMMUTABLE}, odata.maxpagesize=5");
    let first = client.get_with(INBOX, &few).await.ok();
    let next = first["@odata.nextLink"].as_str().unwrap();
    let folders = "/me/mailFolders/delta";

    for _ in 0..4 {
        assert_eq!(client.get_with(next, &few).await.status, 200);
        client.get_with(folders, "odata.maxpagesize=1").await.ok();
    }
    begin(&client, INBOX).await;

    let dead = client.get_with(next, &few).await;
    assert_eq!(dead.refusal(), (410, "SyncStateNotFound".to_owned()));
}

#[tokio::test]
async fn s40_mail_and_calendars_share_the_tokens_of_a_mailbox() {
    let mut client = empty().await;
    client.sandbox.world().lock().knobs.live_delta_tokens = 2;
    let view = format!("/me/calendarView/delta?{WINDOW}");
    let whole = format!("{IMMUTABLE}, odata.maxpagesize=1000");
    let round = async |client: &Client, path: &str| {
        let (_, last) = client.walk(path, &whole).await;
        text(&last, "/@odata.deltaLink").to_owned()
    };
    client.sign_in(1);
    let elsewhere = round(&client, INBOX).await;
    client.sign_in(0);

    let mail = round(&client, INBOX).await;
    round(&client, &view).await;
    let calendar = round(&client, &view).await;
    let dead = client.get(&mail).await;
    assert_eq!(dead.refusal(), (410, "SyncStateNotFound".to_owned()));
    assert_eq!(client.get(&calendar).await.status, 200);

    round(&client, INBOX).await;
    round(&client, INBOX).await;
    assert_eq!(client.get(&calendar).await.status, 410);
    // Another mailbox has its own.
    client.sign_in(1);
    assert_eq!(client.get(&elsewhere).await.status, 200);
}

#[tokio::test]
async fn s40_a_dead_token_of_a_calendar_view_is_refused_in_every_way_too() {
    let client = empty().await;
    let mut events = BTreeSet::new();
    for day in 1..5 {
        let at = |hour: u32| format!("2026-04-0{day}T{hour}:00:00");
        events.insert(create(&client, single("one", &at(10), &at(11))).await);
    }
    let view = format!("/me/calendarView/delta?{WINDOW}");
    let few = format!("{IMMUTABLE}, odata.maxpagesize=3");
    let first = client.get_with(&view, &few).await.ok();
    let next = text(&first, "/@odata.nextLink");
    let (_, last) = client.walk(&view, &few).await;
    let since = text(&last, "/@odata.deltaLink");
    let world = client.sandbox.world();
    let mail = world.expire_delta_tokens(None, Some(DeltaKind::Mail));
    assert_eq!(mail.unwrap(), 0);
    assert_eq!(client.get(since).await.status, 200);
    let ended = world.expire_delta_tokens(None, Some(DeltaKind::Calendar));
    assert!(ended.unwrap() >= 2);

    for (knob, status, code) in EVERY_WAY {
        client.sandbox.world().lock().knobs.dead_token = knob;
        for dead in [since, next] {
            let refused = client.get(dead).await;
            assert_eq!(refused.refusal(), (status, code.to_owned()));
            let location = refused.headers.get("location");
            assert_eq!(location.is_some(), knob == DeadToken::GoneWithLocation);
            if let Some(location) = location {
                let (items, _) = client.walk(location.to_str().unwrap(), &few).await;
                let told: BTreeSet<_> = items.iter().map(|item| id(item).to_owned()).collect();
                assert_eq!(told, events);
            }
        }
    }
}

#[tokio::test]
async fn s41_a_delta_link_used_again_gives_the_same_or_more() {
    let client = seeded().await;
    let (items, since) = begin(&client, INBOX).await;
    client
        .patch(&path(&items[0]), json!({"categories": ["x"]}))
        .await
        .ok();

    let once = client.walk(&since, IMMUTABLE).await.0;
    client
        .patch(&path(&items[1]), json!({"categories": ["y"]}))
        .await
        .ok();
    let again = client.walk(&since, IMMUTABLE).await.0;

    let once: BTreeSet<_> = once.iter().map(id).collect();
    let again: BTreeSet<_> = again.iter().map(id).collect();
    assert!(once.is_subset(&again));
    assert_eq!((once.len(), again.len()), (1, 2));
}

#[tokio::test]
async fn s42_from_now_is_a_round_from_the_start() {
    let client = seeded().await;

    let latest = client
        .walk(&format!("{INBOX}?$deltatoken=latest"), IMMUTABLE)
        .await
        .0;

    assert_eq!(latest.len(), client.walk(INBOX, IMMUTABLE).await.0.len());
}
