//! What mail that is moved and sent over HTTP announces, and who hears it (S63).

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use super::bench::{Bench, Ear, morning};
use super::client::segment;

const PREFER: [(&str, &str); 1] = [("prefer", "IdType=\"ImmutableId\"")];

/// Hears what happens to the messages of the whole mailbox, or of one folder.
async fn listen(bench: &Bench, folder: Option<&str>) -> Ear {
    let ear = Ear::open().await;
    bench.turn(&json!({"notification_delay_min_ms": 0, "notification_delay_max_ms": 0}));
    let resource = match folder {
        Some(folder) => format!("me/mailFolders('{folder}')/messages"),
        None => "me/messages".to_owned(),
    };
    let body = json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": ear.url,
        "resource": resource,
        "expirationDateTime": (morning() + chrono::TimeDelta::days(6)).to_rfc3339(),
    });
    let token = bench.token(0);
    let created = bench
        .call_with(&token, Method::POST, "/subscriptions", Some(body), &PREFER)
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    ear
}

/// Everything heard since the last time: kind of change and id.
async fn heard(bench: &Bench, ear: &Ear) -> Vec<(String, String)> {
    bench.quiet().await;
    let items = ear.items(ear.unheard_items()).await;
    items
        .iter()
        .map(|item| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&item["changeType"]), text(&item["resourceData"]["id"]))
        })
        .collect()
}

async fn post(bench: &Bench, path: &str, body: Value) -> super::bench::Answer {
    let token = bench.token(0);
    bench
        .call_with(&token, Method::POST, path, Some(body), &PREFER)
        .await
}

async fn get(bench: &Bench, path: &str) -> super::bench::Answer {
    let token = bench.token(0);
    bench
        .call_with(&token, Method::GET, path, None, &PREFER)
        .await
}

fn path(id: &str) -> String {
    format!("/me/messages/{}", segment(id))
}

fn one(kind: &str, id: &str) -> Vec<(String, String)> {
    vec![(kind.to_owned(), id.to_owned())]
}

#[tokio::test]
async fn s63_a_move_is_heard_as_deleted_where_it_left_and_as_created_where_it_came() {
    // F10.22
    let bench = Bench::start().await;
    let everywhere = listen(&bench, None).await;
    let inbox = listen(&bench, Some("inbox")).await;
    let archive = listen(&bench, Some("archive")).await;
    let drafts = listen(&bench, Some("drafts")).await;
    let page = get(&bench, "/me/mailFolders/inbox/messages?$top=1").await;
    let id = page.json()["value"][0]["id"].as_str().unwrap().to_owned();

    let mut orders = BTreeSet::new();
    for turn in 0..16 {
        let (from, to, destination) = if turn % 2 == 0 {
            (&inbox, &archive, "archive")
        } else {
            (&archive, &inbox, "inbox")
        };
        let wish = json!({"destinationId": destination});
        let moved = post(&bench, &format!("{}/move", path(&id)), wish).await;
        assert_eq!((moved.status, &moved.json()["id"]), (201, &json!(id)));

        let mut told = heard(&bench, &everywhere).await;
        orders.insert(told[0].0.clone());
        told.sort_unstable();
        let both = [one("created", &id), one("deleted", &id)].concat();
        assert_eq!(told, both);
        assert_eq!(heard(&bench, from).await, one("deleted", &id));
        assert_eq!(heard(&bench, to).await, one("created", &id));
    }
    assert_eq!(orders.len(), 2, "both orders come up");
    assert!(heard(&bench, &drafts).await.is_empty());
}

#[tokio::test]
async fn s63_mail_sent_over_http_is_heard_in_drafts_in_the_outbox_and_in_sent_items() {
    // F10.20, F10.21
    let bench = Bench::start().await;
    let everywhere = listen(&bench, None).await;
    let drafts = listen(&bench, Some("drafts")).await;
    let outbox = listen(&bench, Some("outbox")).await;
    let sent_items = listen(&bench, Some("sentitems")).await;
    let inbox = listen(&bench, Some("inbox")).await;
    let message = json!({
        "subject": "To be sent",
        "body": {"contentType": "text", "content": "Hi"},
        "toRecipients": [{"emailAddress": {"address": "x@fabrikam.example"}}],
    });

    for in_one_call in [true, false] {
        let draft_id = if in_one_call {
            let wish = json!({"message": message});
            assert_eq!(post(&bench, "/me/sendMail", wish).await.status, 202);
            let told = heard(&bench, &drafts).await;
            told[0].1.clone()
        } else {
            let draft = post(&bench, "/me/messages", message.clone()).await.json();
            let id = draft["id"].as_str().unwrap().to_owned();
            assert_eq!(heard(&bench, &drafts).await, one("created", &id));
            let send = format!("{}/send", path(&id));
            assert_eq!(post(&bench, &send, json!({})).await.status, 202);
            id
        };
        let created = one("created", &draft_id);
        assert_eq!(heard(&bench, &everywhere).await, created);
        assert!(heard(&bench, &outbox).await.is_empty());
        assert!(heard(&bench, &sent_items).await.is_empty());
        assert_eq!(get(&bench, &path(&draft_id)).await.json()["isDraft"], true);

        bench.advance(2);

        let transient = heard(&bench, &outbox).await;
        assert_eq!((transient.len(), transient[0].0.as_str()), (1, "created"));
        assert_ne!(transient[0].1, draft_id);
        let lost = get(&bench, &path(&transient[0].1)).await;
        assert_eq!(
            (lost.status, lost.code().as_str()),
            (404, "ErrorItemNotFound")
        );
        assert_eq!(heard(&bench, &sent_items).await, created);
        let both = [transient, created].concat();
        assert_eq!(heard(&bench, &everywhere).await, both);
        assert!(heard(&bench, &drafts).await.is_empty());
        let sent = get(&bench, &path(&draft_id)).await.json();
        let folder = get(&bench, "/me/mailFolders/sentitems").await.json();
        assert_eq!(sent["parentFolderId"], folder["id"]);
    }
    assert!(heard(&bench, &inbox).await.is_empty());
}
