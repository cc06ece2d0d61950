//! Whether push is believed to work (M33), and what people are told.

use std::time::Duration;

use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{Subscription, SubscriptionScope, SubscriptionState};
use graph_mirror::store::Priority;

use super::scene::Scene;
use crate::support::database::on_both_stores;

on_both_stores!(
    an_address_that_graph_cannot_reach_is_named_and_tried_again,
    |store, clock| {
        // F9.19.
        let scene = Scene::of_messages(&store, &clock).await;
        let nobody = scene.reached_at(Some("http://127.0.0.1:9".to_owned()));

        let next = scene
            .reconcile_by(&nobody)
            .await
            .next_at
            .expect("it is to be tried again");

        assert!(next > clock.now() && next <= clock.now() + chrono::TimeDelta::minutes(5));
        let mailbox = scene.mailbox_row().await;
        assert!(!mailbox.push_healthy);
        assert!(
            mailbox
                .push_reason
                .expect("a reason")
                .contains("PUBLIC_URL")
        );
        assert!(scene.at_graph().is_empty());

        // The tunnel is up.
        clock.advance(Duration::from_mins(5));
        scene.reconcile().await;
        assert!(scene.mailbox_row().await.push_healthy);
    }
);

/// The rounds found a change of `scope` that no notice announced.
async fn doubt(scene: &Scene, scope: &SubscriptionScope) {
    let now = scene.clock.now();
    let mut tx = scene
        .store
        .write(Priority::Live)
        .await
        .expect("a transaction");
    tx.subscriptions_doubt(scene.mailbox.id, scope, now, now)
        .await
        .expect("it is doubted");
    tx.commit().await.expect("it is committed");
}

/// A notice of `scope` has come.
async fn hear(scene: &Scene, scope: &SubscriptionScope) {
    let now = scene.clock.now();
    let mut tx = scene
        .store
        .write(Priority::Live)
        .await
        .expect("a transaction");
    tx.subscriptions_trust(scene.mailbox.id, scope, now)
        .await
        .expect("it is believed");
    tx.commit().await.expect("it is committed");
}

on_both_stores!(
    a_doubt_is_lifted_only_by_a_notice_of_the_successor,
    |store, clock| {
        // M33
        let scene = Scene::of_messages(&store, &clock).await;
        scene.reconcile().await;
        let doubted = scene.only_row().await;
        clock.advance(Duration::from_hours(1));
        doubt(&scene, &SubscriptionScope::Messages).await;

        scene.reconcile().await;
        scene.reconcile().await;
        let successor = scene.only_row().await;
        assert_ne!(successor.key, doubted.key);
        assert_eq!(scene.at_graph().len(), 1);
        assert!(!scene.mailbox_row().await.push_healthy, "not proven yet");

        clock.advance(Duration::from_hours(2));
        scene.reconcile().await;
        assert_eq!(
            scene.only_row().await.key,
            successor.key,
            "nothing more was found: it is not replaced again"
        );

        hear(&scene, &SubscriptionScope::Messages).await;
        scene.reconcile().await;
        assert!(scene.mailbox_row().await.push_healthy);
        assert_eq!(scene.only_row().await.key, successor.key);
    }
);

on_both_stores!(
    a_silent_calendar_gets_a_successor_before_its_subscription_goes,
    |store, clock| {
        // M33, S69
        let scene = Scene::open(&store, &clock).await;
        scene.reconcile().await;
        let before = scene.rows().await;
        clock.advance(Duration::from_hours(1));
        doubt(&scene, &scene.calendar_scope()).await;
        // The old one cannot be deleted at once: its successor stands beside it by then.
        scene.turn(&serde_json::json!({ "duplicate_conflict": false }));
        scene.fail(
            serde_json::json!({ "method": "DELETE", "path": "/subscriptions/", "status": 503 }),
        );

        scene.reconcile().await;

        let rows = scene.rows().await;
        let of_calendar = rows
            .iter()
            .filter(|row| row.scope == scene.calendar_scope());
        let states: Vec<SubscriptionState> = of_calendar.map(|row| row.state).collect();
        assert_eq!(
            states,
            [SubscriptionState::Retiring, SubscriptionState::Active]
        );
        assert_eq!(scene.at_graph().len(), 3);
        let mailbox = scene.mailbox_row().await;
        assert!(!mailbox.push_healthy);
        assert!(
            mailbox
                .push_reason
                .expect("a reason")
                .contains("did not announce")
        );

        scene.heal();
        clock.advance(Duration::from_hours(1));
        scene.reconcile().await;
        assert_eq!(scene.at_graph().len(), 2);
        let after = scene.rows().await;
        let mail = |rows: &[Subscription]| {
            let row = rows
                .iter()
                .find(|row| row.scope == SubscriptionScope::Messages);
            row.expect("mail is watched").key
        };
        assert_eq!(mail(&before), mail(&after), "mail was not silent");
    }
);
