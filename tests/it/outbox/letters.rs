//! Letters: whatever breaks, each arrives once.

use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{ALL, Stage, escaped, to};

/// Forty letters over faults on every kind of call, with the service stopped and started anew in the middle.
const LETTERS: usize = 40;

/// What every answer that is lost, cut, refused or throttled hits.
fn faults(stage: &Stage) {
    for (method, path) in [
        ("POST", "/messages$"),
        ("POST", "/attachments$"),
        ("POST", "/createReply$"),
        ("POST", "/send$"),
        ("PATCH", "/messages/"),
        ("POST", "/createUploadSession$"),
        ("PUT", "."),
    ] {
        for rule in [
            json!({"reset": true, "times": 2}),
            json!({"status": 503, "headers": {"Retry-After": "1"}, "times": 1}),
            json!({"lose": true, "times": 3}),
        ] {
            let mut rule = rule;
            rule["method"] = json!(method);
            rule["path"] = json!(path);
            stage.fault(rule);
        }
    }
    stage.fault(json!({"method": "POST", "path": "/send$", "status": 429, "headers": {"Retry-After": "1"}, "times": 2}));
    stage.fault(json!({"method": "GET", "path": "singleValueExtended", "reset": true, "times": 2}));
}

/// Whether a letter carries the large file too.
fn is_heavy(number: usize) -> bool {
    number % 8 == 4 && number < 24
}

/// Asks for a letter twice; its key makes it one. Every eighth answers a message.
async fn ask_for(stage: &Stage, number: usize, original: &Value, upload: &Value) {
    let mailbox = stage.mailbox(0).await;
    let other = to(stage.address(1));
    let subject = format!("letter {number}");
    let note = json!({"name": "note.txt", "content_base64": "aGVsbG8="});
    let mut letter = json!({"subject": subject, "to": other, "attachments": [note]});
    let mut path = format!("/api/v1/mailboxes/{mailbox}/messages");
    if number.is_multiple_of(8) {
        letter["body"] = json!({"content": "yes"});
        path = format!("{path}/{}/reply", escaped(&original["id"]));
    }
    if is_heavy(number) {
        letter["attachments"] = json!([{"upload_id": upload["upload_id"]}, note]);
    }
    for _ in 0..2 {
        let told = stage
            .ask(Method::POST, &path, Some(&subject), letter.clone())
            .await;
        assert!(matches!(told.status, 200 | 202), "{}", told.body);
    }
}

#[tokio::test]
async fn forty_letters_over_faults_and_restarts_arrive_once_each() {
    let mut stage = Stage::open(ALL, &json!({"send_changes_id": true})).await;
    let mailbox = stage.mailbox(0).await;
    let inbox = stage.folder(0, "inbox").await;
    let upload = stage.upload(mailbox, "large.bin", vec![7; 3_500_000]).await;
    faults(&stage);

    for number in 0..LETTERS {
        ask_for(&stage, number, &inbox[number / 8], &upload).await;
    }
    for left in [38, 33, 27, 20, 12, 5] {
        stage
            .until("some of them", async || {
                stage.waiting(mailbox).await <= left
            })
            .await;
        stage.halt().await;
        stage.start().await;
    }
    stage.written(mailbox).await;

    let arrived = async || {
        let mut arrived = stage.folder(1, "inbox").await;
        arrived.retain(is_letter);
        arrived
    };
    stage
        .until("the last one", async || arrived().await.len() >= LETTERS)
        .await;
    let mut numbers = Vec::new();
    for one in arrived().await {
        let subject = one["subject"].as_str().unwrap_or_default();
        let number: usize = subject["letter ".len()..].parse().expect("a number");
        let path = format!(
            "/me/messages/{}/attachments?$select=name",
            escaped(&one["id"])
        );
        let files = stage.graph(1, &path).await;
        let files = files["value"].as_array().expect("a list");
        let ours = ["large.bin", "note.txt"];
        let names: Vec<&str> = files
            .iter()
            .filter_map(|file| file["name"].as_str())
            .filter(|name| ours.contains(name))
            .collect();
        let expected = if is_heavy(number) {
            &ours[..]
        } else {
            &ours[1..]
        };
        assert_eq!(names, expected, "{subject}");
        numbers.push(number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..LETTERS).collect::<Vec<_>>());
    let drafts = stage.folder(0, "drafts").await;
    assert!(!drafts.iter().any(is_letter), "a draft was left");
    let unused = stage.sandbox.world().faults();
    assert!(unused.is_empty(), "{unused:?}");
    stage.close().await;
}

fn is_letter(message: &Value) -> bool {
    message["subject"]
        .as_str()
        .is_some_and(|subject| subject.starts_with("letter "))
}

#[tokio::test]
async fn a_write_is_seen_in_the_mirror_and_the_feed_names_it() {
    let stage = Stage::open(ALL, &json!({})).await;
    let mailbox = stage.mailbox(0).await;
    let body = json!({"subject": "Named", "to": to(stage.address(1)), "body": {"type": "html", "content": "<p>Hi</p>"}});
    let told = stage
        .ask(
            Method::POST,
            &format!("/api/v1/mailboxes/{mailbox}/messages?wait=60"),
            None,
            body,
        )
        .await;
    assert_eq!(
        (told.status, &told.body["status"]),
        (200, &json!("done")),
        "{}",
        told.body
    );
    let id = told.body["graph_id"].as_str().expect("an id").to_owned();
    let command = told.body["command_id"].as_str().expect("an id").to_owned();
    let place = told.location.expect("a place");
    assert_eq!(
        stage.ask(Method::GET, &place, None, Value::Null).await.body["kind"],
        "send"
    );

    stage
        .until("its change in the feed", async || {
            let changes = stage.parts.store.changes_after(mailbox, 0, 10_000).await;
            changes.expect("it answers").iter().any(|change| {
                change.external_id.as_str() == id
                    && change
                        .origin
                        .is_some_and(|origin| origin.to_string() == command)
            })
        })
        .await;

    // What others do to it is not ours.
    let path = format!(
        "/api/v1/mailboxes/{mailbox}/messages/{}",
        escaped(&json!(id))
    );
    let changes = json!({"flag": "flagged", "categories": ["Case 7"]});
    let told = stage
        .ask(Method::PATCH, &format!("{path}?wait=60"), None, changes)
        .await;
    assert_eq!(told.status, 200, "{}", told.body);
    for (method, step, body, folder) in [
        (
            Method::POST,
            "/move",
            json!({"folder": "archive"}),
            "archive",
        ),
        (Method::DELETE, "", Value::Null, "deleteditems"),
        (Method::POST, "/restore", json!({}), "inbox"),
    ] {
        let told = stage
            .ask(method, &format!("{path}{step}?wait=60"), None, body)
            .await;
        assert_eq!(told.status, 200, "{step}: {}", told.body);
        let there = stage.folder(0, folder).await;
        assert!(there.iter().any(|one| one["id"] == id), "{folder}");
    }
    let copied = stage
        .ask(
            Method::POST,
            &format!("{path}/copy?wait=60"),
            None,
            json!({"folder": "archive"}),
        )
        .await;
    assert_ne!(copied.body["graph_id"], id, "{}", copied.body);
    let purged = stage
        .ask(
            Method::DELETE,
            &format!("{path}?wait=60&permanently=1"),
            None,
            Value::Null,
        )
        .await;
    assert_eq!(purged.status, 200, "{}", purged.body);
    let again = stage
        .ask(
            Method::POST,
            &format!("{path}/reply?wait=60"),
            None,
            json!({"body": {"content": "x"}}),
        )
        .await;
    assert_eq!(
        (again.status, &again.body["code"]),
        (404, &json!("item_gone")),
        "{}",
        again.body
    );
    stage.close().await;
}
