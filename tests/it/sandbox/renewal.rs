//! S55: renewing a subscription, by PATCH and by reauthorizing.

use axum::http::Method;
use serde_json::json;

use super::bench::{Bench, Ear, Manner};
use super::subscriptions::{create, in_minutes, minutes_left, wish};

#[tokio::test]
async fn s55_a_renewal_extends_takes_the_fresh_token_and_needs_a_subscription() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let id = create(&bench, &token, wish(&ear, "me/messages"))
        .await
        .json()["id"]
        .clone();
    let path = format!("/subscriptions/{}", id.as_str().unwrap());
    let held = bench.world().subscriptions()[0].authorised_until;

    let empty = bench
        .call(&token, Method::PATCH, &path, Some(json!({})))
        .await;
    assert_eq!(empty.status, 400);
    bench.advance(900);
    let fresh = bench.token(0);
    let body = json!({"expirationDateTime": in_minutes(5_000)});
    let renewed = bench
        .call(&fresh, Method::PATCH, &path, Some(body.clone()))
        .await;
    assert_eq!(renewed.status, 200);
    assert_eq!(minutes_left(&renewed.json(), &bench), 4_985);
    let end = |token: &str| {
        let state = bench.world().lock();
        let caller = state.identity.check(token, state.now());
        caller.unwrap().expires_at
    };
    assert_ne!(end(&fresh), held);
    assert_eq!(
        bench.world().subscriptions()[0].authorised_until,
        end(&fresh)
    );

    bench.advance(900);
    let fresher = bench.token(0);
    let answer = bench
        .call(&fresher, Method::POST, &format!("{path}/reauthorize"), None)
        .await;
    assert_eq!(answer.status, 204);
    assert_ne!(end(&fresher), end(&fresh));
    assert_eq!(
        bench.world().subscriptions()[0].authorised_until,
        end(&fresher)
    );

    let missing = bench
        .call(&token, Method::PATCH, "/subscriptions/none", Some(body))
        .await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn s55_reauthorize_leaves_the_expiry_and_too_close_to_a_patch_it_is_a_conflict() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let created = create(&bench, &token, wish(&ear, "me/messages"))
        .await
        .json();
    let path = format!("/subscriptions/{}", created["id"].as_str().unwrap());

    let reauthorize = format!("{path}/reauthorize");
    assert_eq!(
        bench
            .call(&token, Method::POST, &reauthorize, None)
            .await
            .status,
        204
    );
    let shown = bench.call(&token, Method::GET, &path, None).await.json();
    assert_eq!(shown["expirationDateTime"], created["expirationDateTime"]);
    assert_eq!(bench.world().deliveries().reauthorize_conflicts, 0);

    bench.advance(599);
    let body = json!({"expirationDateTime": in_minutes(700)});
    bench.call(&token, Method::PATCH, &path, Some(body)).await;
    assert_eq!(bench.world().deliveries().reauthorize_conflicts, 1);
    assert!(bench.world().subscriptions()[0].wedged);

    bench.advance(600);
    bench.call(&token, Method::POST, &reauthorize, None).await;
    assert_eq!(bench.world().deliveries().reauthorize_conflicts, 1);
}

#[tokio::test]
async fn s55_a_new_address_is_validated_first() {
    // F9.20
    let bench = Bench::start().await;
    let (ear, new) = (Ear::open().await, Ear::open().await);
    let token = bench.token(0);
    let created = create(&bench, &token, wish(&ear, "me/messages"))
        .await
        .json();
    let path = format!("/subscriptions/{}", created["id"].as_str().unwrap());
    let body = json!({"notificationUrl": format!("{}/new", new.url)});

    new.behave(Manner::Html);
    assert_eq!(
        bench
            .call(&token, Method::PATCH, &path, Some(body.clone()))
            .await
            .status,
        400
    );
    new.behave(Manner::Answer(202));
    assert_eq!(
        bench
            .call(&token, Method::PATCH, &path, Some(body))
            .await
            .status,
        200
    );
    assert_eq!(
        bench.world().subscriptions()[0].notification_url,
        format!("{}/new", new.url)
    );
}

#[tokio::test]
async fn s52_a_renewal_is_held_to_the_same_limits() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let created = create(&bench, &token, wish(&ear, "me/messages"))
        .await
        .json();
    let path = format!("/subscriptions/{}", created["id"].as_str().unwrap());
    let renew = async |minutes: i64| {
        let body = json!({"expirationDateTime": in_minutes(minutes)});
        bench.call(&token, Method::PATCH, &path, Some(body)).await
    };

    let refused = renew(10_081).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "ExtensionError")
    );
    let message = refused.json()["error"]["message"].clone();
    assert_eq!(
        message,
        "Operation: Update; Exception: [Status Code: BadRequest; Reason: Subscription expiration can only be 10080 minutes in the future.]"
    );
    let kept = bench.call(&token, Method::GET, &path, None).await.json();
    assert_eq!(kept["expirationDateTime"], created["expirationDateTime"]);
    let raised = renew(5).await;
    assert_eq!(minutes_left(&raised.json(), &bench), 45);
    assert_eq!(minutes_left(&renew(10_080).await.json(), &bench), 10_080);
}

/// Brings PATCH and reauthorize together, with the knob as it is, and then new mail.
async fn conflict(bench: &Bench, ear: &Ear) {
    bench.turn(&json!({"notification_delay_min_ms": 0, "notification_delay_max_ms": 0}));
    let token = bench.token(0);
    let created = create(bench, &token, wish(ear, "me/messages")).await.json();
    let path = format!("/subscriptions/{}", created["id"].as_str().unwrap());
    let body = json!({"expirationDateTime": in_minutes(700)});
    bench.call(&token, Method::PATCH, &path, Some(body)).await;
    let reauthorize = format!("{path}/reauthorize");
    bench.call(&token, Method::POST, &reauthorize, None).await;
    assert!(bench.world().subscriptions()[0].wedged);
    bench.world().deliver_message(&bench.user_id(0)).unwrap();
}

#[tokio::test]
async fn s55_a_conflict_wedges_the_delivery_only_with_the_knob() {
    // F9.27
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    conflict(&bench, &ear).await;
    assert_eq!(ear.items(1).await[0]["changeType"], "created");

    let bench = Bench::start().await;
    let ear = Ear::open().await;
    bench.turn(&json!({"reauthorize_wedges": true}));
    conflict(&bench, &ear).await;
    bench.advance(5);
    bench.quiet().await;
    let deliveries = bench.world().deliveries();
    assert_eq!((deliveries.posts, ear.unheard()), (0, 0));
}
