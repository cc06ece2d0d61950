use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::secrets::keyring::Keyring;

fn signer() -> Signer {
    Signer::new(&Keyring::generate())
}

fn change(signer: &Signer, key: SubscriptionKey, change_type: &str, id: &str) -> Value {
    json!({
        "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
        "subscriptionExpirationDateTime": "2026-03-20T11:00:00.0000000+05:30",
        "clientState": signer.client_state(key),
        "changeType": change_type,
        "resource": format!("Users/5f2a/Messages/{id}"),
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.Message",
            "@odata.id": format!("Users/5f2a/Messages/{id}"),
            "@odata.etag": "W/\"CQAAABYAAADkrWGo\"",
            "id": id,
        },
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
    })
}

fn read_items(signer: &Signer, items: &[Value]) -> Post {
    let body = json!({ "value": items }).to_string();
    read(body.as_bytes(), signer, Timestamp::UNIX_EPOCH).expect("it is a post")
}

fn ids(post: &Post) -> Vec<&str> {
    post.notices
        .iter()
        .map(|notice| notice.external_id.as_str())
        .collect()
}

#[test]
fn each_change_becomes_a_notice_of_its_subscription() {
    // F10.2, F10.3.
    let signer = signer();
    let (one, two) = (SubscriptionKey::generate(), SubscriptionKey::generate());

    let post = read_items(
        &signer,
        &[
            change(&signer, one, "created", "AAMk=1"),
            change(&signer, two, "updated", "AAMk+2"),
            change(&signer, one, "Deleted", "AAMk/3"),
        ],
    );

    assert_eq!(ids(&post), ["AAMk=1", "AAMk+2", "AAMk/3"]);
    let hints: Vec<_> = post.notices.iter().map(|notice| notice.hint).collect();
    assert_eq!(
        hints,
        [
            ChangeHint::Created,
            ChangeHint::Updated,
            ChangeHint::Deleted
        ]
    );
    let keys: Vec<_> = post
        .notices
        .iter()
        .map(|notice| notice.subscription)
        .collect();
    assert_eq!(keys, [one, two, one]);
    assert_eq!(post.dropped, Dropped::default());
}

#[test]
fn a_bad_item_does_not_void_the_good_ones() {
    // F10.6, M18.
    let signer = signer();
    let key = SubscriptionKey::generate();
    let mut unsigned = change(&signer, key, "created", "unsigned");
    unsigned["clientState"] = Value::Null;
    let mut forged = change(&signer, key, "created", "forged");
    forged["clientState"] = json!(Signer::new(&Keyring::generate()).client_state(key));
    let mut odd = change(&signer, key, "created", "odd");
    odd["clientState"] = json!(7);

    let post = read_items(
        &signer,
        &[
            change(&signer, key, "created", "first"),
            json!(null),
            json!("text"),
            json!([[[]]]),
            json!({}),
            unsigned,
            forged,
            odd,
            change(&signer, key, "created", ""),
            change(&signer, key, "created", "nul\u{0}"),
            change(&signer, key, "created", &"x".repeat(5_000)),
            change(&signer, key, "updated", "last"),
        ],
    );

    assert_eq!(ids(&post), ["first", "last"]);
    let dropped = Dropped {
        malformed: 7,
        forged: 3,
        unknown: 0,
    };
    assert_eq!(post.dropped, dropped);
}

#[test]
fn a_change_type_of_tomorrow_is_passed_over() {
    // F10.8.
    let signer = signer();
    let key = SubscriptionKey::generate();

    let post = read_items(
        &signer,
        &[
            change(&signer, key, "archived", "a"),
            change(&signer, key, "created", "b"),
        ],
    );

    assert_eq!(ids(&post), ["b"]);
    assert_eq!(post.dropped.unknown, 1);
}

#[test]
fn an_id_is_found_in_every_shape_of_the_resource() {
    // F10.4.
    let signer = signer();
    let key = SubscriptionKey::generate();
    let named = |resource: &str| {
        let mut item = change(&signer, key, "created", "");
        item["resource"] = json!(resource);
        item.as_object_mut()
            .expect("an object")
            .remove("resourceData");
        item
    };

    let post = read_items(
        &signer,
        &[
            named("Users/5f2a/Messages/AAMk="),
            named("users/5f2a@84bd/messages/AAMk="),
            named("Users('5f2a')/messages('AAMk=')"),
            named("users/5f2a/messages/AAMk%3D"),
            named("('"),
            named("/"),
        ],
    );

    assert_eq!(ids(&post), ["AAMk="; 4]);
    assert_eq!(post.dropped.malformed, 2);
}

#[test]
fn lifecycle_events_are_told_apart_and_repeats_are_one() {
    // F10.39, F10.40, F10.46; R12: two kinds in one post, among changes.
    let signer = signer();
    let key = SubscriptionKey::generate();
    let event = |name: &str| {
        json!({
            "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
            "subscriptionExpirationDateTime": "2026-03-20T11:00:00Z",
            "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
            "clientState": signer.client_state(key),
            "lifecycleEvent": name,
        })
    };

    let post = read_items(
        &signer,
        &[
            event("reauthorizationRequired"),
            event("subscriptionRemoved"),
            change(&signer, key, "created", "a"),
            event("reauthorizationRequired"),
            event("missed"),
            event("sunset"),
        ],
    );

    let events: Vec<_> = post.lifecycle.iter().map(|notice| notice.event).collect();
    assert_eq!(
        events,
        [
            LifecycleEvent::ReauthorizationRequired,
            LifecycleEvent::SubscriptionRemoved,
            LifecycleEvent::Missed
        ]
    );
    assert_eq!(ids(&post), ["a"]);
    assert_eq!(post.dropped.unknown, 1);
}

#[test]
fn what_is_no_post_is_refused() {
    let signer = signer();
    for body in [
        "",
        " ",
        "null",
        "[]",
        "7",
        "\"value\"",
        "{}",
        "{\"value\":{}}",
        "{\"value\":null}",
        "{\"value\":[}",
        "<html>",
        "\u{feff}{\"value\":[]}",
    ] {
        assert!(
            read(body.as_bytes(), &signer, Timestamp::UNIX_EPOCH).is_err(),
            "{body}"
        );
    }
    assert!(read(b"\xff\xfe{\"value\":[]}", &signer, Timestamp::UNIX_EPOCH).is_err());
    assert!(read(&b"[".repeat(100_000), &signer, Timestamp::UNIX_EPOCH).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let name = prop_oneof![
            Just("value".to_owned()),
            Just("clientState".to_owned()),
            Just("changeType".to_owned()),
            Just("lifecycleEvent".to_owned()),
            Just("resource".to_owned()),
            Just("resourceData".to_owned()),
            Just("id".to_owned()),
            ".{0,10}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn what_an_item_carries_sealed_is_not_believed_but_fetched() {
    // M21, F10.33: we ask for no resource data; whoever sends some is answered by a GET.
    let signer = signer();
    let mut item = change(&signer, SubscriptionKey::generate(), "updated", "AAMk=1");
    item["encryptedContent"] = json!({
        "data": "c2VhbGVk", "dataSignature": "c2lnbmVk", "dataKey": "a2V5", "encryptionCertificateId": "c",
        "encryptionCertificateThumbprint": "t",
    });
    let body = json!({ "value": [item], "validationTokens": ["eyJ0eXAi.e30.c2ln"] }).to_string();

    let post = read(body.as_bytes(), &signer, Timestamp::UNIX_EPOCH).expect("it is a post");

    assert_eq!(ids(&post), ["AAMk=1"]);
    assert_eq!(post.notices[0].raw, None, "nothing of it is kept");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = read(&body, &signer(), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn no_json_makes_it_panic_or_believe(value in any_json()) {
        let body = json!({ "value": [value] }).to_string();
        let post = read(body.as_bytes(), &signer(), Timestamp::UNIX_EPOCH).expect("it is a post");
        prop_assert!(post.notices.is_empty() && post.lifecycle.is_empty());
    }

    #[test]
    fn whatever_stands_in_a_signed_item_is_taken_or_dropped(
        change_type in ".{0,20}", resource in ".{0,60}", data in any_json(),
    ) {
        let signer = signer();
        let item = json!({
            "clientState": signer.client_state(SubscriptionKey::generate()),
            "changeType": change_type,
            "resource": resource,
            "resourceData": data,
        });
        let post = read_items(&signer, &[item]);
        let Dropped { malformed, forged, unknown } = post.dropped;
        prop_assert_eq!(post.notices.len() + malformed + forged + unknown, 1);
    }
}
