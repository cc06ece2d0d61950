//! The options of a round over mail: kept for good, refused, or without effect (S31 to S34).

use std::collections::BTreeSet;

use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::knobs::ExtraOptions;
use serde_json::{Value, json};

use super::client::{Client, segment};
use super::mail_scene::{
    IMMUTABLE, INBOX, begin, folder_path, id, is_removed, link, move_to, path, seeded,
};

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
async fn s31_a_filter_stays_through_pages_and_rounds() {
    let client = seeded().await;
    let (all, _) = begin(&client, INBOX).await;
    let received = |item: &Value| item["receivedDateTime"].as_str().unwrap().to_owned();
    let mut times: Vec<_> = all.iter().map(received).collect();
    times.sort_unstable();
    let since = &times[times.len() / 2];

    let (items, last) = client
        .walk(
            &format!("{INBOX}?$filter=receivedDateTime ge {since}"),
            &format!("{IMMUTABLE}, odata.maxpagesize=4"),
        )
        .await;

    assert!(items.len() > 8 && items.len() < all.len());
    assert!(items.iter().all(|item| received(item) >= *since));
    let old = all.iter().find(|item| received(item) < *since).unwrap();
    let mut next = link(&last);
    for number in 0..2 {
        for item in [old, &items[0]] {
            let change = json!({"categories": [format!("{number}")]});
            client.patch(&path(item), change).await.ok();
        }
        let (changes, last) = client.walk(&next, IMMUTABLE).await;
        let ids: Vec<_> = changes.iter().map(id).collect();
        assert_eq!(ids, [id(&items[0])]);
        next = link(&last);
    }
}

#[tokio::test]
async fn s31_top_is_the_most_of_every_round() {
    // F4.4
    let client = seeded().await;
    let prefer = format!("{IMMUTABLE}, odata.maxpagesize=2");
    let (all, _) = begin(&client, INBOX).await;

    let (items, last) = client.walk(&format!("{INBOX}?$top=5"), &prefer).await;
    for item in &all[..8] {
        let change = json!({"categories": ["x"]});
        client.patch(&path(item), change).await.ok();
    }
    let (changes, _) = client.walk(&link(&last), &prefer).await;

    assert_eq!((items.len(), changes.len()), (5, 5));
}

#[tokio::test]
async fn s31_what_is_selected_and_expanded_stays_through_pages_and_rounds() {
    let client = seeded().await;
    let (items, last) = client
        .walk(
            &format!("{INBOX}?$select=subject,categories&$expand=attachments($select=name)"),
            &format!("{IMMUTABLE}, odata.maxpagesize=4"),
        )
        .await;
    let with_files = items
        .iter()
        .rfind(|item| !item["attachments"].as_array().unwrap().is_empty())
        .unwrap();
    let change = json!({"categories": ["x"]});
    client.patch(&path(with_files), change).await.ok();

    let changes = client.walk(&link(&last), IMMUTABLE).await.0;

    assert_eq!(changes[0]["attachments"], with_files["attachments"]);
    assert!(items.len() > 8);
    for item in items.iter().chain(&changes) {
        assert!(item["attachments"].is_array() && item["subject"].is_string());
        assert!(item.get("body").is_none() && item.get("isRead").is_none());
    }
}

#[tokio::test]
async fn s31_the_kinds_of_change_asked_for_stay_through_rounds() {
    let client = seeded().await;
    let (all, _) = begin(&client, INBOX).await;
    let (sent, _) = begin(&client, "/me/mailFolders/sentitems/messages/delta").await;
    let mut links = Vec::new();
    for kind in ["created", "updated", "deleted", "created,deleted"] {
        let (items, link) = begin(&client, &format!("{INBOX}?changeType={kind}")).await;
        assert_eq!(items.is_empty(), !kind.contains("created"), "{kind}");
        links.push((kind, link));
    }

    for round in 0..2 {
        let (updated, gone, new) = (&all[round], &all[round + 2], &sent[round]);
        let change = json!({"categories": ["x"]});
        client.patch(&path(updated), change).await.ok();
        move_to(&client, gone, "archive").await;
        move_to(&client, new, "inbox").await;

        for (kind, link) in &mut links {
            let (changes, next) = begin(&client, link).await;
            let told: BTreeSet<_> = changes
                .iter()
                .map(|item| (id(item), is_removed(item)))
                .collect();
            let mut expected = BTreeSet::new();
            for (name, item) in [("created", new), ("updated", updated), ("deleted", gone)] {
                if kind.contains(name) {
                    expected.insert((id(item), name == "deleted"));
                }
            }
            assert_eq!(told, expected, "{kind}");
            *link = next;
        }
    }
}

/// What rounds with these options show of what `change` does.
async fn surfaces<const N: usize>(
    client: &Client,
    delta: &str,
    options: [&str; N],
    change: impl AsyncFnOnce(),
) -> [Vec<Value>; N] {
    let mut links = Vec::new();
    for options in options {
        links.push(begin(client, &format!("{delta}?{options}")).await.1);
    }
    change().await;
    let mut shown = Vec::new();
    for link in links {
        shown.push(client.walk(&link, IMMUTABLE).await.0);
    }
    shown.try_into().unwrap()
}

#[tokio::test]
async fn s34_the_version_of_a_message_changes_with_all_of_it() {
    // F5.10, F6.24
    let client = seeded().await;
    let item = begin(&client, INBOX).await.0[0].clone();
    let options = [
        "$select=subject",
        "$select=categories",
        "$select=subject,changeKey",
        "$select=subject,lastModifiedDateTime",
    ];

    let [subject, categories, version, modified] = surfaces(&client, INBOX, options, async || {
        let change = json!({"categories": ["x"]});
        client.patch(&path(&item), change).await.ok();
    })
    .await;
    assert!(subject.is_empty());
    for shown in [&categories, &version, &modified] {
        assert_eq!(id(&shown[0]), id(&item));
    }
    assert_ne!(version[0]["changeKey"], item["changeKey"]);

    let [_, categories, version, modified] = surfaces(&client, INBOX, options, async || {
        let change = json!({"isRead": item["isRead"] == false});
        client.patch(&path(&item), change).await.ok();
    })
    .await;
    // S23: reading leaves the instant.
    assert!(categories.is_empty() && modified.is_empty());
    assert_eq!(version[0]["subject"], item["subject"]);
    assert!(version[0].get("isRead").is_none());
}

#[tokio::test]
async fn s34_attachments_show_to_whoever_selected_what_they_change() {
    const DRAFTS: &str = "/me/mailFolders/drafts/messages/delta";
    let client = seeded().await;
    let draft = json!({"subject": "with files"});
    let draft = client.post("/me/messages", draft).await.ok();
    let options = [
        "$select=subject",
        "$select=hasAttachments",
        "$select=subject&$expand=attachments($select=name)",
        "",
    ];
    let file = json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "a.txt", "contentType": "text/plain", "contentBytes": "aGVsbG8=",
    });

    for count in 1..3 {
        let [subject, has_attachments, expanded, whole] =
            surfaces(&client, DRAFTS, options, async || {
                let files = format!("{}/attachments", path(&draft));
                client.post(&files, file.clone()).await.ok();
            })
            .await;
        assert!(subject.is_empty());
        // The second one does not change that there are some.
        assert_eq!(has_attachments.len(), usize::from(count == 1));
        assert_eq!(expanded[0]["attachments"].as_array().unwrap().len(), count);
        assert_eq!(id(&whole[0]), id(&draft));
    }
}

#[tokio::test]
async fn s34_a_folder_shows_when_what_was_selected_of_it_has_changed() {
    let client = seeded().await;
    let delta = "/me/mailFolders/delta";
    let options = [
        "$select=displayName",
        "$select=unreadItemCount",
        "$select=id",
        "",
    ];
    let ids = |shown: &[Vec<Value>]| -> Vec<Vec<String>> {
        let ids = |items: &Vec<Value>| items.iter().map(|item| id(item).to_owned()).collect();
        shown.iter().map(ids).collect()
    };
    let inbox = client.get("/me/mailFolders/inbox").await.ok();
    let message = begin(&client, INBOX).await.0[0].clone();

    let shown = surfaces(&client, delta, options, async || {
        let change = json!({"isRead": message["isRead"] == false});
        client.patch(&path(&message), change).await.ok();
    })
    .await;
    let inbox = vec![id(&inbox).to_owned()];
    assert_eq!(ids(&shown), [vec![], inbox.clone(), vec![], inbox]);

    let mut made = Value::Null;
    let shown = surfaces(&client, delta, options, async || {
        let new = json!({"displayName": "New"});
        made = client.post("/me/mailFolders", new).await.ok();
    })
    .await;
    let all = vec![vec![id(&made).to_owned()]; 4];
    assert_eq!(ids(&shown), all);

    let shown = surfaces(&client, delta, options, async || {
        let name = json!({"displayName": "Newer"});
        client.patch(&folder_path(&made), name).await.ok();
    })
    .await;
    let renamed = vec![id(&made).to_owned()];
    assert_eq!(ids(&shown), [renamed.clone(), vec![], vec![], renamed]);

    let shown = surfaces(&client, delta, options, async || {
        let path = format!("{}/permanentDelete", folder_path(&made));
        assert_eq!(client.post(&path, json!({})).await.status, 204);
    })
    .await;
    assert_eq!(ids(&shown), all);
    assert!(shown.iter().all(|items| is_removed(&items[0])));
}
