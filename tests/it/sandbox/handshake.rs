//! S50, S51: what is checked before a subscription is made, and the handshake with its endpoints.

use axum::http::Method;
use serde_json::{Value, json};

use super::bench::{Bench, Ear, Manner};
use super::subscriptions::{create, wish};

#[tokio::test]
async fn s50_both_urls_are_asked_and_the_subscription_is_returned_in_full() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let mut body = wish(&ear, "me/messages");
    body["lifecycleNotificationUrl"] = format!("{}/lifecycle", ear.url).into();

    let created = create(&bench, &bench.token(0), body).await;

    assert_eq!(created.status, 201, "{created:?}");
    let subscription = created.json();
    for name in [
        "id",
        "applicationId",
        "creatorId",
        "resource",
        "changeType",
        "clientState",
    ] {
        assert!(subscription[name].is_string(), "{name}");
    }
    assert_eq!(subscription["creatorId"], bench.user_id(0).as_str());
    assert_eq!(subscription["encryptionCertificate"], Value::Null);
    let mut asked: Vec<_> = ear
        .validations()
        .into_iter()
        .map(|heard| heard.path)
        .collect();
    asked.sort();
    assert_eq!(asked, ["/lifecycle", "/notify"]);
    assert!(
        ear.validations()
            .iter()
            .all(|heard| heard.content_type.starts_with("text/plain"))
    );
}

#[tokio::test]
async fn s50_an_endpoint_that_does_not_echo_gets_no_subscription() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    for manner in [
        Manner::Answer(403),
        Manner::Misquote("\"token\""),
        Manner::Html,
        // The right token, but "200" is what is asked for, and nothing else in the body (F9.17).
        Manner::Echo(202),
        Manner::Echo(204),
        Manner::Encoded,
        Manner::Followed("\n"),
    ] {
        ear.behave(manner.clone());
        let refused = create(&bench, &token, wish(&ear, "me/messages")).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "ValidationError"),
            "{manner:?}"
        );
    }

    bench.turn(&json!({"validation_error_code": "InvalidRequest"}));
    let nobody = json!({"notificationUrl": "http://127.0.0.1:1/"});
    let mut body = wish(&ear, "me/messages");
    body["notificationUrl"] = nobody["notificationUrl"].clone();
    assert_eq!(create(&bench, &token, body).await.code(), "InvalidRequest");
    assert!(bench.world().subscriptions().is_empty());
}

#[tokio::test]
async fn s50_an_endpoint_has_ten_seconds_to_echo() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    ear.behave(Manner::Hold);

    let token = bench.token(0);
    let (refused, ()) = tokio::join!(create(&bench, &token, wish(&ear, "me/messages")), async {
        ear.asked(1).await;
        bench.advance(10);
    });

    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "ValidationError")
    );
    assert!(refused.text.contains("timed out"));
}

#[tokio::test]
async fn s50_what_reads_badly_is_refused_without_a_call() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    for (name, value) in [
        ("notificationUrl", json!("http://example.org/")),
        ("resource", json!("me/mailFolders")),
        ("changeType", json!("renamed")),
        ("expirationDateTime", json!("2026-03-02T12:00:00")),
    ] {
        let mut body = wish(&ear, "me/messages");
        body[name] = value;
        let refused = create(&bench, &token, body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "InvalidRequest"),
            "{name}"
        );
    }
    assert!(ear.validations().is_empty());
}

#[tokio::test]
async fn s51_the_token_changes_when_it_is_decoded() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;

    create(&bench, &bench.token(0), wish(&ear, "me/messages")).await;

    let heard = ear.validations().remove(0);
    assert!(heard.query.starts_with("tag=1%20a&validationToken="));
    let token = url::form_urlencoded::parse(heard.query.as_bytes())
        .find(|(name, _)| name == "validationToken")
        .map(|(_, token)| token.into_owned())
        .unwrap();
    assert!(
        ['+', '%', ' ', ':']
            .iter()
            .all(|letter| token.contains(*letter)),
        "{token}"
    );
}

#[tokio::test]
async fn s50_both_urls_are_asked_at_once() {
    // F9.18
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    ear.behave(Manner::Hold);
    let mut body = wish(&ear, "me/messages");
    body["lifecycleNotificationUrl"] = format!("{}/lifecycle", ear.url).into();

    let token = bench.token(0);
    let (created, ()) = tokio::join!(create(&bench, &token, body), async {
        // Neither is answered before both have come.
        ear.asked(2).await;
        ear.behave(Manner::Answer(202));
    });

    assert_eq!(created.status, 201, "{created:?}");
}

#[tokio::test]
async fn s50_an_answer_after_nine_seconds_is_in_time() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    ear.behave(Manner::Hold);

    let token = bench.token(0);
    let (created, ()) = tokio::join!(create(&bench, &token, wish(&ear, "me/messages")), async {
        ear.asked(1).await;
        bench.advance(9);
        ear.behave(Manner::Answer(202));
    });

    assert_eq!(created.status, 201, "{created:?}");
}

#[tokio::test]
async fn s50_plain_http_leads_to_this_machine_only() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let port = url::Url::parse(&ear.url).unwrap().port().unwrap();

    for host in [
        "10.0.0.1",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
    ] {
        for name in ["notificationUrl", "lifecycleNotificationUrl"] {
            let mut body = wish(&ear, "me/messages");
            body[name] = format!("http://{host}:{port}/notify").into();
            let refused = create(&bench, &token, body).await;
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (400, "InvalidRequest"),
                "{name} at {host}"
            );
        }
    }
    assert!(ear.validations().is_empty());
    let mut body = wish(&ear, "me/messages");
    body["notificationUrl"] = format!("http://localhost:{port}/notify").into();
    assert_eq!(create(&bench, &token, body).await.status, 201);
    let path = bench.world().subscriptions()[0].id.clone();
    let change = json!({"notificationUrl": format!("http://10.0.0.1:{port}/notify")});
    let refused = bench
        .call(
            &token,
            Method::PATCH,
            &format!("/subscriptions/{path}"),
            Some(change),
        )
        .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "InvalidRequest")
    );
}
