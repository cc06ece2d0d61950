//! Delta over messages and folders (S31 to S44).

use std::collections::BTreeSet;

use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::knobs::{DeadToken, ExtraOptions, RemovedReason};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, segment};

const IMMUTABLE: &str = "IdType=\"ImmutableId\"";
const INBOX: &str = "/me/mailFolders/inbox/messages/delta";
const ARCHIVE: &str = "/me/mailFolders/archive/messages/delta";

async fn seeded() -> Client {
    Client::open_with(Options {
        messages: Some(120),
        ..Options::default()
    })
    .await
}

fn id(item: &Value) -> &str {
    item["id"].as_str().expect("an item has an id")
}

fn path(item: &Value) -> String {
    format!("/me/messages/{}", segment(id(item)))
}

fn link(page: &Value) -> String {
    page["@odata.deltaLink"]
        .as_str()
        .expect("a round ends")
        .to_owned()
}

fn is_removed(item: &Value) -> bool {
    item.get("@removed").is_some()
}

/// A full round, and its deltaLink.
async fn begin(client: &Client, path: &str) -> (Vec<Value>, String) {
    let (items, last) = client.walk(path, IMMUTABLE).await;
    let link = link(&last);
    (items, link)
}

async fn move_to(client: &Client, message: &Value, folder: &str) {
    let to = json!({"destinationId": folder});
    let answer = client.post(&format!("{}/move", path(message)), to).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn s31_a_round_ends_with_exactly_one_delta_link() {
    let client = seeded().await;

    let mut next = INBOX.to_owned();
    let mut seen = BTreeSet::new();
    let mut pages = 0;
    loop {
        let page = client.get_with(&next, "odata.maxpagesize=7").await.ok();
        pages += 1;
        let items = page["value"].as_array().unwrap();
        assert!(items.len() <= 7);
        seen.extend(items.iter().map(|item| id(item).to_owned()));
        match (
            page["@odata.nextLink"].as_str(),
            page["@odata.deltaLink"].as_str(),
        ) {
            (Some(link), None) => {
                assert!(link.contains("$skiptoken="));
                link.clone_into(&mut next);
            }
            (None, Some(link)) => {
                assert!(link.contains("$deltatoken="));
                break;
            }
            both => panic!("a page has one link, not {both:?}"),
        }
    }

    let inbox = client.get("/me/mailFolders/inbox").await.ok();
    assert_eq!(inbox["totalItemCount"], seen.len());
    assert!(pages > 3);
}

#[tokio::test]
async fn s31_options_are_baked_in_and_others_ignored_or_refused() {
    let client = seeded().await;
    let (items, last) = client
        .walk(&format!("{INBOX}?$select=subject,isRead"), IMMUTABLE)
        .await;
    assert!(
        items
            .iter()
            .all(|item| item.get("body").is_none() && item["subject"].is_string())
    );
    let link = link(&last);
    client
        .patch(
            &path(&items[0]),
            json!({"importance": "high", "isRead": items[0]["isRead"] == false}),
        )
        .await
        .ok();

    let extra = format!("{link}&$select=body");
    let page = client.get(&extra).await.ok();
    assert_eq!(page["value"].as_array().unwrap().len(), 1);
    assert!(page["value"][0].get("body").is_none());

    client.sandbox.world().lock().knobs.extra_delta_options = ExtraOptions::Refuse;
    assert_eq!(client.get(&extra).await.status, 400);
    assert_eq!(client.get(&link).await.status, 200);
}

#[tokio::test]
async fn s32_options_that_are_not_supported_are_refused() {
    let client = seeded().await;

    for query in [
        "$search=\"x\"",
        "$filter=isRead eq false",
        "$filter=receivedDateTime le 2026-01-01T00:00:00Z",
        "$filter=receivedDateTime ge 2026-01-01",
        "$orderby=subject",
        "$orderby=receivedDateTime",
        "$skip=3",
        "changeType=moved",
        "$top=0",
    ] {
        let refused = client.get(&format!("{INBOX}?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
    }
    for query in [
        "$filter=displayName eq 'x'",
        "$search=x",
        "$orderby=displayName",
    ] {
        let refused = client.get(&format!("/me/mailFolders/delta?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
    }
    assert_eq!(client.get("/me/messages/delta").await.status, 400);
}

#[tokio::test]
async fn s33_a_filtered_initial_round_stops_at_its_limit() {
    let client = Client::open_with(Options {
        messages: Some(60),
        folders: Some(1),
        ..Options::default()
    })
    .await;
    client.sandbox.world().lock().knobs.filtered_round_limit = 25;
    let folders = client.get("/me/mailFolders?$top=50").await.ok();
    let folder = folders["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["totalItemCount"] == 60)
        .unwrap();
    let delta = format!("/me/mailFolders/{}/messages/delta", segment(id(folder)));

    let all = client.walk(&delta, IMMUTABLE).await.0;
    let filtered = client
        .walk(
            &format!("{delta}?$filter=receivedDateTime ge 2020-01-01T00:00:00Z"),
            IMMUTABLE,
        )
        .await
        .0;
    let recent = all[9]["receivedDateTime"].as_str().unwrap();
    let few = client
        .walk(
            &format!("{delta}?$filter=receivedDateTime gt {recent}&$orderby=receivedDateTime desc"),
            IMMUTABLE,
        )
        .await
        .0;

    assert_eq!((all.len(), filtered.len(), few.len()), (60, 25, 9));
}

#[tokio::test]
async fn s34_changes_to_unselected_properties_do_not_surface() {
    let client = seeded().await;
    let (items, last) = client
        .walk(&format!("{INBOX}?$select=subject"), IMMUTABLE)
        .await;
    let (_, read_last) = client
        .walk(&format!("{INBOX}?$select=isRead"), IMMUTABLE)
        .await;

    let flipped = items.iter().find(|item| !is_removed(item)).unwrap();
    let now_read = client.get(&path(flipped)).await.ok()["isRead"] == false;
    client
        .patch(&path(flipped), json!({"isRead": now_read}))
        .await
        .ok();

    assert!(client.walk(&link(&last), IMMUTABLE).await.0.is_empty());
    assert_eq!(client.walk(&link(&read_last), IMMUTABLE).await.0.len(), 1);
}

#[tokio::test]
async fn s35_a_read_flip_brings_three_properties() {
    let client = seeded().await;
    let (items, since) = begin(&client, INBOX).await;
    client
        .patch(
            &path(&items[0]),
            json!({"isRead": items[0]["isRead"] == false}),
        )
        .await
        .ok();
    client
        .patch(&path(&items[1]), json!({"categories": ["x"]}))
        .await
        .ok();

    let changes = client.walk(&since, IMMUTABLE).await.0;

    assert_eq!(changes.len(), 2);
    let mut keys: Vec<_> = changes[0]
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| !key.starts_with('@'))
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, ["id", "isRead", "parentFolderId"]);
    assert_eq!(changes[1]["subject"], items[1]["subject"]);

    client.sandbox.world().lock().knobs.partial_read_changes = false;
    let whole = client.walk(&since, IMMUTABLE).await.0;
    assert_eq!(whole[0]["subject"], items[0]["subject"]);
}

#[tokio::test]
async fn s36_what_is_deleted_or_moved_out_is_removed_with_a_reason() {
    let client = seeded().await;
    let (items, since) = begin(&client, INBOX).await;
    move_to(&client, &items[0], "archive").await;
    client
        .post(&format!("{}/permanentDelete", path(&items[1])), json!({}))
        .await;

    let changes = client.walk(&since, IMMUTABLE).await.0;
    let gone: BTreeSet<_> = changes.iter().map(id).collect();
    assert_eq!(gone, BTreeSet::from([id(&items[0]), id(&items[1])]));
    for change in &changes {
        assert_eq!(change["@removed"]["reason"], "deleted");
        assert_eq!(change["@odata.type"], "#microsoft.graph.message");
    }

    client.sandbox.world().lock().knobs.removed_reason = RemovedReason::Changed;
    let again = client.walk(&since, IMMUTABLE).await.0;
    assert!(
        again
            .iter()
            .all(|change| change["@removed"]["reason"] == "changed")
    );
}

#[tokio::test]
async fn s37_a_move_is_a_removal_here_and_an_addition_there_in_either_format() {
    let client = seeded().await;
    let (items, inbox) = begin(&client, INBOX).await;
    let (_, archive) = begin(&client, ARCHIVE).await;
    let message = &items[0];
    let old = client
        .send(Method::GET, &path(message), &[], None)
        .await
        .ok();
    move_to(&client, message, "archive").await;
    let new = client
        .send(Method::GET, &path(message), &[], None)
        .await
        .ok();

    for (prefer, left, came) in [
        (IMMUTABLE, id(message), id(message)),
        ("", id(&old), id(&new)),
    ] {
        let here = client.walk(&inbox, prefer).await.0;
        let there = client.walk(&archive, prefer).await.0;
        assert_eq!((here.len(), there.len()), (1, 1));
        assert!(is_removed(&here[0]) && !is_removed(&there[0]));
        assert_eq!((id(&here[0]), id(&there[0])), (left, came));
    }
    assert_ne!(id(&old), id(&new));
}

#[tokio::test]
async fn s38_there_and_back_shows_only_the_removal_until_it_changes_again() {
    // F6.26
    let client = seeded().await;
    let (items, since) = begin(&client, INBOX).await;
    let message = &items[0];
    move_to(&client, message, "archive").await;
    move_to(&client, message, "inbox").await;

    let (changes, last) = client.walk(&since, IMMUTABLE).await;
    assert_eq!(changes.len(), 1);
    assert!(is_removed(&changes[0]) && id(&changes[0]) == id(message));
    assert_eq!(client.get(&path(message)).await.status, 200);
    client
        .patch(&path(message), json!({"categories": ["x"]}))
        .await
        .ok();
    let again = client.walk(&link(&last), IMMUTABLE).await.0;
    assert_eq!(again.len(), 1);
    assert!(!is_removed(&again[0]));

    // With default ids the defect does not appear (F6.27).
    let plain = client.walk(&since, "").await.0;
    assert!(
        plain
            .iter()
            .any(|item| !is_removed(item) && item["subject"] == message["subject"])
    );
    client.sandbox.world().lock().knobs.immutable_lost_item = false;
    let (_, since) = begin(&client, INBOX).await;
    move_to(&client, message, "archive").await;
    move_to(&client, message, "inbox").await;
    let healthy = client.walk(&since, IMMUTABLE).await.0;
    assert!(
        healthy
            .iter()
            .any(|item| !is_removed(item) && id(item) == id(message))
    );
}

#[tokio::test]
async fn s38_a_move_may_show_no_addition() {
    let client = seeded().await;
    let (items, _) = begin(&client, INBOX).await;
    let (_, archive) = begin(&client, ARCHIVE).await;
    client.sandbox.world().lock().knobs.immutable_missing_add = true;

    move_to(&client, &items[0], "archive").await;

    assert!(client.walk(&archive, IMMUTABLE).await.0.is_empty());
}

#[tokio::test]
async fn s39_rounds_may_repeat_delay_and_shuffle() {
    let client = seeded().await;
    let (items, since) = begin(&client, INBOX).await;
    for item in &items[..4] {
        client
            .patch(&path(item), json!({"categories": ["x"]}))
            .await
            .ok();
    }
    let set = |knob: &str| {
        let mut state = client.sandbox.world().lock();
        state.knobs = graph_mirror::sandbox::knobs::Knobs::default();
        state.knobs.patch(&json!({knob: true})).unwrap();
    };

    set("delta_duplicates");
    let twice = client.walk(&since, IMMUTABLE).await.0;
    assert_eq!(twice.len(), 5);
    assert_eq!(twice[0], twice[4]);

    set("delta_delays");
    let (early, last) = client.walk(&since, IMMUTABLE).await;
    assert_eq!(early.len(), 3);
    set("delta_random_order");
    let late = client.walk(&link(&last), IMMUTABLE).await.0;
    assert_eq!(late.len(), 1);

    set("delta_replays");
    let (first, last) = client.walk(&since, IMMUTABLE).await;
    let replayed = client.walk(&link(&last), IMMUTABLE).await.0;
    assert_eq!(first, replayed);

    set("delta_random_order");
    let orders: BTreeSet<Vec<String>> = {
        let mut orders = BTreeSet::new();
        for _ in 0..8 {
            let round = client.walk(&since, IMMUTABLE).await.0;
            orders.insert(round.iter().map(|item| id(item).to_owned()).collect());
        }
        orders
    };
    assert!(orders.len() > 1);
}

#[tokio::test]
async fn s40_tokens_die_by_command_in_every_way_of_saying_so() {
    let client = seeded().await;
    let (_, since) = begin(&client, INBOX).await;
    let first = client.get_with(INBOX, "odata.maxpagesize=5").await.ok();
    let next = first["@odata.nextLink"].as_str().unwrap();
    let ended = client.sandbox.world().lock().mailboxes[0]
        .mail
        .expire_tokens();
    assert!(ended >= 2);

    for (knob, status, code) in [
        (DeadToken::Gone, 410, "SyncStateNotFound"),
        (DeadToken::GoneWithLocation, 410, "SyncStateNotFound"),
        (DeadToken::BadRequest, 400, "syncStateNotFound"),
        (DeadToken::ResyncRequired, 410, "ResyncRequired"),
        (DeadToken::ResyncRequiredLowerCase, 410, "resyncRequired"),
    ] {
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

#[tokio::test]
async fn s43_the_folder_delta_is_flat_and_reports_counts_too() {
    let client = seeded().await;
    let (all, last) = client.walk("/me/mailFolders/delta", IMMUTABLE).await;
    let ids: Vec<_> = all.iter().map(id).collect();
    let parent_later = all
        .iter()
        .enumerate()
        .any(|(at, folder)| ids[at..].contains(&folder["parentFolderId"].as_str().unwrap()));
    assert!(parent_later, "children come before their parents");
    let root = client.get("/me/mailFolders/msgfolderroot").await.ok();
    assert!(!ids.contains(&id(&root)));
    let mut depths = all
        .iter()
        .filter(|folder| folder["parentFolderId"] != root["id"]);
    assert!(depths.next().is_some());

    let unread = client.get("/me/mailFolders/inbox").await.ok()["unreadItemCount"].clone();
    let message = client
        .get("/me/mailFolders/inbox/messages?$filter=isRead eq false&$top=1")
        .await
        .ok();
    client
        .patch(&path(&message["value"][0]), json!({"isRead": true}))
        .await
        .ok();
    let (counted, last) = client.walk(&link(&last), IMMUTABLE).await;
    assert_eq!(counted.len(), 1);
    assert_eq!(
        counted[0]["unreadItemCount"].as_u64(),
        unread.as_u64().map(|count| count - 1)
    );

    let made = client
        .post("/me/mailFolders", json!({"displayName": "New"}))
        .await
        .ok();
    let (created, last) = client.walk(&link(&last), IMMUTABLE).await;
    assert!(created.iter().any(|folder| folder["id"] == made["id"]));
    let base = format!("/me/mailFolders/{}", segment(id(&made)));
    client
        .post(&format!("{base}/permanentDelete"), json!({}))
        .await;
    let removed = client.walk(&link(&last), IMMUTABLE).await.0;
    assert!(
        removed
            .iter()
            .any(|folder| folder["id"] == made["id"] && is_removed(folder))
    );
}

#[tokio::test]
async fn s44_a_folder_that_is_gone_has_no_delta() {
    let client = seeded().await;
    let made = client
        .post("/me/mailFolders", json!({"displayName": "Short-lived"}))
        .await
        .ok();
    let base = format!("/me/mailFolders/{}", segment(id(&made)));
    let (_, since) = begin(&client, &format!("{base}/messages/delta")).await;
    client
        .post(&format!("{base}/permanentDelete"), json!({}))
        .await;

    let anew = client.get(&format!("{base}/messages/delta")).await;
    assert_eq!(anew.refusal(), (404, "ErrorItemNotFound".to_owned()));
    let on = client.get(&since).await;
    assert_eq!(on.refusal(), (404, "ErrorSyncFolderNotFound".to_owned()));
}

#[tokio::test]
async fn what_changes_in_mid_round_comes_with_the_next_one() {
    // R4
    let client = seeded().await;
    let first = client
        .get_with(INBOX, "IdType=\"ImmutableId\", odata.maxpagesize=5")
        .await
        .ok();
    let (rest_before, _) = begin(&client, INBOX).await;
    let later = rest_before.last().unwrap().clone();
    move_to(&client, &later, "archive").await;
    client
        .patch(&path(&first["value"][0]), json!({"categories": ["x"]}))
        .await
        .ok();

    let (rest, last) = client
        .walk(first["@odata.nextLink"].as_str().unwrap(), IMMUTABLE)
        .await;
    assert!(rest.iter().all(|item| id(item) != id(&later)));
    let next = client.walk(&link(&last), IMMUTABLE).await.0;

    assert!(
        next.iter()
            .any(|item| id(item) == id(&later) && is_removed(item))
    );
    assert!(
        next.iter()
            .any(|item| id(item) == id(&first["value"][0]) && !is_removed(item))
    );
}

#[tokio::test]
async fn a_page_that_grows_too_large_times_out() {
    // F3.14
    let client = seeded().await;
    client.sandbox.world().lock().knobs.page_bytes_limit = Some(60_000);

    let large = client.get_with(INBOX, "odata.maxpagesize=200").await;
    let small = client.get_with(INBOX, "odata.maxpagesize=1").await;

    assert_eq!((large.status, small.status), (504, 200));
}

#[tokio::test]
async fn a_large_folder_is_walked_quickly() {
    // What the benchmarks lean on: a page costs by its own length, not by the folder's.
    let client = Client::open_with(Options {
        messages: Some(20_000),
        folders: Some(1),
        mailboxes: 1,
        events: false,
        ..Options::default()
    })
    .await;
    client.sandbox.world().lock().knobs.gzip = false;
    let folders = client.get("/me/mailFolders?$top=50").await.ok();
    let folder = folders["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["totalItemCount"] == 20_000)
        .unwrap();
    let delta = format!(
        "/me/mailFolders/{}/messages/delta?$select=id",
        segment(id(folder))
    );

    let (items, _) = client
        .walk(&delta, "IdType=\"ImmutableId\", odata.maxpagesize=1000")
        .await;

    let ids: BTreeSet<_> = items.iter().map(id).collect();
    assert_eq!(ids.len(), 20_000);
    assert_eq!(
        client.sandbox.world().lock().stats.by_kind["GET mailFolders/{id}/messages/delta"],
        20
    );
}
