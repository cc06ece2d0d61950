//! What Graph posts at an unlucky moment.

use graph_mirror::model::work::{SubscriptionScope, SubscriptionState};

use crate::notifications::post::{LIFECYCLE, NOTIFICATIONS, Scene};
use crate::support::database::on_both_stores;

on_both_stores!(
    r02_validations_are_echoed_while_the_creating_call_is_open,
    |store, clock| {
        // R2: they arrive while our own request to create a subscription is open.
        let scene = Scene::new(&store, &clock);
        let held = store.write(graph_mirror::store::Priority::Bulk).await?;

        let both = [NOTIFICATIONS, LIFECYCLE].map(|path| {
            let path = format!("{path}?validationToken=abc&s=1");
            let scene = &scene;
            async move { scene.post(&path, "").await.text }
        });

        assert_eq!(futures_util::future::join_all(both).await, ["abc", "abc"]);
        held.rollback().await?;
    }
);

on_both_stores!(
    r12_two_events_and_a_change_in_one_post_all_count,
    |store, clock| {
        // R12, F10.6: both addresses may be the same.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let row = scene.subscribe(mailbox, SubscriptionScope::Messages).await;

        scene
            .tell(&[
                scene.lifecycle(row.key, "subscriptionRemoved"),
                scene.lifecycle(row.key, "reauthorizationRequired"),
                scene.change(row.key, "created", "AAMk="),
            ])
            .await;

        assert_eq!(scene.row(row.key).await.state, SubscriptionState::Retiring);
        assert_eq!(scene.due_ids(mailbox).await, ["AAMk="]);
    }
);
