//! Folders, read and written (S26 to S28).

use std::collections::BTreeSet;

use graph_mirror::sandbox::Options;
use serde_json::{Value, json};

use super::client::{Client, segment};
use super::mail_scene::{IMMUTABLE, folder_path, id, seeded, tree, values};

#[tokio::test]
async fn s26_listings_show_visible_children_and_search_folders_by_their_type() {
    let client = seeded().await;

    let (visible, _) = client.walk("/me/mailFolders", IMMUTABLE).await;
    let (all, _) = client
        .walk("/me/mailFolders?includeHiddenFolders=true", IMMUTABLE)
        .await;
    assert!(visible.iter().all(|folder| folder["isHidden"] == false));
    assert!(all.len() > visible.len());
    let root = client.get("/me/mailFolders/msgfolderroot").await.ok();
    assert!(
        all.iter()
            .all(|folder| folder["parentFolderId"] == root["id"])
    );
    assert_eq!(root["childFolderCount"], all.len());

    let nested = visible
        .iter()
        .find(|folder| folder["childFolderCount"].as_u64() > Some(1))
        .unwrap();
    let children = client
        .get(&format!(
            "/me/mailFolders/{}/childFolders",
            segment(id(nested))
        ))
        .await
        .ok();
    assert!(
        values(&children)
            .iter()
            .all(|child| child["parentFolderId"] == nested["id"])
    );
    let (in_inbox, _) = client
        .walk("/me/mailFolders/inbox/childFolders", IMMUTABLE)
        .await;
    assert!(
        in_inbox
            .iter()
            .any(|folder| folder["@odata.type"] == "#microsoft.graph.mailSearchFolder")
    );
}

/// F5.18
const WELL_KNOWN: [&str; 17] = [
    "archive",
    "clutter",
    "conflicts",
    "conversationhistory",
    "deleteditems",
    "drafts",
    "inbox",
    "junkemail",
    "localfailures",
    "msgfolderroot",
    "outbox",
    "recoverableitemsdeletions",
    "scheduled",
    "searchfolders",
    "sentitems",
    "serverfailures",
    "syncissues",
];

#[tokio::test]
async fn s27_every_well_known_name_leads_to_a_folder_in_every_shape_of_mailbox() {
    for folders in [None, Some(2)] {
        let client = Client::open_with(Options {
            messages: Some(60),
            folders,
            mailboxes: 1,
            ..Options::default()
        })
        .await;
        let mut ids = BTreeSet::new();
        for name in WELL_KNOWN {
            let by_name = client.get(&format!("/me/mailFolders/{name}")).await.ok();
            let by_id = client.get(&folder_path(&by_name)).await.ok();
            assert_eq!(by_name, by_id, "{name}");
            let loud = name.to_uppercase();
            let keyed = client.get(&format!("/me/mailFolders('{loud}')")).await.ok();
            assert_eq!(keyed["id"], by_name["id"], "{name}");
            ids.insert(id(&by_name).to_owned());
        }
        assert_eq!(ids.len(), WELL_KNOWN.len());
        let unknown = client.get("/me/mailFolders/nosuchfolder").await;
        assert_eq!(unknown.refusal().0, 404);

        // The root, and two beside it that nothing but their name and id leads to.
        let listed = tree(&client, true).await;
        let listed: BTreeSet<_> = listed.iter().map(|(folder, _)| id(folder)).collect();
        let missing = ids.iter().filter(|id| !listed.contains(id.as_str()));
        assert_eq!(missing.count(), 3);
    }
}

#[tokio::test]
async fn s27_display_names_are_in_the_language_of_the_owner() {
    let mut client = Client::open_with(Options {
        messages: Some(20),
        mailboxes: 5,
        ..Options::default()
    })
    .await;

    for (person, names) in [
        (0, ["Inbox", "Sent Items", "Conflicts", "Server Failures"]),
        (
            1,
            [
                "Posteingang",
                "Gesendete Elemente",
                "Konflikte",
                "Serverfehler",
            ],
        ),
        (
            4,
            [
                "Boîte de réception",
                "Éléments envoyés",
                "Conflits",
                "Défaillances du serveur",
            ],
        ),
    ] {
        client.sign_in(person);
        let well_known = ["inbox", "SentItems", "conflicts", "serverfailures"];
        for (well_known, name) in well_known.into_iter().zip(names) {
            let folder = client.get(&format!("/me/mailFolders/{well_known}")).await;
            assert_eq!(folder.ok()["displayName"], name);
        }
    }
}

#[tokio::test]
async fn s26_folders_nest_three_deep_in_every_language_and_hidden_ones_come_when_asked_for() {
    let mut client = Client::open_with(Options {
        messages: Some(40),
        mailboxes: 5,
        ..Options::default()
    })
    .await;

    for person in [0, 1, 4] {
        client.sign_in(person);
        let all = tree(&client, true).await;
        let visible = tree(&client, false).await;

        assert!(visible.iter().any(|(_, depth)| *depth >= 3), "{person}");
        assert!(
            visible
                .iter()
                .all(|(folder, _)| folder["isHidden"] == false)
        );
        let hidden = |folder: &Value| folder["isHidden"] == true;
        assert!(
            all.iter()
                .any(|(folder, depth)| hidden(folder) && *depth == 2)
        );
        for (folder, _) in &all {
            let children = all
                .iter()
                .filter(|(child, _)| child["parentFolderId"] == folder["id"]);
            assert_eq!(folder["childFolderCount"], children.count());
        }
    }
}

#[tokio::test]
async fn s20_a_search_folder_shows_what_is_selected() {
    let client = seeded().await;
    let inbox = client.get("/me/mailFolders/inbox").await.ok();
    let (children, _) = client
        .walk("/me/mailFolders/inbox/childFolders", IMMUTABLE)
        .await;
    let is_search = |folder: &Value| folder["@odata.type"] == "#microsoft.graph.mailSearchFolder";
    let whole = children.iter().find(|folder| is_search(folder)).unwrap();
    assert_eq!(whole["sourceFolderIds"], json!([inbox["id"]]));
    assert_eq!(whole["isSupported"], true);
    assert_eq!(whole["filterQuery"], "isRead eq false");

    for (select, wanted) in [
        ("displayName", &["displayName"][..]),
        ("id", &[]),
        (
            "filterQuery,includeNestedFolders",
            &["filterQuery", "includeNestedFolders"],
        ),
    ] {
        let one = client
            .get(&format!("{}?$select={select}", folder_path(whole)))
            .await
            .ok();
        let (round, _) = client
            .walk(
                &format!("/me/mailFolders/delta?$select={select}"),
                IMMUTABLE,
            )
            .await;
        let told = round.into_iter().find(is_search).unwrap();
        for folder in [one, told] {
            let keys: BTreeSet<_> = folder
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .filter(|key| !key.starts_with('@') && *key != "id")
                .collect();
            assert_eq!(keys, wanted.iter().copied().collect(), "{select}");
        }
    }
    let unknown = client.get("/me/mailFolders?$select=nonsense").await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn s28_folders_are_filtered_and_ordered_by_what_they_have_and_nothing_else() {
    let client = seeded().await;
    let list = async |query: &str| {
        let path = format!("/me/mailFolders?includeHiddenFolders=true&$top=100&{query}");
        client.get(&path).await
    };
    let everything = list("").await.ok();

    let ordered = list("$orderby=displayName desc").await.ok();
    let names: Vec<_> = values(&ordered)
        .iter()
        .map(|folder| folder["displayName"].as_str().unwrap().to_lowercase())
        .collect();
    assert_eq!(names.len(), values(&everything).len());
    assert!(names.is_sorted_by(|one, next| one >= next));

    let unread = list("$filter=unreadItemCount gt 0&$orderby=unreadItemCount desc").await;
    let unread = unread.ok();
    let counts: Vec<_> = values(&unread)
        .iter()
        .map(|folder| folder["unreadItemCount"].as_u64().unwrap())
        .collect();
    let expected = values(&everything)
        .iter()
        .filter(|folder| folder["unreadItemCount"].as_u64() > Some(0));
    assert!(counts.len() > 1 && counts.len() == expected.count());
    assert!(counts.is_sorted_by(|one, next| one >= next));
    let hidden = list("$filter=isHidden eq true and startswith(displayName,'Sync')").await;
    assert_eq!(values(&hidden.ok()).len(), 1);

    let refused = list("$filter=unreadItemCount gt 0&$orderby=displayName").await;
    assert_eq!(refused.refusal(), (400, "InefficientFilter".to_owned()));
    for query in ["$filter=subject eq 'x'", "$orderby=wellKnownName"] {
        for path in ["/me/mailFolders", "/me/mailFolders/inbox/childFolders"] {
            let refused = client.get(&format!("{path}?{query}")).await;
            assert_eq!(
                refused.refusal(),
                (400, "ErrorInvalidUrlQuery".to_owned()),
                "{path}?{query}"
            );
        }
    }
}

#[tokio::test]
async fn folders_are_made_renamed_moved_and_deleted() {
    // F5.19, F6.19
    let client = seeded().await;
    let made = client
        .post("/me/mailFolders", json!({"displayName": "A/B"}))
        .await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let base = format!("/me/mailFolders/{}", segment(id(&made)));

    let twin = client
        .post("/me/mailFolders", json!({"displayName": "a/b"}))
        .await;
    assert_eq!(twin.refusal(), (409, "ErrorFolderExists".to_owned()));
    let child = client
        .post(&format!("{base}/childFolders"), json!({"displayName": "C"}))
        .await
        .ok();
    assert_eq!(child["parentFolderId"], made["id"]);
    let renamed = client
        .patch(&base, json!({"displayName": "New"}))
        .await
        .ok();
    assert_eq!(
        (&renamed["displayName"], &renamed["id"]),
        (&json!("New"), &made["id"])
    );
    let inbox = client.get("/me/mailFolders/inbox").await.ok();
    let moved = client
        .post(&format!("{base}/move"), json!({"destinationId": "inbox"}))
        .await
        .ok();
    assert_eq!(moved["parentFolderId"], inbox["id"]);
    let into_itself = client
        .post(
            &format!("{base}/move"),
            json!({"destinationId": id(&child)}),
        )
        .await;
    assert_eq!(into_itself.status, 400);

    assert_eq!(client.delete(&base).await.status, 204);
    let bin = client.get("/me/mailFolders/deleteditems").await.ok();
    assert_eq!(client.get(&base).await.ok()["parentFolderId"], bin["id"]);
    assert_eq!(client.delete(&base).await.status, 204);
    assert_eq!(client.get(&base).await.status, 404);
    let gone = client
        .get(&format!("/me/mailFolders/{}", segment(id(&child))))
        .await;
    assert_eq!(gone.status, 404);
    assert_eq!(client.delete("/me/mailFolders/inbox").await.status, 400);
}

#[tokio::test]
async fn s28_a_search_folder_lists_what_it_finds_in_the_order_asked_for() {
    let client = seeded().await;
    let inbox = client.get("/me/mailFolders/inbox").await.ok();
    let (children, _) = client
        .walk("/me/mailFolders/inbox/childFolders", IMMUTABLE)
        .await;
    let search = children
        .iter()
        .find(|folder| folder["filterQuery"].is_string())
        .unwrap();

    let list = "messages?$orderby=subject&$top=100&$count=true";
    let page = client
        .get(&format!("{}/{list}", folder_path(search)))
        .await
        .ok();

    let found = values(&page);
    assert_eq!(page["@odata.count"], inbox["unreadItemCount"]);
    assert_eq!(page["@odata.count"], found.len());
    for message in found {
        assert_eq!(message["parentFolderId"], inbox["id"]);
        assert_eq!(message["isRead"], false);
    }
    assert!(
        found.is_sorted_by_key(|message| { message["subject"].as_str().unwrap().to_lowercase() })
    );
}
