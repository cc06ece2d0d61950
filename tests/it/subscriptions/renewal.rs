//! Staying alive: lifetimes, half life, failures, lifecycle events (M24, M25, M29, M31; R11 to R13).

use std::time::Duration;

use chrono::TimeDelta;
use graph_mirror::model::time::{Clock, until as time_until};
use graph_mirror::model::work::SubscriptionState;
use graph_mirror::sandbox::lifecycle::{self, LifecycleEvent};
use serde_json::json;

use super::scene::{Scene, inbox, until};
use crate::support::database::on_both_stores;

impl Scene {
    /// Moves the clock to when the only row is to be renewed.
    pub async fn half_life(&self) {
        let renew_at = self.only_row().await.renew_at.expect("it is active");
        self.clock.advance(time_until(self.clock.now(), renew_at));
    }
}

on_both_stores!(it_is_renewed_at_half_life_by_one_patch, |store, clock| {
    // M24, M29.
    let scene = Scene::of_messages(&store, &clock).await;
    scene.reconcile().await;
    let before = scene.only_row().await;
    let life = before.expires_at.expect("it is active") - clock.now();
    assert!(
        life > TimeDelta::days(6) && life < TimeDelta::days(7),
        "{life}"
    );
    let half = before.renew_at.expect("it is active") - clock.now();
    assert!(
        half >= life * 2 / 5 && half <= life * 3 / 5 + TimeDelta::seconds(1),
        "{half}"
    );

    clock.advance(Duration::from_hours(48));
    scene.reconcile().await;
    assert_eq!(
        scene.only_row().await.expires_at,
        before.expires_at,
        "too early"
    );
    scene.half_life().await;
    scene.reconcile().await;

    let after = scene.only_row().await;
    assert_eq!((after.key, &after.graph_id), (before.key, &before.graph_id));
    assert!(after.expires_at > before.expires_at);
    assert_eq!(
        scene.at_graph()[0].expires_at,
        after.expires_at.expect("it is active")
    );
    assert!(!scene.at_graph()[0].wedged, "M29: a PATCH alone");
});

on_both_stores!(
    a_lifetime_that_is_too_long_is_stepped_down_and_remembered,
    |store, clock| {
        // M24, F9.9, F9.10.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.turn(&json!({"max_expiry_minutes": 4_230}));

        scene.reconcile().await;

        let life = scene.only_row().await.expires_at.expect("it is active") - clock.now();
        assert!(
            life <= TimeDelta::minutes(4_230) && life > TimeDelta::minutes(4_000),
            "{life}"
        );
        scene.half_life().await;
        // The list of a day that has passed, and one PATCH that is not refused.
        let asked = scene.requests();
        scene.reconcile().await;
        assert!(scene.requests() - asked <= 2);
        assert_eq!(scene.only_row().await.failures, 0);
    }
);

on_both_stores!(
    one_that_graph_has_forgotten_gets_a_successor_and_a_round,
    |store, clock| {
        // M25, F9.25, R11.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.reconcile().await;
        scene.walk_dirty().await;
        let before = scene.only_row().await;
        lifecycle::remove(&mut scene.sandbox.world().lock(), |_| true, true);

        scene.half_life().await;
        scene.reconcile().await;

        let after = scene.only_row().await;
        assert_ne!(after.key, before.key, "M30: a clientState of its own");
        assert_eq!(after.state, SubscriptionState::Active);
        assert_eq!(scene.at_graph().len(), 1);
        assert_eq!(scene.walk_dirty().await, [inbox()]);
    }
);

on_both_stores!(
    one_that_ended_while_nobody_ran_gets_a_successor,
    |store, clock| {
        // F9.29, S56: no word of it ever comes.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.reconcile().await;
        scene.walk_dirty().await;
        let before = scene.only_row().await;

        clock.advance(Duration::from_hours(8 * 24));
        scene.reconcile().await;

        assert_ne!(scene.only_row().await.key, before.key);
        assert_eq!(scene.at_graph().len(), 1);
        assert_eq!(scene.walk_dirty().await, [inbox()]);
    }
);

on_both_stores!(
    a_reauthorization_that_is_required_is_a_patch,
    |store, clock| {
        // F10.42, M29, M31.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.reconcile().await;
        let before = scene.only_row().await;
        clock.advance(Duration::from_mins(30));
        let graph_id = before.graph_id.clone().expect("it is active");
        let event = LifecycleEvent::ReauthorizationRequired;
        assert!(lifecycle::send(
            &mut scene.sandbox.world().lock(),
            &graph_id,
            event
        ));
        scene.sandbox.world().wake();
        until("the event", async || {
            let row = scene.only_row().await;
            (row.renew_at <= Some(clock.now())).then_some(())
        })
        .await;

        scene.reconcile().await;

        let after = scene.only_row().await;
        assert_eq!(after.graph_id, before.graph_id);
        assert!(after.expires_at > before.expires_at);
        assert!(!scene.at_graph()[0].wedged);
    }
);

on_both_stores!(
    one_that_graph_removed_gets_a_successor_and_a_round,
    |store, clock| {
        // F10.43, M31; R12 with the other event beside it.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.reconcile().await;
        scene.walk_dirty().await;
        let before = scene.only_row().await;
        lifecycle::remove(&mut scene.sandbox.world().lock(), |_| true, false);
        scene.sandbox.world().wake();
        until("the event", async || {
            let row = scene.only_row().await;
            (row.state == SubscriptionState::Retiring).then_some(())
        })
        .await;

        scene.reconcile().await;

        let after = scene.only_row().await;
        assert_ne!(after.key, before.key);
        assert_eq!(after.state, SubscriptionState::Active);
        assert_eq!(scene.at_graph().len(), 1);
        assert!(scene.walk_dirty().await.contains(&inbox()));
    }
);
