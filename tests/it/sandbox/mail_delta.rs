//! Delta over messages: what a round shows of what happened (S35 to S39).

use std::collections::BTreeSet;

use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::knobs::RemovedReason;
use reqwest::Method;
use serde_json::json;

use super::client::{Client, segment};
use super::mail_scene::{
    ARCHIVE, IMMUTABLE, INBOX, begin, id, is_removed, link, move_to, path, seeded,
};

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
