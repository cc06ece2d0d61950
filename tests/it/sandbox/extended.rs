//! Extended properties: kept, filtered by, and shown to whoever expands them (F5.1, F11.4).

use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::mail_scene::{path, seeded, values};

const ID: &str = "String {0a7b1d2e-3c4f-4a5b-8c6d-7e8f90a1b2c3} Name graph-mirror-command";

fn marked(value: &str) -> Value {
    json!([{"id": ID, "value": value}])
}

async fn found(client: &Client, value: &str) -> Vec<Value> {
    let filter =
        format!("singleValueExtendedProperties/Any(ep: ep/id eq '{ID}' and ep/value eq '{value}')");
    let page = client
        .get(&format!(
            "/me/messages?$select=id,subject,isDraft&$filter={filter}"
        ))
        .await
        .ok();
    values(&page).clone()
}

#[tokio::test]
async fn a_draft_is_found_by_its_extended_property_and_keeps_it_when_it_is_sent_and_copied() {
    let client = seeded().await;
    client.sandbox.world().lock().knobs.send_delay_seconds = 0;
    client.sandbox.world().lock().knobs.send_changes_id = true;
    let person = client.person().address.clone();
    let to = json!([{"emailAddress": {"address": person}}]);
    let draft = json!({"subject": "marked", "toRecipients": to,
        "singleValueExtendedProperties": marked("one")});

    let draft = client.post("/me/messages", draft).await.ok();
    let drafted = found(&client, "one").await;
    let send = format!("{}/send", path(&draft));
    client.send(Method::POST, &send, &[], None).await;
    let in_sent_items = found(&client, "one").await;

    assert_eq!(drafted.len(), 1);
    assert_eq!(
        (&drafted[0]["id"], &drafted[0]["isDraft"]),
        (&draft["id"], &json!(true))
    );
    // What arrived in the Inbox is another's message: the mark is its sender's alone.
    assert_eq!(in_sent_items.len(), 1);
    assert_eq!(in_sent_items[0]["isDraft"], false);
    assert_ne!(in_sent_items[0]["id"], draft["id"]);
    assert!(found(&client, "another").await.is_empty());
    let copy = json!({"destinationId": "archive"});
    client
        .post(&format!("{}/copy", path(&in_sent_items[0])), copy)
        .await
        .ok();
    assert_eq!(found(&client, "one").await.len(), 2);
}

#[tokio::test]
async fn an_answer_takes_an_extended_property_and_shows_it_to_whoever_expands_it() {
    let client = seeded().await;
    let inbox = "/me/mailFolders/inbox/messages?$top=1&$filter=isDraft eq false";
    let original = values(&client.get(inbox).await.ok())[0].clone();
    let expand = format!("$expand=singleValueExtendedProperties($filter=id eq '{ID}')");

    for action in ["createReply", "createReplyAll", "createForward"] {
        let body = json!({"message": {"singleValueExtendedProperties": marked(action)}});
        let answer = client
            .post(&format!("{}/{action}", path(&original)), body)
            .await;
        assert_eq!(answer.status, 201);
        let drafted = found(&client, action).await;
        assert_eq!(drafted.len(), 1, "{action}");
        let plain = client.get(&path(&drafted[0])).await.ok();
        let expanded = client.get(&format!("{}?{expand}", path(&drafted[0]))).await;

        assert!(plain.get("singleValueExtendedProperties").is_none());
        let expanded = expanded.ok();
        assert_eq!(expanded["singleValueExtendedProperties"], marked(action));
    }
    let list = format!("/me/mailFolders/drafts/messages?$top=100&{expand}");
    let listed = client.get(&list).await.ok();
    let shown = values(&listed)
        .iter()
        .filter(|draft| draft.get("singleValueExtendedProperties").is_some());
    assert_eq!(shown.count(), 3);
}

#[tokio::test]
async fn an_extended_property_is_set_on_any_message_and_its_id_must_be_one() {
    let client = seeded().await;
    let inbox = "/me/mailFolders/inbox/messages?$top=1&$filter=isDraft eq false";
    let message = values(&client.get(inbox).await.ok())[0].clone();
    let set = async |id: &str| {
        let body = json!({"singleValueExtendedProperties": [{"id": id, "value": "1"}]});
        client.patch(&path(&message), body).await
    };

    for id in [
        ID,
        "Integer 0x0E08",
        "Long {0a7b1d2e-3c4f-4a5b-8c6d-7e8f90a1b2c3} Id 0x8102",
    ] {
        assert_eq!(set(id).await.status, 200, "{id}");
    }
    for id in [
        "",
        "String graph-mirror",
        "Text 0x0E08",
        "String {0a7b} Name x",
    ] {
        let refused = set(id).await.refusal();
        assert_eq!(refused, (400, "ErrorInvalidProperty".to_owned()), "{id}");
    }
    assert_eq!(found(&client, "1").await.len(), 1);
}
