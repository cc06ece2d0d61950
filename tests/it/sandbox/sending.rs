//! Drafts, sending, replies (S63, S70).

use std::time::Duration;

use graph_mirror::sandbox::Options;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, segment};

async fn seeded() -> Client {
    Client::open_with(Options {
        messages: Some(60),
        mailboxes: 2,
        ..Options::default()
    })
    .await
}

fn path(item: &Value) -> String {
    format!("/me/messages/{}", segment(item["id"].as_str().unwrap()))
}

fn to(address: &str) -> Value {
    json!([{"emailAddress": {"name": "Someone", "address": address}}])
}

async fn in_folder(client: &Client, folder: &str, subject: &str) -> Vec<Value> {
    let page = client
        .get(&format!(
            "/me/mailFolders/{folder}/messages?$top=100&$filter=subject eq '{subject}'"
        ))
        .await
        .ok();
    page["value"].as_array().unwrap().clone()
}

#[tokio::test]
async fn s70_send_mail_answers_202_and_the_mail_turns_up_later() {
    let mut client = seeded().await;
    let other = client.sandbox.settings().users[1].address.clone();
    let message = json!({"subject": "To be sent", "body": {"contentType": "text", "content": "Hi"},
                         "toRecipients": to(&other)});

    let answer = client
        .post("/me/sendMail", json!({"message": message}))
        .await;
    assert_eq!((answer.status, answer.text.as_str()), (202, ""));
    assert!(
        in_folder(&client, "sentitems", "To be sent")
            .await
            .is_empty()
    );
    client.clock.advance(Duration::from_secs(2));

    let sent = in_folder(&client, "sentitems", "To be sent").await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["isDraft"], false);
    assert_eq!(
        sent[0]["from"]["emailAddress"]["address"],
        client.person().address
    );
    assert!(in_folder(&client, "drafts", "To be sent").await.is_empty());
    client.sign_in(1);
    let arrived = in_folder(&client, "inbox", "To be sent").await;
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0]["isRead"], false);
    assert_eq!(
        arrived[0]["internetMessageId"],
        sent[0]["internetMessageId"]
    );
    assert_ne!(arrived[0]["conversationId"], sent[0]["conversationId"]);
}

#[tokio::test]
async fn s70_mail_need_not_be_kept_and_must_have_someone_to_go_to() {
    let client = seeded().await;
    let message = json!({"subject": "Not kept", "toRecipients": to("x@fabrikam.example")});

    let answer = client
        .post(
            "/me/sendMail",
            json!({"message": message, "saveToSentItems": false}),
        )
        .await;
    client.clock.advance(Duration::from_secs(2));

    assert_eq!(answer.status, 202);
    for folder in ["sentitems", "drafts", "outbox"] {
        assert!(in_folder(&client, folder, "Not kept").await.is_empty());
    }
    for bad in [json!([]), to("nobody")] {
        let refused = client
            .post(
                "/me/sendMail",
                json!({"message": {"subject": "x", "toRecipients": bad}}),
            )
            .await;
        assert_eq!(
            refused.refusal(),
            (400, "ErrorInvalidRecipients".to_owned())
        );
    }
}

#[tokio::test]
async fn s70_a_draft_keeps_its_immutable_id_when_it_is_sent_and_is_sent_once() {
    let client = seeded().await;
    let draft = client
        .post(
            "/me/messages",
            json!({"subject": "A draft", "toRecipients": to("x@fabrikam.example")}),
        )
        .await;
    assert_eq!(draft.status, 201);
    let draft = draft.ok();
    assert_eq!(draft["isDraft"], true);

    let sent = client
        .send(Method::POST, &format!("{}/send", path(&draft)), &[], None)
        .await;
    assert_eq!((sent.status, sent.text.as_str()), (202, ""));
    let twice = client
        .send(Method::POST, &format!("{}/send", path(&draft)), &[], None)
        .await;
    assert_eq!(twice.status, 400);
    client.clock.advance(Duration::from_secs(2));
    let after = client.get(&path(&draft)).await.ok();
    let sent_items = client.get("/me/mailFolders/sentitems").await.ok();
    assert_eq!(after["parentFolderId"], sent_items["id"]);
    assert_eq!(after["internetMessageId"], draft["internetMessageId"]);
    let again = client
        .send(Method::POST, &format!("{}/send", path(&draft)), &[], None)
        .await;
    assert_eq!(again.status, 400);
}

#[tokio::test]
async fn s70_sending_may_change_the_id() {
    let client = seeded().await;
    {
        let mut state = client.sandbox.world().lock();
        state.knobs.send_changes_id = true;
        state.knobs.send_delay_seconds = 0;
    }
    let draft = client
        .post(
            "/me/messages",
            json!({"subject": "Renamed", "toRecipients": to("x@fabrikam.example")}),
        )
        .await
        .ok();
    client
        .send(Method::POST, &format!("{}/send", path(&draft)), &[], None)
        .await;

    assert_eq!(client.get(&path(&draft)).await.status, 404);
    let sent = in_folder(&client, "sentitems", "Renamed").await;
    assert_eq!(sent[0]["internetMessageId"], draft["internetMessageId"]);
}

#[tokio::test]
async fn s70_replies_go_to_the_sender_and_stay_in_the_thread() {
    let client = seeded().await;
    client.sandbox.world().lock().knobs.send_delay_seconds = 0;
    let original = client
        .get("/me/mailFolders/inbox/messages?$top=1&$filter=isDraft eq false")
        .await
        .ok()["value"][0]
        .clone();

    let reply = client
        .post(
            &format!("{}/createReply", path(&original)),
            json!({"comment": "Thanks"}),
        )
        .await;
    assert_eq!(reply.status, 201);
    let reply = reply.ok();
    assert_eq!(reply["conversationId"], original["conversationId"]);
    assert_eq!(reply["toRecipients"][0], original["from"]);
    assert!(
        reply["body"]["content"]
            .as_str()
            .unwrap()
            .contains("Thanks")
    );
    let sent = client
        .post(
            &format!("{}/replyAll", path(&original)),
            json!({"comment": "All"}),
        )
        .await;
    assert_eq!((sent.status, sent.text.as_str()), (202, ""));
    let forwarded = client
        .post(
            &format!("{}/forward", path(&original)),
            json!({"comment": "See", "toRecipients": to("x@fabrikam.example")}),
        )
        .await;
    assert_eq!(forwarded.status, 202);
    let both = client
        .post(
            &format!("{}/reply", path(&original)),
            json!({"comment": "a", "message": {"body": {"content": "b"}}}),
        )
        .await;
    assert_eq!(both.status, 400);
}

#[tokio::test]
async fn s70_mime_is_taken_in_base64_and_nothing_else() {
    // F11.2
    use base64::Engine as _;
    let client = seeded().await;
    let mime = "Subject: From MIME\r\nTo: X <x@fabrikam.example>\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>";
    let packed = base64::engine::general_purpose::STANDARD.encode(mime);
    let token = {
        let user = graph_mirror::sandbox::world::UserId(client.person().id.clone());
        let now = graph_mirror::model::time::Clock::now(&client.clock);
        let mut state = client.sandbox.world().lock();
        state.knobs.send_delay_seconds = 0;
        state
            .identity
            .issue(Some(user), &["Mail.ReadWrite", "Mail.Send"], now)
    };
    let http = reqwest::Client::builder().build().unwrap();
    let url = format!(
        "{}/v1.0/me/sendMail",
        client.sandbox.settings().graph_base_url
    );
    let post = |body: String| {
        http.post(&url)
            .bearer_auth(&token)
            .header("Content-Type", "text/plain")
            .body(body)
            .send()
    };

    assert_eq!(post(packed).await.unwrap().status(), 202);
    assert_eq!(post("!!".to_owned()).await.unwrap().status(), 400);
    let sent = in_folder(&client, "sentitems", "From MIME").await;
    assert_eq!(sent[0]["body"]["contentType"], "html");
}

#[tokio::test]
async fn s70_an_answer_is_202_and_turns_up_later_in_sent_items_in_the_same_thread() {
    let client = seeded().await;
    let original = client
        .get("/me/mailFolders/inbox/messages?$top=1&$filter=isDraft eq false")
        .await
        .ok()["value"][0]
        .clone();
    let sent_items = async || {
        let list = "/me/mailFolders/sentitems/messages?$top=100";
        let page = client.get(list).await.ok();
        page["value"].as_array().unwrap().clone()
    };
    let other = "x@fabrikam.example";

    for (action, prefix, body) in [
        ("reply", "RE: ", json!({"comment": "word of reply"})),
        ("replyAll", "RE: ", json!({"comment": "word of replyAll"})),
        (
            "forward",
            "FW: ",
            json!({"comment": "word of forward", "toRecipients": to(other)}),
        ),
    ] {
        let before = sent_items().await;
        let answer = client
            .post(&format!("{}/{action}", path(&original)), body)
            .await;
        assert_eq!((answer.status, answer.text.as_str()), (202, ""), "{action}");
        assert_eq!(sent_items().await, before, "{action}");

        client.clock.advance(Duration::from_secs(2));

        let after = sent_items().await;
        assert_eq!(after.len(), before.len() + 1, "{action}");
        let sent = after
            .iter()
            .find(|message| before.iter().all(|known| known["id"] != message["id"]))
            .unwrap();
        assert_eq!(sent["conversationId"], original["conversationId"]);
        assert_eq!(sent["isDraft"], false);
        let subject = original["subject"].as_str().unwrap();
        let subject = subject.strip_prefix(prefix).unwrap_or(subject);
        assert_eq!(sent["subject"], format!("{prefix}{subject}"));
        let content = sent["body"]["content"].as_str().unwrap();
        assert!(content.contains(&format!("word of {action}")), "{action}");
        let receiver = if action == "forward" {
            json!(other)
        } else {
            original["from"]["emailAddress"]["address"].clone()
        };
        assert_eq!(sent["toRecipients"][0]["emailAddress"]["address"], receiver);
    }
}

#[tokio::test]
async fn s15_a_call_whose_answer_is_lost_has_been_carried_out_and_a_broken_one_has_not() {
    let client = seeded().await;
    client.sandbox.world().lock().knobs.send_delay_seconds = 0;
    let draft = json!({"subject": "Answer lost", "toRecipients": to("x@fabrikam.example")});
    let count = async |folder| in_folder(&client, folder, "Answer lost").await.len();

    client.fault(json!({"method": "POST", "path": "/messages$", "times": 1, "reset": true}));
    assert!(
        client
            .post_or_lose("/me/messages", draft.clone())
            .await
            .is_none()
    );
    assert_eq!(count("drafts").await, 0);
    client.fault(json!({"method": "POST", "path": "/messages$", "times": 1, "lose": true}));
    assert!(client.post_or_lose("/me/messages", draft).await.is_none());
    assert_eq!(count("drafts").await, 1);
    let draft = in_folder(&client, "drafts", "Answer lost").await[0].clone();
    client.fault(json!({"method": "POST", "path": "/send$", "times": 1, "lose": true}));
    let send = format!("{}/send", path(&draft));
    assert!(client.post_or_lose(&send, json!({})).await.is_none());

    assert_eq!((count("drafts").await, count("sentitems").await), (0, 1));
    assert_eq!(client.get(&path(&draft)).await.ok()["isDraft"], false);
    assert_eq!(client.post(&send, json!({})).await.status, 400);
}
