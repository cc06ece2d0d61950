//! S57, S59 to S62, S69: what is delivered, where, when, and what is tried again.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use graph_mirror::sandbox::world::{Change, ChangeType, Entity, UserId};
use serde_json::{Value, json};

use super::bench::{Bench, Ear, Manner, morning};

/// A tenant that is not the sandbox's own.
const ABROAD: &str = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d";

/// Subscribes and answers the subscription's id.
async fn subscribe(bench: &Bench, token: &str, ear: &Ear, change: Value) -> String {
    let mut body = json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": format!("{}/notify?tenant=a%20b&x=1", ear.url),
        "resource": "me/messages",
        "expirationDateTime": (morning() + chrono::TimeDelta::days(6)).to_rfc3339(),
        "clientState": "secret",
    });
    let mut prefer = "IdType=\"ImmutableId\"".to_owned();
    for (name, value) in change.as_object().unwrap() {
        if name == "prefer" {
            value.as_str().unwrap().clone_into(&mut prefer);
        } else {
            body[name] = value.clone();
        }
    }
    let headers = [("prefer", prefer.as_str())];
    let created = bench
        .call_with(token, Method::POST, "/subscriptions", Some(body), &headers)
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    created.json()["id"].as_str().unwrap().to_owned()
}

fn message(number: usize) -> Change {
    Change {
        what: ChangeType::Created,
        entity: Entity::Message {
            immutable_id: format!("immutable-{number}"),
            default_id: format!("default-{number}"),
            folder_id: "inbox".to_owned(),
        },
        etag: "W/\"1\"".to_owned(),
    }
}

fn event(number: usize, in_default_calendar: bool) -> Change {
    Change {
        what: ChangeType::Updated,
        entity: Entity::Event {
            calendar_id: "calendar".to_owned(),
            in_default_calendar,
            immutable_id: format!("event-{number}"),
            default_id: format!("default-event-{number}"),
        },
        etag: "W/\"1\"".to_owned(),
    }
}

fn announce(bench: &Bench, user: usize, changes: Vec<Change>) {
    let user = UserId(bench.user_id(user));
    bench.world().lock().announce(&user, changes);
}

/// Waits until every POST on its way has come back.
async fn quiet(bench: &Bench) {
    let quiet = async {
        while bench.world().deliveries().in_flight > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), quiet)
        .await
        .expect("deliveries come to rest within ten seconds");
}

#[tokio::test]
async fn s57_the_id_format_is_fixed_when_the_subscription_is_created() {
    let bench = Bench::start().await;
    let (immutable, default) = (Ear::open().await, Ear::open().await);
    subscribe(&bench, &bench.token(0), &immutable, json!({})).await;
    let change = json!({"changeType": "created", "prefer": "return=minimal"});
    subscribe(&bench, &bench.token(0), &default, change).await;

    announce(&bench, 0, vec![message(1)]);
    bench.advance(5);

    assert_eq!(
        immutable.items(1).await[0]["resourceData"]["id"],
        "immutable-1"
    );
    assert_eq!(default.items(1).await[0]["resourceData"]["id"], "default-1");
}

#[tokio::test]
async fn s59_one_post_carries_items_of_several_subscriptions_applications_and_tenants() {
    // F10.6
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let register = async |body: Value| {
        let answer = bench
            .control(Method::POST, "/identity/applications", Some(body))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["client_id"].as_str().unwrap().to_owned()
    };
    let neighbour = register(json!({"display_name": "a neighbour"})).await;
    let abroad = json!({"display_name": "from abroad", "tenant_id": ABROAD});
    let abroad = register(abroad).await;
    let ids = [
        subscribe(&bench, &bench.token(0), &ear, json!({})).await,
        subscribe(&bench, &bench.token(1), &ear, json!({})).await,
        subscribe(
            &bench,
            &bench.token_of(&neighbour, Some(0)),
            &ear,
            json!({}),
        )
        .await,
        subscribe(&bench, &bench.token_of(&abroad, Some(0)), &ear, json!({})).await,
    ];
    let own = bench.sandbox.settings().tenant_id.clone();
    let client_id = bench.sandbox.settings().client_id.clone();
    let of = |item: &Value| {
        let index = ids
            .iter()
            .position(|id| item["subscriptionId"] == id.as_str());
        match index.unwrap() {
            0 | 1 => (client_id.as_str(), own.as_str()),
            2 => (neighbour.as_str(), own.as_str()),
            _ => (abroad.as_str(), ABROAD),
        }
    };
    bench.turn(&json!({"notification_batch": 8}));

    announce(&bench, 0, (0..20).map(message).collect());
    announce(&bench, 1, (20..30).map(message).collect());
    bench.advance(5);

    let mut items = Vec::new();
    let mut mixed = [0; 3];
    while items.len() < 70 {
        let heard = ear.next().await;
        assert_eq!(
            (heard.path.as_str(), heard.query.as_str()),
            ("/notify", "tenant=a%20b&x=1")
        );
        let carried = heard.items();
        assert!((1..=8).contains(&carried.len()));
        let several = |name: &dyn Fn(&Value) -> String| {
            let names: BTreeSet<_> = carried.iter().map(name).collect();
            usize::from(names.len() > 1)
        };
        mixed[0] += several(&|item| item["subscriptionId"].to_string());
        mixed[1] += several(&|item| of(item).0.to_owned());
        mixed[2] += several(&|item| item["tenantId"].to_string());
        items.extend(carried);
    }
    assert!(
        mixed.iter().all(|posts| *posts > 0),
        "subscriptions, applications and tenants share a POST: {mixed:?}"
    );
    assert_eq!(items.len(), 70);
    for (id, count) in ids.iter().zip([20, 10, 20, 20]) {
        let carried = items
            .iter()
            .filter(|item| item["subscriptionId"] == id.as_str());
        assert_eq!(carried.count(), count);
    }
    let mut shapes: Vec<_> = items
        .iter()
        .map(|item| {
            let resource = item["resource"].as_str().unwrap();
            assert!(resource.contains(item["resourceData"]["id"].as_str().unwrap()));
            assert_eq!(item["clientState"], "secret");
            assert_eq!(
                item["resourceData"]["@odata.type"],
                "#Microsoft.Graph.Message"
            );
            assert_eq!(item["tenantId"], of(item).1);
            (
                resource.starts_with("Users/"),
                resource.contains("('"),
                resource.contains('@'),
            )
        })
        .collect();
    shapes.sort_unstable();
    shapes.dedup();
    assert!(shapes.len() >= 3, "path and letters vary: {shapes:?}");
}

#[tokio::test]
async fn s60_an_item_is_sent_until_any_2xx_takes_it() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    subscribe(&bench, &bench.token(0), &ear, json!({})).await;
    ear.behave(Manner::Answer(503));

    announce(&bench, 0, vec![message(1)]);
    bench.advance(5);
    let first = ear.next().await;
    quiet(&bench).await;
    assert_eq!(bench.world().deliveries().waiting, 1);
    ear.behave(Manner::Answer(204));
    bench.advance(9);
    quiet(&bench).await;
    assert_eq!(ear.unheard(), 0);
    bench.advance(1);
    let second = ear.next().await;
    quiet(&bench).await;

    assert_eq!(first.body, second.body);
    let deliveries = bench.world().deliveries();
    assert_eq!(
        (deliveries.waiting, deliveries.delivered, deliveries.posts),
        (0, 1, 2)
    );
    assert_eq!(
        deliveries.endpoints.as_object().unwrap().values().next(),
        Some(&json!("healthy"))
    );
}

#[tokio::test]
async fn s60_a_first_attempt_waits_three_seconds_and_a_retry_ten() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    subscribe(&bench, &bench.token(0), &ear, json!({})).await;
    ear.behave(Manner::Hold);
    announce(&bench, 0, vec![message(1)]);

    bench.advance(5);
    ear.next().await;
    bench.advance(3);
    quiet(&bench).await;
    assert_eq!(bench.world().deliveries().waiting, 1);
    bench.advance(10);
    ear.next().await;
    bench.advance(9);
    tokio::task::yield_now().await;
    assert_eq!(bench.world().deliveries().in_flight, 1);
    ear.behave(Manner::Answer(202));
    quiet(&bench).await;

    assert_eq!(bench.world().deliveries().delivered, 1);
}

#[tokio::test]
async fn s61_an_endpoint_counts_as_slow_as_it_is_set_to_be() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    subscribe(&bench, &bench.token(0), &ear, json!({})).await;
    bench.turn(&json!({"endpoint_latency_ms": 4_000}));
    announce(&bench, 0, vec![message(1)]);

    // It answers at once, and a first attempt waits three seconds.
    bench.advance(5);
    ear.next().await;
    bench.advance(3);
    quiet(&bench).await;
    let deliveries = bench.world().deliveries();
    assert_eq!((deliveries.delivered, deliveries.waiting), (0, 1));

    bench.turn(&json!({"endpoint_latency_ms": 0}));
    bench.advance(10);
    ear.next().await;
    quiet(&bench).await;

    assert_eq!(bench.world().deliveries().delivered, 1);
}

#[tokio::test]
async fn s60_after_four_hours_an_item_is_given_up_and_missed_says_so() {
    let bench = Bench::start().await;
    let (ear, lifecycle) = (Ear::open().await, Ear::open().await);
    bench.turn(&json!({"reauthorization_schedule": false}));
    let id = subscribe(
        &bench,
        &bench.token(0),
        &ear,
        json!({"lifecycleNotificationUrl": lifecycle.url}),
    )
    .await;
    ear.behave(Manner::Answer(500));
    announce(&bench, 0, vec![message(1)]);

    bench.advance(5);
    let mut attempts = 0;
    let mut minutes = 0;
    while bench.world().deliveries().waiting + bench.world().deliveries().in_flight > 0 {
        while ear.unheard() > 0 {
            ear.next().await;
            attempts += 1;
        }
        if bench.world().deliveries().in_flight == 0 {
            bench.advance(60);
            minutes += 1;
            assert!(minutes < 300);
        }
        tokio::task::yield_now().await;
        if lifecycle.unheard() > 0 {
            break;
        }
    }

    assert!((180..=240).contains(&minutes), "{minutes}");
    assert!(attempts > 5);
    let told = lifecycle.items(1).await;
    assert_eq!(
        (&told[0]["lifecycleEvent"], &told[0]["subscriptionId"]),
        (&json!("missed"), &json!(id))
    );
}

#[tokio::test]
async fn s62_items_can_be_late_doubled_and_lost() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    subscribe(&bench, &bench.token(0), &ear, json!({})).await;

    announce(&bench, 0, vec![message(1)]);
    bench.world().advance(Duration::from_millis(999));
    quiet(&bench).await;
    assert_eq!((ear.unheard(), bench.world().deliveries().waiting), (0, 1));
    bench.advance(5);
    ear.items(1).await;

    bench.turn(&json!({"notification_delay_min_ms": 0, "notification_delay_max_ms": 0}));
    bench.turn(&json!({"notification_duplicate_percent": 100}));
    announce(&bench, 0, vec![message(2)]);
    let twice = ear.items(2).await;
    assert_eq!(
        twice[0]["resourceData"]["id"],
        twice[1]["resourceData"]["id"]
    );

    bench.turn(&json!({"notification_duplicate_percent": 0, "notification_loss_percent": 100}));
    announce(&bench, 0, vec![message(3)]);
    bench.turn(&json!({"notification_loss_percent": 0, "suppress_notifications": true}));
    announce(&bench, 0, vec![message(4)]);
    bench.turn(&json!({"suppress_notifications": false}));
    announce(&bench, 0, vec![message(5)]);
    assert_eq!(ear.items(1).await[0]["resourceData"]["id"], "immutable-5");
}

#[tokio::test]
async fn s62_items_can_come_out_of_order() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    subscribe(&bench, &bench.token(0), &ear, json!({})).await;
    bench.turn(&json!({
        "notification_reorder": true,
        "notification_delay_min_ms": 0,
        "notification_delay_max_ms": 0,
    }));

    announce(&bench, 0, (0..20).map(message).collect());

    let came: Vec<_> = ear
        .items(20)
        .await
        .iter()
        .map(|item| item["resourceData"]["id"].clone())
        .collect();
    let sent: Vec<_> = (0..20)
        .map(|number| json!(format!("immutable-{number}")))
        .collect();
    assert_ne!(came, sent);
    assert!(sent.iter().all(|id| came.contains(id)));
}

#[tokio::test]
async fn s69_the_events_of_a_mailbox_are_those_of_its_default_calendar() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    subscribe(
        &bench,
        &bench.token(0),
        &ear,
        json!({"resource": "me/events"}),
    )
    .await;
    bench.turn(&json!({"notification_delay_min_ms": 0, "notification_delay_max_ms": 0}));

    announce(&bench, 0, vec![event(1, false), event(2, true)]);
    assert_eq!(ear.items(1).await[0]["resourceData"]["id"], "event-2");

    bench.turn(&json!({"events_default_calendar_only": false}));
    announce(&bench, 0, vec![event(3, false)]);
    let item = ear.items(1).await.remove(0);
    assert_eq!(item["resourceData"]["id"], "event-3");
    assert_eq!(
        item["resourceData"]["@odata.type"],
        "#Microsoft.Graph.Event"
    );
}

#[tokio::test]
async fn a_deleted_subscription_delivers_what_was_on_its_way_and_nothing_new() {
    // F9.28
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let id = subscribe(&bench, &token, &ear, json!({})).await;

    announce(&bench, 0, vec![message(1)]);
    bench
        .call(
            &token,
            Method::DELETE,
            &format!("/subscriptions/{id}"),
            None,
        )
        .await;
    announce(&bench, 0, vec![message(2)]);
    bench.advance(5);

    assert_eq!(ear.items(1).await[0]["resourceData"]["id"], "immutable-1");
    quiet(&bench).await;
    assert_eq!((ear.unheard(), bench.world().deliveries().waiting), (0, 0));
}

#[tokio::test]
async fn s64_with_a_filter_entering_the_set_is_created_and_leaving_it_is_deleted() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    bench.turn(&json!({"notification_delay_min_ms": 0, "notification_delay_max_ms": 0}));
    let filtered =
        json!({"resource": "me/mailFolders('Inbox')/messages?$filter=isRead%20eq%20false"});
    subscribe(&bench, &token, &ear, filtered).await;
    let mailbox = bench.user_id(0);
    let id = bench.world().deliver_message(&mailbox).unwrap();
    let path: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let path = format!("/me/messages/{path}");
    let change = async |body: Value| {
        let answer = bench.call(&token, Method::PATCH, &path, Some(body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };

    change(json!({"isRead": true})).await;
    change(json!({"importance": "high"})).await;
    change(json!({"isRead": false})).await;
    change(json!({"importance": "low"})).await;
    let body = json!({"destinationId": "archive"});
    bench
        .call(&token, Method::POST, &format!("{path}/move"), Some(body))
        .await;

    let mut told = Vec::new();
    for item in ear.items(5).await {
        assert_eq!(item["resourceData"]["id"], id.as_str());
        told.push(item["changeType"].as_str().unwrap().to_owned());
    }
    told.sort();
    assert_eq!(
        told,
        ["created", "created", "deleted", "deleted", "updated"]
    );
    bench.quiet().await;
    assert_eq!(ear.unheard(), 0);

    let events = json!({
        "changeType": "created",
        "notificationUrl": ear.url,
        "resource": "me/events?$filter=isAllDay%20eq%20true",
        "expirationDateTime": (morning() + chrono::TimeDelta::days(1)).to_rfc3339(),
    });
    let refused = bench
        .call(&token, Method::POST, "/subscriptions", Some(events))
        .await;
    assert_eq!(refused.status, 400);
}
