//! Delta over the folder tree, and over the messages of folders that go (S43, S44).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::client::segment;
use super::mail_scene::{
    IMMUTABLE, INBOX, begin, folder_path, id, is_removed, link, move_to, path, seeded, tree,
};

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
async fn s43_a_round_over_folders_has_the_whole_tree() {
    // F6.16
    let client = seeded().await;
    let deepest = tree(&client, true).await.into_iter();
    let (deepest, depth) = deepest.max_by_key(|(_, depth)| *depth).unwrap();
    assert!(depth >= 3);
    let below = format!("{}/childFolders", folder_path(&deepest));
    let secret = json!({"displayName": "Below", "isHidden": true});
    client.post(&below, secret).await.ok();

    for hidden_too in [true, false] {
        client.sandbox.world().lock().knobs.folder_delta_hidden = hidden_too;
        let mut walked = BTreeMap::new();
        for (mut folder, depth) in tree(&client, hidden_too).await {
            folder["@odata.type"].take();
            walked.insert(id(&folder).to_owned(), (folder, depth));
        }

        let (round, _) = begin(&client, "/me/mailFolders/delta").await;

        assert_eq!(round.len(), walked.len());
        for mut folder in round {
            folder["@odata.type"].take();
            assert_eq!(folder, walked[id(&folder)].0);
        }
        let depths: BTreeSet<_> = walked.values().map(|(_, depth)| *depth).collect();
        assert_eq!(depths.contains(&4), hidden_too);
        assert!(depths.contains(&3));
    }
}

#[tokio::test]
async fn s44_a_deleted_folder_goes_on_in_deleted_items_and_ends_when_it_is_deleted_there() {
    // F6.19
    let client = seeded().await;
    let one = format!("{IMMUTABLE}, odata.maxpagesize=1");
    let parent = json!({"displayName": "To be deleted"});
    let parent = client.post("/me/mailFolders", parent).await.ok();
    let below = format!("{}/childFolders", folder_path(&parent));
    let child = json!({"displayName": "Within"});
    let child = client.post(&below, child).await.ok();
    let mut messages = begin(&client, INBOX).await.0;
    messages.truncate(3);
    for message in &messages {
        move_to(&client, message, id(&child)).await;
    }
    let delta = |folder: &Value| format!("{}/messages/delta", folder_path(folder));
    let (_, of_parent) = begin(&client, &delta(&parent)).await;
    let (items, of_child) = begin(&client, &delta(&child)).await;
    assert_eq!(items.len(), 3);
    let first = client.get_with(&delta(&child), &one).await.ok();
    let next = first["@odata.nextLink"].as_str().unwrap();

    assert_eq!(client.delete(&folder_path(&parent)).await.status, 204);
    let bin = client.get("/me/mailFolders/deleteditems").await.ok();
    let moved = client.get(&folder_path(&parent)).await.ok();
    assert_eq!(moved["parentFolderId"], bin["id"]);
    let change = json!({"categories": ["x"]});
    client.patch(&path(&messages[0]), change).await.ok();
    assert!(begin(&client, &of_parent).await.0.is_empty());
    let changes = begin(&client, &of_child).await.0;
    assert_eq!((changes.len(), id(&changes[0])), (1, id(&messages[0])));
    assert_eq!(client.walk(next, &one).await.0.len(), 2);
    assert_eq!(begin(&client, &delta(&child)).await.0.len(), 3);

    assert_eq!(client.delete(&folder_path(&parent)).await.status, 204);
    for link in [of_parent.as_str(), of_child.as_str(), next] {
        let refused = client.get(link).await;
        assert_eq!(
            refused.refusal(),
            (404, "ErrorSyncFolderNotFound".to_owned())
        );
    }
    for folder in [&parent, &child] {
        let refused = client.get(&delta(folder)).await;
        assert_eq!(refused.refusal(), (404, "ErrorItemNotFound".to_owned()));
    }
}
