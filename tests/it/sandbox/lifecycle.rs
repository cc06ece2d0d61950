//! S65, S66: lifecycle events, and what a lapsed token does.

use axum::http::Method;
use graph_mirror::sandbox::world::{Change, ChangeType, Entity, UserId};
use serde_json::{Value, json};

use super::bench::{Bench, Ear, morning};

async fn subscribe(bench: &Bench, token: &str, ear: &Ear) -> String {
    let body = json!({
        "changeType": "created",
        "notificationUrl": format!("{}/notify", ear.url),
        "lifecycleNotificationUrl": format!("{}/lifecycle", ear.url),
        "resource": "me/messages",
        "expirationDateTime": (morning() + chrono::TimeDelta::days(6)).to_rfc3339(),
        "clientState": "secret",
    });
    let created = bench
        .call(token, Method::POST, "/subscriptions", Some(body))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    created.json()["id"].as_str().unwrap().to_owned()
}

fn announce(bench: &Bench, number: usize) {
    let change = Change {
        what: ChangeType::Created,
        entity: Entity::Message {
            immutable_id: format!("immutable-{number}"),
            default_id: format!("default-{number}"),
            folder_id: "inbox".to_owned(),
        },
        etag: "W/\"1\"".to_owned(),
    };
    let user = UserId(bench.user_id(0));
    bench.world().lock().announce(&user, vec![change]);
}

async fn command(bench: &Bench, path: &str, body: Value) -> Value {
    let answer = bench.control(Method::POST, path, Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn s66_every_event_can_be_sent_by_command_again_and_again() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let id = subscribe(&bench, &bench.token(0), &ear).await;

    for event in [
        "reauthorizationRequired",
        "missed",
        "missed",
        "subscriptionRemoved",
    ] {
        let sent = command(&bench, "/subscriptions/lifecycle", json!({"event": event})).await;
        assert_eq!(sent["sent"], 1);
        let heard = ear.next().await;
        assert_eq!(heard.path, "/lifecycle");
        let item = heard.items().remove(0);
        assert_eq!(item["lifecycleEvent"], event);
        assert_eq!(item["subscriptionId"], id.as_str());
        assert_eq!(item["clientState"], "secret");
        assert_eq!(item.get("changeType"), None);
        assert_eq!(item.get("resource"), None);
    }
    assert!(bench.world().subscriptions().is_empty());
    announce(&bench, 1);
    assert_eq!(bench.world().deliveries().waiting, 0);
}

#[tokio::test]
async fn s66_reauthorization_is_asked_for_before_the_token_ends_and_until_it_is_given() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let id = subscribe(&bench, &token, &ear).await;
    let lives = bench.world().subscriptions()[0].authorised_until - morning();
    let seconds = u64::try_from(lives.num_seconds()).unwrap();

    bench.advance(seconds * 3 / 4 - 2);
    assert_eq!(bench.world().deliveries().waiting, 0);
    bench.advance(4);
    assert_eq!(
        ear.items(1).await[0]["lifecycleEvent"],
        "reauthorizationRequired"
    );
    bench.quiet().await;
    bench.advance(15 * 60);
    assert_eq!(
        ear.items(1).await[0]["lifecycleEvent"],
        "reauthorizationRequired"
    );

    bench.quiet().await;
    let path = format!("/subscriptions/{id}/reauthorize");
    assert_eq!(
        bench
            .call(&bench.token(0), Method::POST, &path, None)
            .await
            .status,
        204
    );
    bench.advance(15 * 60);
    let deliveries = bench.world().deliveries();
    assert_eq!(
        (
            deliveries.waiting,
            deliveries.in_flight,
            deliveries.delivered
        ),
        (0, 0, 2)
    );
}

#[tokio::test]
async fn s66_a_password_reset_removes_the_persons_subscriptions_and_no_others() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let reset = subscribe(&bench, &bench.token(0), &ear).await;
    let other = subscribe(&bench, &bench.token(1), &ear).await;
    announce(&bench, 1);

    command(
        &bench,
        "/identity/revoke",
        json!({"user": bench.user_id(0), "kind": "password_reset"}),
    )
    .await;

    let item = ear.items(1).await.remove(0);
    assert_eq!(
        (&item["lifecycleEvent"], &item["subscriptionId"]),
        (&json!("subscriptionRemoved"), &json!(reset))
    );
    bench.advance(5);
    assert_eq!(bench.world().deliveries().waiting, 0);
    let left: Vec<_> = bench
        .world()
        .subscriptions()
        .into_iter()
        .map(|left| left.id)
        .collect();
    assert_eq!(left, [other]);
}

#[tokio::test]
async fn s66_events_can_be_suppressed_and_subscriptions_ended_in_silence() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    subscribe(&bench, &bench.token(0), &ear).await;
    subscribe(&bench, &bench.token(1), &ear).await;

    let ended = command(
        &bench,
        "/subscriptions/end",
        json!({"mailbox": bench.user_id(0), "silently": true}),
    )
    .await;
    assert_eq!(ended["ended"], 1);
    bench.turn(&json!({"lifecycle_events": false}));
    let sent = command(
        &bench,
        "/subscriptions/lifecycle",
        json!({"event": "missed"}),
    )
    .await;
    assert_eq!(sent["sent"], 0);
    assert_eq!(
        command(&bench, "/subscriptions/end", json!({})).await["ended"],
        1
    );
    assert_eq!(bench.world().deliveries().posts, 0);
}

#[tokio::test]
async fn s65_a_lapsed_token_holds_notifications_until_it_is_renewed() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    bench.turn(&json!({"token_lapse_pauses": true, "reauthorization_schedule": false}));
    let id = subscribe(&bench, &bench.token(0), &ear).await;

    bench.advance(5_400);
    announce(&bench, 1);
    bench.advance(3_600);
    let deliveries = bench.world().deliveries();
    assert_eq!(
        (deliveries.posts, bench.world().subscriptions()[0].waiting),
        (0, 1)
    );
    let path = format!("/subscriptions/{id}/reauthorize");
    bench.call(&bench.token(0), Method::POST, &path, None).await;
    assert!(ear.items(1).await[0]["resourceData"]["id"].is_string());

    bench.advance(5_400);
    announce(&bench, 2);
    bench.advance(4 * 3_600);
    assert_eq!(ear.items(1).await[0]["lifecycleEvent"], "missed");
}
