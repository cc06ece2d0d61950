//! S67: notifications with resource data: sealed for the subscriber, vouched for by validation tokens.
//!
//! The certificates and keys beside this file were made for these tests. Nothing else knows or trusts them.

mod reader;

use std::collections::HashSet;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use graph_mirror::sandbox::commands::Which;
use graph_mirror::sandbox::hostile::Hostility;
use serde_json::{Value, json};

use self::reader::{Fault, Reader, open};
use super::bench::{Bench, Ear};
use super::subscriptions::{create, in_minutes, wish};

const FIRST: &[u8] = include_bytes!("first.der");
const FIRST_KEY: &[u8] = include_bytes!("first.pk8");
const SECOND: &[u8] = include_bytes!("second.der");
const SECOND_KEY: &[u8] = include_bytes!("second.pk8");

/// What `openssl x509 -fingerprint -sha1` says of them.
const FIRST_THUMBPRINT: &str = "F04A1CBF236F2CABDC80F96452CEF4B100211218";
const SECOND_THUMBPRINT: &str = "B57C489A255FCB6962C03B071C7FAF4F64D6BE34";

const RESOURCE: &str = "me/messages?$select=subject,receivedDateTime,from";

/// A wish for resource data.
pub fn rich(ear: &Ear, resource: &str) -> Value {
    let mut body = wish(ear, resource);
    body["includeResourceData"] = true.into();
    body["encryptionCertificate"] = STANDARD.encode(FIRST).into();
    body["encryptionCertificateId"] = "first".into();
    body
}

/// Subscribes; the subscription's id.
async fn listen(bench: &Bench, token: &str, body: Value) -> String {
    bench.turn(&json!({"notification_delay_min_ms": 0, "notification_delay_max_ms": 0}));
    let created = create(bench, token, body).await;
    assert_eq!(created.status, 201, "{created:?}");
    let created = created.json();
    assert_eq!(created["includeResourceData"], true);
    created["id"].as_str().unwrap().to_owned()
}

/// A message arrives; what the ear hears of it.
async fn heard_of_one(bench: &Bench, ear: &Ear) -> (String, Value) {
    let id = bench.world().deliver_message(&bench.user_id(0)).unwrap();
    let heard = ear.next().await;
    (id, serde_json::from_str(&heard.body).unwrap())
}

#[tokio::test]
async fn s67_an_item_is_sealed_for_the_certificate_and_shows_what_was_selected() {
    // F10.3, F10.33, F10.34, F10.36
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    listen(&bench, &token, rich(&ear, RESOURCE)).await;

    let mut keys = HashSet::new();
    for _ in 0..3 {
        let (_, body) = heard_of_one(&bench, &ear).await;
        let item = &body["value"][0];
        let content = &item["encryptedContent"];
        assert_eq!(content["encryptionCertificateId"], "first");
        assert_eq!(content["encryptionCertificateThumbprint"], FIRST_THUMBPRINT);
        assert_eq!(item["clientState"], "secret");
        assert_eq!(
            item["resourceData"]["@odata.type"],
            "#microsoft.graph.message"
        );

        let (shown, key) = open(item, FIRST_KEY).unwrap();
        let id = item["resourceData"]["id"].as_str().unwrap();
        let path = format!("/me/messages/{}", super::client::segment(id));
        let message = bench.call(&token, Method::GET, &path, None).await.json();
        assert_eq!(
            shown,
            json!({
                "@odata.type": "#microsoft.graph.message",
                "subject": message["subject"],
                "receivedDateTime@odata.type": "#DateTimeOffset",
                "receivedDateTime": message["receivedDateTime"],
                "from": message["from"],
            })
        );
        assert!(keys.insert(key), "each item has a key of its own");
    }
}

#[tokio::test]
async fn s67_an_event_comes_as_itself_and_what_is_gone_brings_nothing() {
    // F10.38
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    listen(
        &bench,
        &token,
        rich(&ear, "me/events?$select=id,subject,start"),
    )
    .await;

    let event = json!({
        "subject": "Plans",
        "start": {"dateTime": "2026-03-03T10:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2026-03-03T11:00:00", "timeZone": "UTC"},
    });
    let created = bench
        .call(&token, Method::POST, "/me/events", Some(event))
        .await
        .json();
    let item = ear.items(1).await.remove(0);
    let (shown, _) = open(&item, FIRST_KEY).unwrap();
    assert_eq!(
        shown,
        json!({
            "@odata.type": "#microsoft.graph.event",
            "id": created["id"],
            "subject": "Plans",
            "start": created["start"],
        })
    );
    assert_eq!(
        item["resourceData"]["@odata.type"],
        "#microsoft.graph.event"
    );

    bench.quiet().await;
    let surplus = ear.unheard_items();
    ear.items(surplus).await;
    let path = format!(
        "/me/events/{}",
        super::client::segment(created["id"].as_str().unwrap())
    );
    let gone = bench.call(&token, Method::DELETE, &path, None).await;
    assert_eq!(gone.status, 204);
    let heard = ear.next().await;
    let body: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(body["value"][0]["changeType"], "deleted");
    assert_eq!(body["value"][0].get("encryptedContent"), None);
    assert!(Reader::of(&bench).await.trust(&body).is_ok());
}

#[tokio::test]
async fn s67_a_renewed_certificate_seals_from_then_on() {
    // F9.23, F10.35
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let id = listen(&bench, &token, rich(&ear, RESOURCE)).await;
    let path = format!("/subscriptions/{id}");
    let renew = async |certificate: String| {
        let body = json!({
            "expirationDateTime": in_minutes(600),
            "encryptionCertificate": certificate,
            "encryptionCertificateId": "second",
        });
        bench.call(&token, Method::PATCH, &path, Some(body)).await
    };

    let refused = renew("bm8gY2VydGlmaWNhdGU=".to_owned()).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "InvalidRequest")
    );
    let (_, body) = heard_of_one(&bench, &ear).await;
    assert!(open(&body["value"][0], FIRST_KEY).is_ok());

    let renewed = renew(STANDARD.encode(SECOND)).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    assert_eq!(renewed.json()["encryptionCertificateId"], "second");
    let (_, body) = heard_of_one(&bench, &ear).await;
    let item = &body["value"][0];
    let content = &item["encryptedContent"];
    assert_eq!(content["encryptionCertificateId"], "second");
    assert_eq!(
        content["encryptionCertificateThumbprint"],
        SECOND_THUMBPRINT
    );
    assert!(open(item, SECOND_KEY).is_ok());
}

#[tokio::test]
async fn s67_tokens_of_both_versions_hold_against_the_published_keys() {
    // F10.30, F10.31
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    listen(&bench, &bench.token(0), rich(&ear, RESOURCE)).await;

    for (version, ver) in [(None, "2.0"), (Some("v1"), "1.0"), (Some("v2"), "2.0")] {
        if let Some(version) = version {
            let knobs = json!({ "rich_token_version": version });
            let turned = bench.control(Method::PATCH, "/knobs", Some(knobs)).await;
            assert_eq!(turned.status, 200, "{turned:?}");
        }
        let (_, body) = heard_of_one(&bench, &ear).await;
        let claims = Reader::of(&bench).await.trust(&body).unwrap();
        assert_eq!(claims["ver"], ver);
    }
}

#[tokio::test]
async fn s67_each_flaw_is_found_by_the_check_that_is_for_it() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    listen(&bench, &bench.token(0), rich(&ear, RESOURCE)).await;
    let cases = [
        ("wrong_aud", Some(Fault::Audience), None),
        ("wrong_azp", Some(Fault::Publisher), None),
        ("expired", Some(Fault::Expired), None),
        ("unknown_kid", Some(Fault::UnknownKey), None),
        ("wrong_tenant", Some(Fault::Tenant), None),
        ("bad_hmac", None, Some(Fault::Hmac)),
        ("none", None, None),
    ];

    for version in ["v1", "v2"] {
        for (tampering, distrusted, unopened) in cases {
            let knobs = json!({"rich_tampering": tampering, "rich_token_version": version});
            let turned = bench.control(Method::PATCH, "/knobs", Some(knobs)).await;
            assert_eq!(turned.status, 200, "{turned:?}");
            let (_, body) = heard_of_one(&bench, &ear).await;
            let reader = Reader::of(&bench).await;
            assert_eq!(
                reader.trust(&body).err(),
                distrusted,
                "{tampering} {version}"
            );
            let opened = open(&body["value"][0], FIRST_KEY);
            assert_eq!(opened.err(), unopened, "{tampering} {version}");
        }
    }
    let unknown = json!({"rich_tampering": "everything"});
    let refused = bench.control(Method::PATCH, "/knobs", Some(unknown)).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn s67_tokens_are_null_when_the_publisher_lacks_a_role_and_absent_without_resource_data() {
    // F10.32, Q44
    let bench = Bench::start().await;
    let (sealed, plain) = (Ear::open().await, Ear::open().await);
    let token = bench.token(0);
    listen(&bench, &token, rich(&sealed, RESOURCE)).await;
    let inbox = wish(&plain, "me/mailFolders('inbox')/messages");
    assert_eq!(create(&bench, &token, inbox).await.status, 201);
    bench.turn(&json!({"rich_null_tokens": true}));

    let (_, body) = heard_of_one(&bench, &sealed).await;
    assert_eq!(body.get("validationTokens"), Some(&Value::Null));
    assert!(open(&body["value"][0], FIRST_KEY).is_ok());
    let heard: Value = serde_json::from_str(&plain.next().await.body).unwrap();
    assert_eq!(heard.get("validationTokens"), None);
    assert_eq!(heard["value"][0].get("encryptedContent"), None);
}

#[tokio::test]
async fn s67_a_post_for_two_tenants_brings_a_token_for_each() {
    // F10.6, F10.30
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let tenant_id = "99999999-2222-3333-4444-555555555555".to_owned();
    let another = bench
        .world()
        .register_application("another".to_owned(), Some(tenant_id.clone()))
        .unwrap();
    listen(&bench, &bench.token(0), rich(&ear, RESOURCE)).await;
    let token = bench.token_of(&another.client_id, Some(0));
    listen(&bench, &token, rich(&ear, RESOURCE)).await;
    // Two messages, so that each of the two has two items in one POST.
    bench.turn(&json!({"notification_delay_min_ms": 500, "notification_delay_max_ms": 500}));
    for _ in 0..2 {
        bench.world().deliver_message(&bench.user_id(0)).unwrap();
    }
    bench.advance(1);

    let heard = ear.next().await;
    let body: Value = serde_json::from_str(&heard.body).unwrap();

    assert_eq!(body["value"].as_array().unwrap().len(), 4);
    let tokens: Vec<_> = body["validationTokens"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(tokens.len(), 2);
    let own = Reader::of(&bench).await;
    let others = Reader {
        client_id: another.client_id,
        tenant_id,
        ..Reader::of(&bench).await
    };
    for reader in [own, others] {
        let trusted = tokens
            .iter()
            .filter(|token| reader.claims(token.as_str().unwrap()).is_ok());
        assert_eq!(trusted.count(), 1);
    }
}

#[tokio::test]
async fn s67_what_is_honest_in_a_hostile_post_is_sealed_and_vouched_for() {
    // S68
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    listen(&bench, &bench.token(0), rich(&ear, RESOURCE)).await;

    let which = Which::default();
    let statuses = bench
        .world()
        .send_hostile(&which, Hostility::BadAmongGood)
        .await
        .unwrap();

    assert_eq!(statuses, [Some(202)]);
    let body: Value = serde_json::from_str(&ear.next().await.body).unwrap();
    assert!(Reader::of(&bench).await.trust(&body).is_ok());
    let items = body["value"].as_array().unwrap();
    let honest = items.iter().filter(|item| item["clientState"] == "secret");
    let opened: Vec<_> = honest
        .map(|item| open(item, FIRST_KEY).unwrap().1)
        .collect();
    assert_eq!(opened.len(), 3);
    assert_ne!(opened[0], opened[1]);
}
