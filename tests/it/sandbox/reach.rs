//! S9: whose mailbox a token reaches.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::bench::{Answer, Bench, Ear, morning};

const DENIED: (u16, &str) = (403, "ErrorAccessDenied");

/// Everything one reads a mailbox by.
fn reads(user: &str) -> Vec<String> {
    let window = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z";
    [
        "",
        "/messages",
        "/mailFolders",
        "/mailFolders/inbox/messages",
        "/mailFolders/delta",
        "/mailFolders/inbox/messages/delta",
        "/events",
        "/calendars",
        &format!("/calendarView?{window}"),
        &format!("/calendarView/delta?{window}"),
    ]
    .iter()
    .map(|path| format!("/users/{user}{path}"))
    .collect()
}

async fn get(bench: &Bench, token: &str, path: &str) -> Answer {
    bench.call(token, Method::GET, path, None).await
}

async fn part(bench: &Bench, token: &str, path: &str) -> Value {
    let requests = json!({"requests": [{"id": "1", "method": "GET", "url": path}]});
    let answer = bench
        .call(token, Method::POST, "/$batch", Some(requests))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["responses"][0].clone()
}

async fn subscribe(bench: &Bench, token: &str, ear: &Ear, user: &str) -> Answer {
    let body = json!({
        "changeType": "created",
        "notificationUrl": format!("{}/notify", ear.url),
        "resource": format!("users/{user}/messages"),
        "expirationDateTime": (morning() + TimeDelta::days(1)).to_rfc3339(),
    });
    bench
        .call(token, Method::POST, "/subscriptions", Some(body))
        .await
}

#[track_caller]
fn assert_denied(answer: &Answer, what: &str) {
    let refusal = (answer.status, answer.code());
    assert_eq!((refusal.0, refusal.1.as_str()), DENIED, "{what}");
}

#[tokio::test]
async fn s09_a_persons_token_reads_nothing_of_anothers_mailbox() {
    let bench = Bench::start().await;
    let (own, other) = (bench.user_id(0), bench.user_id(1));
    let token = bench.token(0);

    for path in reads(&own) {
        let answer = get(&bench, &token, &path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    for path in reads(&other) {
        assert_denied(&get(&bench, &token, &path).await, &path);
        let part = part(&bench, &token, &path).await;
        assert_eq!(part["status"], 403, "{path}");
        assert_eq!(part["body"]["error"]["code"], DENIED.1, "{path}");
    }
    let address = &bench.sandbox.settings().users[1].address;
    let by_address = format!("/users/{address}/messages");
    assert_denied(&get(&bench, &token, &by_address).await, &by_address);
}

#[tokio::test]
async fn s09_a_persons_token_writes_nothing_into_anothers_mailbox() {
    let bench = Bench::start().await;
    let other = bench.user_id(1);
    let token = bench.token(0);

    for (path, body) in [
        ("messages", json!({"subject": "x"})),
        ("sendMail", json!({"message": {"subject": "x"}})),
        ("mailFolders", json!({"displayName": "x"})),
        ("events", json!({"subject": "x"})),
    ] {
        let path = format!("/users/{other}/{path}");
        let answer = bench.call(&token, Method::POST, &path, Some(body)).await;
        assert_denied(&answer, &path);
    }
}

#[tokio::test]
async fn s09_an_applications_token_goes_everywhere_but_where_a_policy_denies_it() {
    // F1.20
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let (own, other) = (bench.user_id(0), bench.user_id(1));
    let token = bench.app_token();

    for path in reads(&other) {
        let answer = get(&bench, &token, &path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    bench.turn(&json!({"app_denied_mailboxes": [other]}));

    for path in reads(&other) {
        assert_denied(&get(&bench, &token, &path).await, &path);
        assert_eq!(part(&bench, &token, &path).await["status"], 403, "{path}");
    }
    assert_denied(
        &subscribe(&bench, &token, &ear, &other).await,
        "a subscription",
    );
    assert!(ear.validations().is_empty());
    assert_eq!(
        subscribe(&bench, &token, &ear, &own).await.status,
        201,
        "another mailbox is not meant"
    );
    let path = format!("/users/{other}/messages");
    let person = get(&bench, &bench.token(1), &path).await;
    assert_eq!(person.status, 200, "nor is the person");
}
