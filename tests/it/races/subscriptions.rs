//! Subscriptions that are made, renewed and lost while something else happens to them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use graph_mirror::model::time::{Clock, later};
use graph_mirror::model::work::{ChangeHint, SubscriptionState};
use serde_json::json;

use crate::subscriptions::scene::{Scene, inbox, until};
use crate::support::database::on_both_stores;

on_both_stores!(
    r01_a_notification_before_the_201_finds_its_mailbox,
    |store, clock| {
        // R1, R2: Graph calls our endpoints while our call to it is still open.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.turn(&json!({"created_delay_ms": 1_500}));

        let creating = scene.reconcile();
        let meanwhile = async {
            until("the subscription to stand at Graph", async || {
                (!scene.at_graph().is_empty()).then_some(())
            })
            .await;
            scene.edit("before the answer").await;
            let due = until("the notice", async || {
                let due = scene.due().await;
                (!due.is_empty()).then_some(due)
            })
            .await;
            let row = scene.only_row().await;
            scene.clock.advance(Duration::from_millis(1_500));
            (due, row)
        };
        let (_, (due, row)) = tokio::join!(creating, meanwhile);

        assert_eq!(due[0].hint, ChangeHint::Created);
        assert_eq!(
            row.state,
            SubscriptionState::Creating,
            "its 201 had not come yet"
        );
        assert_eq!(scene.only_row().await.state, SubscriptionState::Active);
    }
);

on_both_stores!(
    r11_a_subscription_that_ends_while_its_renewal_is_in_flight_gets_a_successor,
    |store, clock| {
        // R11, M25
        let scene = Scene::of_messages(&store, &clock).await;
        scene.reconcile().await;
        scene.walk_dirty().await;
        let before = scene.only_row().await;
        scene.half_life().await;
        scene.fail(
            json!({"method": "PATCH", "path": "/subscriptions/", "times": 1, "delay_ms": 1_000}),
        );

        let renewing = scene.reconcile();
        let meanwhile = async {
            until("the PATCH to be under way", async || {
                scene.sandbox.world().faults().is_empty().then_some(())
            })
            .await;
            clock.advance(Duration::from_hours(5 * 24));
        };
        tokio::join!(renewing, meanwhile);

        let after = scene.only_row().await;
        assert_ne!(after.key, before.key);
        assert_eq!(after.state, SubscriptionState::Active);
        assert_eq!(scene.at_graph().len(), 1);
        assert!(scene.walk_dirty().await.contains(&inbox()), "M28");
    }
);

on_both_stores!(
    r13_graph_away_for_hours_costs_no_subscription,
    |store, clock| {
        // R13.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.reconcile().await;
        scene.half_life().await;
        let before = scene.only_row().await;
        scene.fail(
            json!({"path": "/subscriptions", "status": 503, "headers": {"Retry-After": "30"}}),
        );

        let mut attempts = 0;
        let ends = later(clock.now(), Duration::from_hours(3));
        while clock.now() < ends {
            let asked = scene.requests();
            scene.reconcile().await;
            attempts += scene.requests() - asked;
            clock.advance(Duration::from_mins(1));
        }
        assert!(attempts < 60, "{attempts} attempts in three hours");
        assert_eq!(scene.only_row().await.state, SubscriptionState::Active);

        scene.heal();
        clock.advance(Duration::from_mins(31));
        scene.reconcile().await;
        let after = scene.only_row().await;
        assert_eq!(after.graph_id, before.graph_id);
        assert!(after.expires_at > before.expires_at);
    }
);

on_both_stores!(
    r14_a_backlog_comes_once_the_endpoints_are_back_after_three_hours,
    |store, clock| {
        // R14, F10.13: Graph goes on trying for four hours.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.turn(&json!({"reauthorization_schedule": true}));
        scene.reconcile().await;
        scene.walk_dirty().await;
        scene.is_down.store(true, Ordering::Relaxed);
        scene.edit("while nobody listens").await;
        scene.pass(Duration::from_hours(3)).await;
        assert!(scene.due().await.is_empty());

        scene.is_down.store(false, Ordering::Relaxed);
        let due = until("the backlog", async || {
            scene.pass(Duration::from_mins(1)).await;
            let due = scene.due().await;
            (!due.is_empty()).then_some(due)
        })
        .await;

        assert_eq!(due[0].hint, ChangeHint::Created);
        assert_eq!(scene.at_graph().len(), 1);
    }
);

on_both_stores!(
    r14_what_was_lost_in_five_hours_is_found_by_a_round,
    |store, clock| {
        // R14, F10.44: what is given up is gone, and `missed` says so.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.turn(&json!({"reauthorization_schedule": true}));
        scene.reconcile().await;
        scene.walk_dirty().await;
        scene.is_down.store(true, Ordering::Relaxed);
        scene.edit("while nobody listens").await;
        scene.pass(Duration::from_hours(5)).await;

        scene.is_down.store(false, Ordering::Relaxed);
        let walked = until("the round", async || {
            scene.pass(Duration::from_mins(1)).await;
            let walked = scene.walk_dirty().await;
            (!walked.is_empty()).then_some(walked)
        })
        .await;

        assert!(walked.contains(&inbox()));
        assert!(scene.due().await.is_empty(), "its notice never came");
    }
);
