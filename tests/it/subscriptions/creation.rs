//! Creating what is wanted, whatever happens to the answer (M23, M25, M28, M30; R1, R2).

use std::time::Duration;

use chrono::TimeDelta;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{SubscriptionScope, SubscriptionState};
use serde_json::json;

use super::scene::{Scene, inbox, key_in};
use crate::support::database::on_both_stores;

on_both_stores!(
    all_messages_and_each_own_calendar_are_watched,
    |store, clock| {
        // M23, M55: another's calendar is polled.
        let scene = Scene::open(&store, &clock).await;
        scene
            .know_calendar("AAMkBoss=", Some("boss@elsewhere.example"))
            .await;

        scene.reconcile().await;

        let rows = scene.rows().await;
        let scopes: Vec<_> = rows.iter().map(|row| row.scope.clone()).collect();
        assert_eq!(scopes.len(), 2);
        assert!(
            scopes.contains(&SubscriptionScope::Messages)
                && scopes.contains(&scene.calendar_scope())
        );
        assert!(
            rows.iter()
                .all(|row| row.state == SubscriptionState::Active)
        );
        let there = scene.at_graph();
        assert_eq!(there.len(), 2);
        for one in &there {
            assert!(one.immutable_ids, "M16");
            assert_eq!(one.change_type, "created,updated,deleted");
            let row = rows
                .iter()
                .find(|row| Some(&one.id) == row.graph_id.as_ref());
            let row = row.expect("it has its row");
            assert_eq!(key_in(&one.notification_url), Some(row.key));
            assert_eq!(row.expires_at, Some(one.expires_at));
        }
        let mailbox = scene.mailbox_row().await;
        assert!(mailbox.push_healthy && mailbox.push_reason.is_none());
    }
);

on_both_stores!(
    a_second_run_asks_nothing_and_writes_nothing,
    |store, clock| {
        let scene = Scene::open(&store, &clock).await;
        scene.reconcile().await;
        let (rows, requests) = (scene.rows().await, scene.requests());

        let next = scene
            .reconcile()
            .await
            .next_at
            .expect("there is something to renew");

        assert_eq!(scene.rows().await, rows);
        assert_eq!(scene.requests(), requests);
        assert!(next > clock.now());
    }
);

on_both_stores!(the_round_comes_after_the_subscription, |store, clock| {
    // M28: what changed before the 201 is found by a round.
    let scene = Scene::open(&store, &clock).await;
    assert!(scene.walk_dirty().await.is_empty());

    scene.reconcile().await;

    let walked = scene.walk_dirty().await;
    assert_eq!(walked.len(), 2);
    assert!(walked.contains(&inbox()));
    scene.reconcile().await;
    assert!(scene.walk_dirty().await.is_empty(), "only after a creation");
});

on_both_stores!(
    one_whose_201_was_lost_is_adopted_and_not_made_again,
    |store, clock| {
        // M25, F9.32.
        let scene = Scene::of_messages(&store, &clock).await;
        // The connection is cut instead: no deadline has to pass.
        scene.turn(&json!({"created_dropped": true}));
        scene.reconcile().await;
        let row = scene.only_row().await;
        assert_eq!(
            (row.state, row.graph_id.is_none()),
            (SubscriptionState::Creating, true)
        );
        assert_eq!(scene.at_graph().len(), 1, "it stands there all the same");
        let asked = scene.requests();

        scene.reconcile().await;
        assert_eq!(scene.requests(), asked, "not before its time");
        scene.turn(&json!({"created_dropped": false}));
        clock.advance(Duration::from_mins(2));
        scene.reconcile().await;

        let adopted = scene.only_row().await;
        assert_eq!(adopted.key, row.key);
        assert_eq!(adopted.state, SubscriptionState::Active);
        let there = scene.at_graph();
        assert_eq!(there.len(), 1);
        assert_eq!(adopted.graph_id.as_ref(), Some(&there[0].id));
        assert_eq!(scene.walk_dirty().await, [inbox()], "M28");
    }
);

on_both_stores!(
    one_whose_fate_only_a_list_knows_waits_as_long_as_the_list_does,
    |store, clock| {
        // M25: whoever is told that it is due at once, and can do nothing, asks without a pause.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.turn(&json!({"created_dropped": true}));
        scene.reconcile().await;
        scene.turn(&json!({"created_dropped": false}));
        scene.fail(json!({"method": "GET", "path": "/subscriptions", "times": 9, "status": 503}));
        clock.advance(Duration::from_mins(2));

        scene.reconcile().await;

        let row = scene.only_row().await;
        assert!(row.not_before.is_some_and(|at| at <= clock.now()));
        let due_at = scene.reconciler.due_at(scene.mailbox.id, &[row]);
        assert!(due_at.is_some_and(|at| at > clock.now()), "{due_at:?}");
    }
);

on_both_stores!(
    a_creation_that_failed_is_tried_again_in_its_own_row,
    |store, clock| {
        let scene = Scene::of_messages(&store, &clock).await;
        scene.fail(json!({"method": "POST", "path": "/subscriptions", "times": 1, "status": 500}));
        let next = scene
            .reconcile()
            .await
            .next_at
            .expect("it is to be tried again");
        let row = scene.only_row().await;
        assert!(scene.at_graph().is_empty());
        assert!(next <= clock.now() + TimeDelta::minutes(5));

        clock.advance(Duration::from_mins(5));
        scene.reconcile().await;

        assert_eq!(scene.only_row().await.key, row.key);
        assert_eq!(scene.only_row().await.state, SubscriptionState::Active);
        assert_eq!(scene.only_row().await.failures, 0);
    }
);

on_both_stores!(
    a_calendar_that_has_gone_is_no_longer_watched,
    |store, clock| {
        // M55.
        let scene = Scene::open(&store, &clock).await;
        scene.reconcile().await;
        let mut tx = store.write(graph_mirror::store::Priority::Live).await?;
        let gone = [scene.calendar.clone()];
        tx.calendars_delete(scene.mailbox.id, &gone, clock.now(), clock.now())
            .await?;
        tx.commit().await?;

        scene.reconcile().await;

        assert_eq!(scene.only_row().await.scope, SubscriptionScope::Messages);
        assert_eq!(scene.at_graph().len(), 1);
    }
);

on_both_stores!(a_lost_lease_lets_nothing_be_written, |store, clock| {
    // R9.
    let scene = Scene::of_messages(&store, &clock).await;
    let mut released = store.write(graph_mirror::store::Priority::Live).await?;
    released.fence(&scene.fence).await?;
    released.rollback().await?;
    store.lease_release(&scene.fence, None, clock.now()).await?;

    let refused = scene
        .reconciler
        .reconcile(&scene.mailbox, &scene.fence, &scene.graph)
        .await;

    assert!(refused.is_err());
    assert!(scene.rows().await.is_empty());
    assert!(
        scene.at_graph().is_empty(),
        "the row comes first, so Graph was never asked"
    );
});
