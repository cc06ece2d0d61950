//! 202 means on disk (M5, M18 to M20).

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use graph_mirror::model::ids::SubscriptionKey;
use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{ChangeHint, NoticeKind, SubscriptionScope, SubscriptionState};
use graph_mirror::notifications::{parked, settle_parked};
use graph_mirror::secrets::{Keyring, Signer};
use graph_mirror::store::Priority;
use serde_json::json;

use super::post::{NOTIFICATIONS, Scene};
use crate::support::database::on_both_stores;

on_both_stores!(a_change_is_recorded_before_its_202, |store, clock| {
    // M5.
    let scene = Scene::new(&store, &clock);
    let mailbox = scene.connect("anna").await;
    let messages = scene.subscribe(mailbox, SubscriptionScope::Messages).await;
    let calendar = SubscriptionScope::Events {
        calendar: "AAMkCal=".into(),
    };
    let events = scene.subscribe(mailbox, calendar).await;

    let answer = scene
        .deliver(&[
            scene.change(messages.key, "created", "AAMkMessage="),
            scene.change(events.key, "updated", "AAMkEvent="),
        ])
        .await;

    assert_eq!(answer.status, 202);
    let mut due = scene.due(mailbox).await;
    due.sort_by_key(|notice| notice.kind);
    let found: Vec<_> = due
        .iter()
        .map(|notice| (notice.kind, notice.external_id.as_str(), notice.hint))
        .collect();
    assert_eq!(
        found,
        [
            (NoticeKind::Message, "AAMkMessage=", ChangeHint::Created),
            (NoticeKind::Event, "AAMkEvent=", ChangeHint::Updated)
        ]
    );
    assert!(due.iter().all(|notice| notice.received_at == clock.now()));
});

on_both_stores!(
    a_post_is_answered_with_its_request_id_and_its_notices_keep_its_trace,
    |store, clock| {
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let key = scene
            .subscribe(mailbox, SubscriptionScope::Messages)
            .await
            .key;
        let post = |name: &str, headers: &[(&str, &str)]| {
            let body = json!({ "value": [scene.change(key, "created", name)] }).to_string();
            let mut request = Request::post(NOTIFICATIONS);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            scene.send(request.body(Body::from(body)).expect("a request"))
        };

        let own = post("own", &[]).await;
        let named = post(
            "named",
            &[
                ("x-request-id", "proxy-7"),
                (
                    "traceparent",
                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                ),
            ],
        )
        .await;

        let due = scene.due(mailbox).await;
        let trace_of = |name: &str| {
            let found = due
                .iter()
                .find(|notice| notice.external_id.as_str() == name);
            found.and_then(|notice| notice.trace).expect("it is kept")
        };
        assert_eq!(own.status, 202);
        let made = own.headers["x-request-id"].to_str().expect("text");
        assert_eq!(made, trace_of("own").uuid().to_string());
        assert_eq!(named.headers["x-request-id"], "proxy-7");
        assert_eq!(
            trace_of("named").to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
    }
);

on_both_stores!(
    a_bad_item_among_good_ones_costs_only_itself,
    |store, clock| {
        // M18, F10.6, F10.8, F10.10.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let key = scene
            .subscribe(mailbox, SubscriptionScope::Messages)
            .await
            .key;
        let mut forged = scene.change(key, "created", "forged");
        forged["clientState"] = json!(Signer::new(&Keyring::generate()).client_state(key));
        let mut unsigned = scene.change(key, "created", "unsigned");
        unsigned["clientState"] = json!(null);

        let answer = scene
            .deliver(&[
                scene.change(key, "created", "first"),
                forged,
                unsigned,
                json!(["odd"]),
                scene.change(key, "created", "nul\u{0}byte"),
                scene.change(key, "sunset", "unknown"),
                scene.change(key, "deleted", "last"),
            ])
            .await;

        assert_eq!(
            answer.status, 202,
            "a forger learns nothing from the status"
        );
        let mut ids = scene.due_ids(mailbox).await;
        ids.sort_unstable();
        assert_eq!(ids, ["first", "last"]);
    }
);

on_both_stores!(
    a_wrong_client_state_records_and_parks_nothing,
    |store, clock| {
        // M18, F10.10.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let key = scene
            .subscribe(mailbox, SubscriptionScope::Messages)
            .await
            .key;
        let mut item = scene.change(key, "created", "x");
        item["clientState"] = json!("secretClientValue");

        assert_eq!(scene.deliver(&[item]).await.status, 202);

        assert!(scene.due(mailbox).await.is_empty());
        clock.advance(Duration::from_mins(2));
        let parked = settle_parked(&store, clock.now()).await?;
        assert_eq!((parked.recorded, parked.dropped), (0, 0));
    }
);

on_both_stores!(
    a_thousand_items_are_recorded_well_within_graphs_patience,
    |store, clock| {
        // M19, F10.14.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let key = scene
            .subscribe(mailbox, SubscriptionScope::Messages)
            .await
            .key;
        let items: Vec<_> = (0..1_000)
            .map(|number| scene.change(key, "updated", &format!("AAMk{number:05}=")))
            .collect();
        let body = json!({ "value": items }).to_string();
        let began = Instant::now();

        let answer = scene.post(NOTIFICATIONS, body).await;

        assert_eq!(answer.status, 202);
        assert!(
            began.elapsed() < Duration::from_millis(2_500),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(scene.due(mailbox).await.len(), 1_000);
    }
);

on_both_stores!(a_notice_delivered_twice_waits_once, |store, clock| {
    // M3, M22.
    let scene = Scene::new(&store, &clock);
    let mailbox = scene.connect("anna").await;
    let key = scene
        .subscribe(mailbox, SubscriptionScope::Messages)
        .await
        .key;

    let item = scene.change(key, "created", "AAMk=");
    for _ in 0..3 {
        assert_eq!(
            scene.deliver(&[item.clone(), item.clone()]).await.status,
            202
        );
    }

    assert_eq!(scene.due_ids(mailbox).await, ["AAMk="]);
});

on_both_stores!(
    a_notification_before_its_201_finds_its_mailbox,
    |store, clock| {
        // R1: the row is there before Graph is asked.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let mut row = scene.subscribe(mailbox, SubscriptionScope::Messages).await;
        row.state = SubscriptionState::Creating;
        row.graph_id = None;
        scene.save(&row).await;

        let answer = scene
            .deliver(&[scene.change(row.key, "created", "AAMk=")])
            .await;

        assert_eq!(answer.status, 202);
        assert_eq!(scene.due_ids(mailbox).await, ["AAMk="]);
    }
);

on_both_stores!(
    a_notice_of_an_unknown_subscription_is_parked_and_then_matched,
    |store, clock| {
        // M20, F10.28.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let mut late = scene.subscribe(mailbox, SubscriptionScope::Messages).await;
        late.key = SubscriptionKey::generate();

        let answer = scene
            .deliver(&[scene.change(late.key, "created", "AAMk=")])
            .await;
        assert_eq!(answer.status, 202);
        assert!(scene.due(mailbox).await.is_empty());

        clock.advance(Duration::from_secs(59));
        assert_eq!(settle_parked(&store, clock.now()).await?.dropped, 0);
        scene.save(&late).await;
        assert_eq!(settle_parked(&store, clock.now()).await?.recorded, 1);
        assert_eq!(scene.due_ids(mailbox).await, ["AAMk="]);
    }
);

on_both_stores!(
    a_notice_nobody_claims_is_dropped_after_a_minute,
    |store, clock| {
        // M20.
        let scene = Scene::new(&store, &clock);
        let stranger = SubscriptionKey::generate();
        scene
            .deliver(&[scene.change(stranger, "created", "AAMk=")])
            .await;

        clock.advance((parked::PARKED_FOR + TimeDelta::seconds(1)).to_std()?);

        let outcome = settle_parked(&store, clock.now()).await?;
        assert_eq!((outcome.recorded, outcome.dropped), (0, 1));
    }
);

on_both_stores!(
    a_disconnected_mailbox_refuses_later_notifications,
    |store, clock| {
        // M32.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let key = scene
            .subscribe(mailbox, SubscriptionScope::Messages)
            .await
            .key;
        let mut tx = store.write(Priority::Live).await?;
        let reason = Some(StateReason::ByRequest);
        tx.mailbox_state_set(mailbox, MailboxState::Disconnected, reason, clock.now())
            .await?;
        tx.commit().await?;

        let answer = scene
            .deliver(&[scene.change(key, "created", "AAMk=")])
            .await;

        assert_eq!(answer.status, 202);
        assert!(scene.due(mailbox).await.is_empty());
    }
);

on_both_stores!(
    while_the_database_is_away_graph_is_told_to_come_again,
    |store, clock| {
        // M18.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let key = scene
            .subscribe(mailbox, SubscriptionScope::Messages)
            .await
            .key;
        store.close().await;

        for item in [
            scene.change(key, "created", "AAMk="),
            scene.lifecycle(key, "missed"),
        ] {
            let answer = scene.deliver(&[item]).await;

            assert_eq!(answer.status, 503);
            let seconds: u64 = answer.headers["retry-after"].to_str()?.parse()?;
            assert!((1..=60).contains(&seconds));
        }
        // A post of which nothing is left needs no database.
        assert_eq!(scene.deliver(&[json!({})]).await.status, 202);
    }
);
