//! What is refused before anything is written, and what is said then.

use graph_mirror::model::ids::CommandId;
use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{ALL, Stage, to};

#[tokio::test]
async fn what_may_not_be_written_is_refused_with_a_code_and_a_way_out() {
    let mut stage = Stage::open("", &json!({})).await;
    let mailbox = stage.mailbox(0).await;
    let path = format!("/api/v1/mailboxes/{mailbox}/messages");
    let letter = json!({"subject": "x", "to": to(stage.address(1))});

    let told = stage.ask(Method::POST, &path, None, letter.clone()).await;

    assert_eq!(
        (told.status, &told.body["code"]),
        (403, &json!("writing_not_configured")),
        "{}",
        told.body
    );

    // The operator allows it; the person has not, and is told where.
    stage.start_asking_for(ALL).await;
    let told = stage.ask(Method::POST, &path, None, letter).await;

    let code = (told.status, &told.body["code"]);
    assert_eq!(code, (403, &json!("consent_missing")), "{}", told.body);
    let url = told.body["consent_url"].as_str().expect("an address");
    assert!(url.contains("Mail.Send"), "{url}");
    assert_eq!(stage.waiting(mailbox).await, 0);
    stage.close().await;
}

#[tokio::test]
async fn wrong_input_is_said_at_once_and_nothing_is_left_of_it() {
    let stage = Stage::open(ALL, &json!({})).await;
    let mailbox = stage.mailbox(0).await;
    let messages = format!("/api/v1/mailboxes/{mailbox}/messages");
    let letter = json!({"subject": "one", "draft": true});
    for (body, code) in [
        (json!({"to": [{"address": "nobody"}]}), "invalid_recipient"),
        (
            json!({"to": to("a@b.example"), "subjekt": "x"}),
            "invalid_request",
        ),
        (
            json!({"draft": true, "attachments": [{"upload_id": CommandId::generate()}]}),
            "attachment_unknown",
        ),
        (
            json!({"draft": true, "attachments": [{"name": "../x", "content_base64": ""}]}),
            "file_name_refused",
        ),
    ] {
        let told = stage.ask(Method::POST, &messages, None, body).await;
        assert_eq!(
            (told.status, &told.body["code"]),
            (400, &json!(code)),
            "{}",
            told.body
        );
    }
    assert_eq!(stage.waiting(mailbox).await, 0);

    let first = stage
        .ask(
            Method::POST,
            &format!("{messages}?wait=60"),
            Some("k"),
            letter.clone(),
        )
        .await;
    let again = stage.ask(Method::POST, &messages, Some("k"), letter).await;
    let other = stage
        .ask(
            Method::POST,
            &messages,
            Some("k"),
            json!({"subject": "two", "draft": true}),
        )
        .await;
    assert_eq!(
        (first.status, again.status),
        (200, 200),
        "{} {}",
        first.body,
        again.body
    );
    assert_eq!(first.body["command_id"], again.body["command_id"]);
    assert_eq!(
        (other.status, &other.body["code"]),
        (409, &json!("idempotency_key_reused"))
    );

    // A version that is not the present one.
    let id = first.body["graph_id"].as_str().expect("an id");
    let escaped: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let drafts = stage.folder(0, "drafts").await;
    assert_eq!(
        drafts.iter().filter(|one| one["subject"] == "one").count(),
        1
    );
    let sent = stage
        .ask(
            Method::POST,
            &format!("{messages}/{escaped}/send?wait=60"),
            None,
            Value::Null,
        )
        .await;
    assert_eq!(
        (sent.status, &sent.body["code"]),
        (400, &json!("invalid_recipient")),
        "{}",
        sent.body
    );
    stage.close().await;
}
