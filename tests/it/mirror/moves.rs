//! Messages and folders that move, vanish and come back.

use std::time::Duration;

use graph_mirror::model::feed::{ChangeKind, ItemKind};
use graph_mirror::model::ids::GraphId;
use graph_mirror::store::Backend;
use serde_json::json;

use super::mailbox::Connected;
use super::on_both;

pub async fn mirrored(backend: Backend) -> Connected {
    let bench = Connected::open(backend).await;
    bench.backfill().await;
    bench.settle(Duration::from_mins(3)).await;
    bench
}

pub async fn shift(bench: &Connected, message: &str, to: &str) {
    let path = format!("/messages/{}/move", Connected::segment(message));
    bench
        .act("POST", &path, Some(json!({ "destinationId": to })))
        .await;
}

/// What the feed told of a message since a position.
pub async fn told(bench: &Connected, since: i64, message: &str) -> Vec<ChangeKind> {
    let changes = bench
        .store
        .changes_after(bench.mailbox, since, 100_000)
        .await
        .expect("the feed");
    changes
        .into_iter()
        .filter(|change| change.kind == ItemKind::Message && change.external_id.0 == message)
        .map(|change| change.change)
        .collect()
}

pub async fn position(bench: &Connected) -> i64 {
    let row = bench
        .store
        .mailbox_get(bench.mailbox)
        .await
        .expect("it is read");
    row.expect("the mailbox is there").feed_position
}

on_both!(a_move_is_one_update_and_no_deletion, |backend| {
    // M39, F6.25
    let bench = mirrored(backend).await;
    let message = bench.message_in("inbox", 0).await;
    let since = position(&bench).await;

    shift(&bench, &message, "archive").await;
    bench.poll().await;

    bench.assert_true().await;
    assert_eq!(told(&bench, since, &message).await, [ChangeKind::Updated]);
});

on_both!(a_move_that_shows_only_as_a_removal_is_found, |backend| {
    // Q2
    let bench = mirrored(backend).await;
    bench.turn(&json!({ "immutable_missing_add": true }));
    let message = bench.message_in("inbox", 0).await;

    shift(&bench, &message, "archive").await;
    bench.poll().await;

    bench.assert_true().await;
});

on_both!(
    a_deleted_message_leaves_a_tombstone_and_its_thread_shrinks,
    |backend| {
        let bench = mirrored(backend).await;
        let message = bench.message_in("inbox", 0).await;

        let path = format!("/messages/{}/permanentDelete", Connected::segment(&message));
        bench.act("POST", &path, None).await;
        bench.poll().await;

        bench.assert_true().await;
        let row = bench
            .store
            .message_get(bench.mailbox, &GraphId::from(message.as_str()))
            .await
            .expect("it is read");
        assert!(row.is_none());
    }
);

on_both!(
    a_message_deleted_twice_ends_where_nobody_sees_it,
    |backend| {
        // F5.16
        let bench = mirrored(backend).await;
        let message = bench.message_in("inbox", 0).await;
        let path = format!("/messages/{}", Connected::segment(&message));

        bench.act("DELETE", &path, None).await;
        bench.poll().await;
        bench.assert_true().await;
        bench.act("DELETE", &path, None).await;
        bench.poll().await;

        bench.assert_true().await;
    }
);

/// Somebody reads a message of the inbox, or marks it as unread.
async fn flip_one(bench: &Connected) {
    let message = bench.message_in("inbox", 0).await;
    let path = format!("/messages/{}", Connected::segment(&message));
    let is_read = bench.act("GET", &path, None).await["isRead"] == json!(true);
    bench
        .act("PATCH", &path, Some(json!({ "isRead": !is_read })))
        .await;
}

on_both!(
    a_read_flip_that_comes_in_three_fields_is_merged,
    |backend| {
        // F6.5, M38
        let bench = mirrored(backend).await;
        bench.turn(&json!({ "partial_read_changes": true }));

        flip_one(&bench).await;
        bench.poll().await;

        bench.assert_true().await;
    }
);

on_both!(
    a_read_flip_that_moved_the_time_of_the_last_change_is_asked_for,
    |backend| {
        // F5.10, M38: the three fields do not tell that time.
        let bench = mirrored(backend).await;
        bench.turn(&json!({ "partial_read_changes": true, "read_keeps_modified": false }));

        flip_one(&bench).await;
        bench.poll().await;

        bench.assert_true().await;
    }
);

on_both!(a_deleted_folder_takes_its_messages_one_by_one, |backend| {
    // R18, M46, F6.19
    let bench = mirrored(backend).await;
    let folder = bench
        .act(
            "POST",
            "/mailFolders",
            Some(json!({ "displayName": "Akten/2026" })),
        )
        .await["id"]
        .as_str()
        .expect("a folder has an id")
        .to_owned();
    let (first, second) = (
        bench.message_in("inbox", 0).await,
        bench.message_in("inbox", 1).await,
    );
    shift(&bench, &first, &folder).await;
    shift(&bench, &second, &folder).await;
    bench.poll().await;
    bench.assert_true().await;

    // One is saved before the folder goes, for good.
    shift(&bench, &second, "archive").await;
    let path = format!("/mailFolders/{}", Connected::segment(&folder));
    bench.act("DELETE", &path, None).await;
    bench.poll().await;
    bench.assert_true().await;
    let path = format!(
        "/mailFolders/{}/permanentDelete",
        Connected::segment(&folder)
    );
    bench.act("POST", &path, None).await;
    bench.poll().await;

    bench.assert_true().await;
    let saved = bench
        .store
        .message_get(bench.mailbox, &GraphId::from(second.as_str()))
        .await
        .expect("it is read");
    assert!(saved.is_some());
});
