//! S52, S53, S56, S58: what a subscription is granted, how many there are, and how they end.

use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use graph_mirror::sandbox::commands::Which;
use serde_json::{Value, json};

use super::bench::{Answer, Bench, Ear, morning};

pub(super) fn wish(ear: &Ear, resource: &str) -> Value {
    json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": format!("{}/notify?tag=1%20a", ear.url),
        "resource": resource,
        "expirationDateTime": in_minutes(600),
        "clientState": "secret",
    })
}

pub(super) fn in_minutes(minutes: i64) -> String {
    (morning() + TimeDelta::minutes(minutes)).to_rfc3339()
}

pub(super) async fn create(bench: &Bench, token: &str, body: Value) -> Answer {
    bench
        .call(token, Method::POST, "/subscriptions", Some(body))
        .await
}

pub(super) fn minutes_left(subscription: &Value, bench: &Bench) -> i64 {
    let end: DateTime<Utc> = subscription["expirationDateTime"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let now = bench.world().lock().now();
    (end - now).num_minutes()
}

#[tokio::test]
async fn s52_the_granted_expiry_is_returned() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let ask = async |minutes: i64| {
        let mut body = wish(&ear, "me/messages");
        body["expirationDateTime"] = in_minutes(minutes).into();
        create(&bench, &token, body).await
    };

    let long = ask(10_081).await;
    assert_eq!((long.status, long.code().as_str()), (400, "ExtensionError"));
    let short = ask(5).await.json();
    assert_eq!(minutes_left(&short, &bench), 45);

    bench
        .world()
        .end_subscriptions(&Which::default(), true)
        .unwrap();
    let longest = ask(10_080).await;
    assert_eq!(longest.status, 201, "{longest:?}");
    assert_eq!(minutes_left(&longest.json(), &bench), 10_080);
    bench
        .world()
        .end_subscriptions(&Which::default(), true)
        .unwrap();
    bench.turn(&json!({"max_expiry_minutes": 4_230}));
    assert_eq!(ask(4_231).await.status, 400);
    assert_eq!(minutes_left(&ask(4_230).await.json(), &bench), 4_230);
}

#[tokio::test]
async fn s53_the_same_twice_conflicts_and_a_mailbox_takes_a_thousand() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let first = create(&bench, &token, wish(&ear, "me/messages"))
        .await
        .json();

    let path = format!("/Users/{}/Messages", bench.user_id(0));
    let twin = create(&bench, &token, wish(&ear, &path)).await;
    assert_eq!((twin.status, twin.code().as_str()), (409, "Conflict"));
    assert!(twin.text.contains(first["id"].as_str().unwrap()));
    let mut other = wish(&ear, "me/messages");
    other["changeType"] = "created".into();
    assert_eq!(create(&bench, &token, other).await.status, 201);

    bench.turn(&json!({"duplicate_conflict": false}));
    assert_eq!(bench.world().knobs().subscriptions_per_mailbox, 1_000);
    bench.turn(&json!({"subscriptions_per_mailbox": 3}));
    assert_eq!(
        create(&bench, &token, wish(&ear, "me/messages"))
            .await
            .status,
        201
    );
    let surplus = create(&bench, &token, wish(&ear, "me/messages")).await;
    assert_eq!(surplus.status, 403);
    assert!(surplus.text.contains("limit of 3"));
    assert_eq!(
        create(&bench, &bench.token(1), wish(&ear, "me/messages"))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn s56_a_subscription_ends_silently_and_deleting_it_twice_is_404() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let mut body = wish(&ear, "me/messages");
    body["lifecycleNotificationUrl"] = ear.url.clone().into();
    bench.turn(&json!({"reauthorization_schedule": false}));
    let token = bench.token(0);
    let created = create(&bench, &token, body).await.json();
    let path = format!("/subscriptions/{}", created["id"].as_str().unwrap());

    bench.advance(600 * 60);
    let token = bench.token(0);
    assert_eq!(
        bench.call(&token, Method::GET, &path, None).await.status,
        404
    );
    assert_eq!(ear.unheard(), 0);

    let mut body = wish(&ear, "me/messages");
    body["expirationDateTime"] = in_minutes(1_200).into();
    let created = create(&bench, &token, body).await.json();
    let path = format!("/subscriptions/{}", created["id"].as_str().unwrap());
    assert_eq!(
        bench.call(&token, Method::DELETE, &path, None).await.status,
        204
    );
    assert_eq!(
        bench.call(&token, Method::DELETE, &path, None).await.status,
        404
    );
}

#[tokio::test]
async fn s56_the_list_shows_what_the_token_may_see_in_pages_without_client_state() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let (anna, ben, application) = (bench.token(0), bench.token(1), bench.app_token());
    create(&bench, &anna, wish(&ear, "me/messages")).await;
    create(&bench, &anna, wish(&ear, "me/events")).await;
    create(&bench, &ben, wish(&ear, "me/messages")).await;
    let resource = format!("users/{}/messages", bench.user_id(2));
    create(&bench, &application, wish(&ear, &resource)).await;
    bench.turn(&json!({"subscriptions_page_size": 2}));

    let count = async |token: &str| {
        let mut path = "/subscriptions".to_owned();
        let mut found = Vec::new();
        let mut pages = 0;
        loop {
            let page = bench.call(token, Method::GET, &path, None).await.json();
            let value = page["value"].as_array().unwrap().clone();
            assert!(value.len() <= 2);
            found.extend(value);
            pages += 1;
            match page["@odata.nextLink"].as_str() {
                Some(next) => next.clone_into(&mut path),
                None => return (found, pages),
            }
        }
    };
    let (annas, pages) = count(&anna).await;
    assert_eq!((annas.len(), pages), (2, 1));
    assert!(
        annas
            .iter()
            .all(|shown| shown["clientState"] == Value::Null)
    );
    assert_eq!(count(&ben).await.0.len(), 1);
    let (all, pages) = count(&application).await;
    assert_eq!((all.len(), pages), (4, 2));

    bench.turn(&json!({"client_state_hidden": false}));
    assert_eq!(count(&ben).await.0[0]["clientState"], "secret");
    let annas = format!("/subscriptions/{}", annas[0]["id"].as_str().unwrap());
    assert_eq!(
        bench.call(&ben, Method::GET, &annas, None).await.status,
        404
    );
    let filtered = bench
        .call(&ben, Method::GET, "/subscriptions?$filter=a%20eq%201", None)
        .await;
    assert_eq!(filtered.status, 400);
}

#[tokio::test]
async fn s09_a_person_cannot_subscribe_to_another_mailbox() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let resource = format!("users/{}/messages", bench.user_id(1));

    let denied = create(&bench, &bench.token(0), wish(&ear, &resource)).await;
    assert_eq!(
        (denied.status, denied.code().as_str()),
        (403, "ErrorAccessDenied")
    );
    assert_eq!(
        create(&bench, &bench.app_token(), wish(&ear, &resource))
            .await
            .status,
        201
    );

    let user = bench.user_id(0);
    let unlicensed = bench.user_id(2);
    let mail_only = bench
        .world()
        .issue_token(Some(&user), &["Mail.Read"])
        .unwrap();
    assert_eq!(
        create(&bench, &mail_only, wish(&ear, "me/events"))
            .await
            .status,
        403
    );
    bench.world().set_licence(&unlicensed, false).unwrap();
    let wrapped = create(&bench, &bench.token(2), wish(&ear, "me/messages")).await;
    assert_eq!(
        (wrapped.status, wrapped.code().as_str()),
        (404, "ExtensionError")
    );
}

#[tokio::test]
async fn s58_the_201_can_be_late_while_notifications_flow() {
    // F10.28
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    bench.turn(&json!({
        "created_delay_ms": 5_000,
        "notification_delay_min_ms": 0,
        "notification_delay_max_ms": 0,
    }));
    let token = bench.token(0);
    let created = create(&bench, &token, wish(&ear, "me/messages"));
    tokio::pin!(created);

    let meanwhile = async {
        while bench.world().subscriptions().is_empty() {
            tokio::task::yield_now().await;
        }
        bench.world().deliver_message(&bench.user_id(0)).unwrap();
        ear.items(1).await.remove(0)
    };
    let item = tokio::select! {
        biased;
        _ = &mut created => panic!("it was answered while the clock stood"),
        item = meanwhile => item,
    };

    let on = async {
        loop {
            tokio::task::yield_now().await;
            bench.world().advance(std::time::Duration::from_millis(50));
        }
    };
    let created = tokio::select! {
        created = created => created,
        () = on => unreachable!("it has no end"),
    };
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.json()["id"], item["subscriptionId"]);
}

#[tokio::test]
async fn s58_the_201_can_be_lost_while_the_subscription_stands() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    bench.turn(&json!({"created_dropped": true}));

    let token = bench.token(0);
    let url = format!("{}/v1.0/subscriptions", bench.base());
    let body = wish(&ear, "me/messages");
    let request = bench
        .client
        .post(url)
        .bearer_auth(&token)
        .json(&body)
        .send()
        .await;
    let lost = match request {
        Err(_) => true,
        Ok(response) => response.text().await.is_err(),
    };

    assert!(lost);
    assert_eq!(bench.world().subscriptions().len(), 1);
    let listed = bench
        .call(&token, Method::GET, "/subscriptions", None)
        .await
        .json();
    assert_eq!(listed["value"].as_array().unwrap().len(), 1);
}
