//! The other kinds of writes about messages: answers to all, forwarding, copies, and what is old or gone.

use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{ALL, Stage, escaped, to};

/// The message with this subject in somebody's inbox, once it is there.
async fn arrival(stage: &Stage, index: usize, subject: &str) -> Value {
    let mut found = None;
    stage
        .until(subject, async || {
            let inbox = stage.folder(index, "inbox").await;
            found = inbox.into_iter().find(|one| one["subject"] == subject);
            found.is_some()
        })
        .await;
    found.expect("it has come")
}

/// The addresses in one of a message's fields, in order.
fn addresses(message: &Value, field: &str) -> Vec<String> {
    let people = message[field].as_array().expect("a list").iter();
    let address = |one: &Value| one["emailAddress"]["address"].as_str().map(str::to_owned);
    let mut addresses: Vec<String> = people.filter_map(address).collect();
    addresses.sort_unstable();
    addresses
}

/// Whether a message's text has these, the one before the other.
fn reads(message: &Value, first: &str, second: &str) {
    let text = message["body"]["content"].as_str().expect("a text");
    let places = (text.find(first), text.find(second));
    assert!(
        places.0.is_some() && places.0 < places.1,
        "{first}, then {second}: {text}"
    );
}

#[tokio::test]
async fn answers_to_all_and_forwarded_letters_reach_whom_they_should_with_the_quote_below() {
    let stage = Stage::open(ALL, &json!({})).await;
    let (first, second) = (stage.mailbox(0).await, stage.mailbox(1).await);
    let (outside, copied) = ("outside@fabrikam.example", "copied@fabrikam.example");
    let letter = json!({
        "subject": "Round", "to": [{"address": stage.address(1)}, {"address": outside}], "cc": to(copied),
        "body": {"type": "html", "content": "<p>The question</p>"},
        "attachments": [{"name": "plan.txt", "content_base64": "aGVsbG8="}],
    });
    let messages = format!("/api/v1/mailboxes/{first}/messages");
    stage.done(Method::POST, &messages, letter).await;
    let original = arrival(&stage, 1, "Round").await;
    let path = format!(
        "/api/v1/mailboxes/{second}/messages/{}",
        escaped(&original["id"])
    );
    stage.lose_once("POST", "/createReplyAll$");
    stage.lose_once("POST", "/createForward$");

    let answer = json!({"body": {"content": "Fine <by> us"}});
    let answered = stage
        .done(Method::POST, &format!("{path}/reply-all"), answer)
        .await;
    let onward = json!({
        "to": to(stage.address(0)), "body": {"type": "html", "content": "<b>See below</b>"},
        "attachments": [{"name": "note.txt", "content_base64": "aGVsbG8="}],
    });
    let forwarded = stage
        .done(Method::POST, &format!("{path}/forward"), onward)
        .await;

    let sent = async |told: &Value| {
        let path = format!("/me/messages/{}", escaped(&told["graph_id"]));
        stage.graph(1, &path).await
    };
    let answer = sent(&answered).await;
    assert_eq!(answer["subject"], "RE: Round");
    let mut expected = [stage.address(0), outside];
    expected.sort_unstable();
    assert_eq!(addresses(&answer, "toRecipients"), expected);
    assert_eq!(addresses(&answer, "ccRecipients"), [copied]);
    reads(&answer, "Fine &lt;by&gt; us", "The question");
    let onward = sent(&forwarded).await;
    assert_eq!(addresses(&onward, "toRecipients"), [stage.address(0)]);
    assert!(addresses(&onward, "ccRecipients").is_empty());
    reads(&onward, "<b>See below</b>", "The question");
    arrival(&stage, 0, "RE: Round").await;
    let arrived = arrival(&stage, 0, "FW: Round").await;
    let path = format!("/me/messages/{}/attachments", escaped(&arrived["id"]));
    let files = stage.graph(0, &path).await;
    let files = files["value"].as_array().expect("a list").iter();
    let mut names: Vec<&str> = files.filter_map(|file| file["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["note.txt", "plan.txt"]);
    let drafts = stage.folder(1, "drafts").await;
    let is_ours = |one: &Value| {
        let subject = one["subject"].as_str().unwrap_or_default();
        subject.ends_with(": Round")
    };
    assert!(!drafts.iter().any(is_ours), "a draft was left");
    assert_eq!(stage.sandbox.world().faults().len(), 2, "one was repeated");
    stage.close().await;
}

#[tokio::test]
async fn a_copy_is_made_once_and_what_is_old_or_gone_is_not_written_to() {
    let stage = Stage::open(ALL, &json!({})).await;
    let mailbox = stage.mailbox(0).await;
    let message = stage.folder(0, "inbox").await[0].clone();
    let id = escaped(&message["id"]);
    let path = format!("/api/v1/mailboxes/{mailbox}/messages/{id}");
    let archive = json!({"folder": "archive"});
    stage.lose_once("POST", "/copy$");

    let told = stage
        .done(Method::POST, &format!("{path}/copy"), archive.clone())
        .await;

    let mut copies = stage.folder(0, "archive").await;
    copies.retain(|one| one["internetMessageId"] == message["internetMessageId"]);
    assert_eq!(copies.len(), 1);
    assert_eq!(told["graph_id"], copies[0]["id"]);
    assert_ne!(told["graph_id"], message["id"]);
    assert_eq!(stage.sandbox.world().faults().len(), 1, "it was repeated");

    let old = message["changeKey"].as_str().expect("a version");
    let mine = json!({"categories": ["Mine"]});
    stage.done(Method::PATCH, &path, mine).await;
    let seen = format!("/me/messages/{id}");
    let before = stage.graph(0, &seen).await;
    let waiting = format!("{path}?wait=60");
    let flagged = json!({"flag": "flagged"});
    for (method, body) in [
        (Method::PATCH, flagged.clone()),
        (Method::DELETE, Value::Null),
    ] {
        let told = stage.ask_of(old, method, &waiting, body).await;
        let said = (told.status, &told.body["code"]);
        assert_eq!(said, (412, &json!("version_conflict")), "{}", told.body);
    }
    assert_eq!(stage.graph(0, &seen).await, before);
    let version = before["@odata.etag"].as_str().expect("a version");
    let told = stage
        .ask_of(version, Method::PATCH, &waiting, flagged)
        .await;
    assert_eq!(told.status, 200, "{}", told.body);

    let for_good = format!("{waiting}&permanently=1");
    let purged = stage.ask(Method::DELETE, &for_good, None, Value::Null);
    assert_eq!(purged.await.status, 200);
    for act in ["move", "copy"] {
        let path = format!("{path}/{act}?wait=60");
        let told = stage.ask(Method::POST, &path, None, archive.clone()).await;
        let said = (told.status, &told.body["code"]);
        assert_eq!(said, (404, &json!("item_gone")), "{act}: {}", told.body);
    }
    stage.close().await;
}
