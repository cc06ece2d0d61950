//! S50 to S58: creating, renewing and ending subscriptions.

use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use graph_mirror::sandbox::commands::Which;
use serde_json::{Value, json};

use super::bench::{Answer, Bench, Ear, Manner, morning};

fn wish(ear: &Ear, resource: &str) -> Value {
    json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": format!("{}/notify?tag=1%20a", ear.url),
        "resource": resource,
        "expirationDateTime": in_minutes(600),
        "clientState": "secret",
    })
}

fn in_minutes(minutes: i64) -> String {
    (morning() + TimeDelta::minutes(minutes)).to_rfc3339()
}

async fn create(bench: &Bench, token: &str, body: Value) -> Answer {
    bench
        .call(token, Method::POST, "/subscriptions", Some(body))
        .await
}

fn minutes_left(subscription: &Value, bench: &Bench) -> i64 {
    let end: DateTime<Utc> = subscription["expirationDateTime"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let now = bench.world().lock().now();
    (end - now).num_minutes()
}

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
        while ear.validations().is_empty() {
            tokio::task::yield_now().await;
        }
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
async fn s54_resource_data_needs_its_fields() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let rich = |resource: &str, certificate: Value| {
        let mut body = wish(&ear, resource);
        body["includeResourceData"] = true.into();
        body["encryptionCertificate"] = certificate;
        body["encryptionCertificateId"] = "one".into();
        body
    };
    let certificate = json!("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA");

    for body in [
        rich("me/messages", certificate.clone()),
        rich("me/messages?$select=body", certificate.clone()),
        rich("me/messages?$select=subject", Value::Null),
        wish(&ear, "me/messages?$top=5"),
    ] {
        assert_eq!(create(&bench, &token, body).await.status, 400);
    }
    assert!(ear.validations().is_empty());
}

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
    assert!(bench.world().subscriptions()[0].authorised_until > held - TimeDelta::minutes(30));
    assert_ne!(bench.world().subscriptions()[0].authorised_until, held);

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
