//! Where something stands in the way: duplicates, quotas, other addresses (M26, M27).

use std::time::Duration;

use chrono::TimeDelta;
use graph_mirror::graph::subscriptions::expiration;
use graph_mirror::graph::wire::subscription::SubscriptionRequest;
use graph_mirror::model::ids::SubscriptionKey;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::SubscriptionState;
use graph_mirror::subscriptions::address::{lifecycle_url, notification_url};
use serde_json::json;

use super::scene::{Scene, connect, graph, key_in};
use crate::support::database::on_both_stores;

impl Scene {
    /// A subscription to the mailbox's messages of which no row knows.
    async fn left_behind(&self, key: SubscriptionKey) {
        let request = SubscriptionRequest {
            change_type: "created,updated,deleted".to_owned(),
            notification_url: notification_url(&self.public_url, key),
            lifecycle_notification_url: lifecycle_url(&self.public_url, key),
            resource: format!("/Users/{}/Messages", self.mailbox.user_id),
            expiration_date_time: expiration(self.clock.now() + TimeDelta::days(2)),
            client_state: "somebody else's".to_owned(),
            latest_supported_tls_version: "v1_2",
        };
        self.graph
            .subscription_create(&request)
            .await
            .expect("it is made");
    }
}

on_both_stores!(an_unknown_one_for_the_same_makes_way, |store, clock| {
    // M26, F9.14: a database was lost, Graph still posts for it.
    let scene = Scene::of_messages(&store, &clock).await;
    let lost = SubscriptionKey::generate();
    scene.left_behind(lost).await;

    scene.reconcile().await;

    let row = scene.only_row().await;
    let there = scene.at_graph();
    assert_eq!(there.len(), 1);
    assert_eq!(row.state, SubscriptionState::Active);
    assert_eq!(row.graph_id.as_ref(), Some(&there[0].id));
    assert_eq!(key_in(&there[0].notification_url), Some(row.key));
    assert_ne!(row.key, lost);
});

on_both_stores!(
    a_conflict_that_stays_ends_in_polling_and_not_in_a_loop,
    |store, clock| {
        // M26: never loop.
        let scene = Scene::of_messages(&store, &clock).await;
        let conflict =
            json!({"error": {"code": "Conflict", "message": "Subscription Id <> already exists"}});
        scene.fail(
            json!({"method": "POST", "path": "/subscriptions", "status": 409, "body": conflict}),
        );

        let next = scene
            .reconcile()
            .await
            .next_at
            .expect("it is to be tried again");

        let asked = scene.requests();
        assert!(asked <= 4, "asked {asked} times");
        assert!(next >= clock.now() + TimeDelta::hours(3));
        clock.advance(Duration::from_hours(1));
        scene.reconcile().await;
        assert_eq!(scene.requests(), asked);
        let mailbox = scene.mailbox_row().await;
        assert!(!mailbox.push_healthy);
        assert!(mailbox.push_reason.expect("a reason").contains("polling"));
    }
);

on_both_stores!(
    two_owners_of_one_account_do_not_take_it_from_each_other,
    |store, clock| {
        // M26 beside F9.14: the second polls.
        let first = Scene::of_messages(&store, &clock).await;
        first.reconcile().await;
        let held = first.only_row().await;
        let (mailbox, fence) = connect(&store, &clock, &first.sandbox, "another office").await;
        let client = graph(&first.sandbox, &clock, &mailbox, Duration::from_secs(10));

        first
            .reconciler
            .reconcile(&mailbox, &fence, &client)
            .await?;

        let there = first.at_graph();
        assert_eq!(there.len(), 1);
        assert_eq!(held.graph_id.as_ref(), Some(&there[0].id));
        let row = store.mailbox_get(mailbox.id).await?.expect("it is there");
        assert!(!row.push_healthy && row.push_reason.is_some());
    }
);

on_both_stores!(a_full_quota_means_polling_for_hours, |store, clock| {
    // M27, F9.13.
    let scene = Scene::of_messages(&store, &clock).await;
    scene.turn(&json!({"subscriptions_per_mailbox": 0}));

    scene.reconcile().await;

    let mailbox = scene.mailbox_row().await;
    assert!(!mailbox.push_healthy);
    assert!(
        mailbox
            .push_reason
            .expect("a reason")
            .contains("as many subscriptions")
    );
    let asked = scene.requests();
    clock.advance(Duration::from_hours(3));
    scene.reconcile().await;
    assert_eq!(scene.requests(), asked, "it waits for hours");
    scene.turn(&json!({"subscriptions_per_mailbox": 1_000}));
    clock.advance(Duration::from_hours(1));
    scene.reconcile().await;
    assert_eq!(scene.at_graph().len(), 1);
    assert!(scene.mailbox_row().await.push_healthy);
});

on_both_stores!(
    a_changed_address_gets_its_successor_before_the_old_one_goes,
    |store, clock| {
        // M28: where Graph allows both at once, nothing falls in between.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.turn(&json!({"duplicate_conflict": false}));
        scene.reconcile().await;
        let old = scene.only_row().await;
        let moved = scene.another_address().await;
        let reconciler = scene.reached_at(Some(moved.clone()));

        scene.fail(json!({"method": "POST", "path": "/subscriptions", "times": 1, "status": 500}));
        scene.reconcile_by(&reconciler).await;
        let ids: Vec<_> = scene.at_graph().into_iter().map(|one| one.id).collect();
        assert_eq!(
            ids,
            [old.graph_id.expect("it is active")],
            "it serves until its successor lives"
        );

        clock.advance(Duration::from_mins(5));
        scene.reconcile_by(&reconciler).await;
        let there = scene.at_graph();
        assert_eq!(there.len(), 1);
        assert!(there[0].notification_url.starts_with(&moved));
        assert_eq!(scene.only_row().await.public_url, moved);
    }
);

on_both_stores!(
    a_changed_address_is_taken_over_where_graph_allows_one_only,
    |store, clock| {
        // F9.14: 409 for the successor, so the old one goes first and a round covers the gap.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.reconcile().await;
        scene.walk_dirty().await;
        let moved = scene.another_address().await;
        let reconciler = scene.reached_at(Some(moved.clone()));

        scene.reconcile_by(&reconciler).await;

        let there = scene.at_graph();
        assert_eq!(there.len(), 1);
        assert!(there[0].notification_url.starts_with(&moved));
        assert_eq!(scene.only_row().await.state, SubscriptionState::Active);
        assert_eq!(scene.walk_dirty().await.len(), 1);
    }
);

on_both_stores!(without_an_address_the_subscriptions_end, |store, clock| {
    let scene = Scene::open(&store, &clock).await;
    scene.reconcile().await;
    let reconciler = scene.reached_at(None);

    scene.reconcile_by(&reconciler).await;

    assert!(scene.rows().await.is_empty() && scene.at_graph().is_empty());
    let mailbox = scene.mailbox_row().await;
    assert!(!mailbox.push_healthy);
    assert!(
        mailbox
            .push_reason
            .expect("a reason")
            .contains("PUBLIC_URL")
    );
});
