//! Subscriptions.

use graph_mirror::model::ids::{MailboxId, SubscriptionKey};
use graph_mirror::model::time::{Clock, Timestamp};
use graph_mirror::model::work::{Subscription, SubscriptionScope, SubscriptionState};

use super::samples::{connected, id, seconds, writing};
use crate::support::database::on_both_stores;

pub fn sample(mailbox: MailboxId, key: SubscriptionKey, now: Timestamp) -> Subscription {
    Subscription {
        key,
        mailbox,
        scope: SubscriptionScope::Messages,
        state: SubscriptionState::Active,
        graph_id: None,
        public_url: "https://mirror.example.org".to_owned(),
        expires_at: Some(now + seconds(600_000)),
        renew_at: Some(now + seconds(300_000)),
        not_before: None,
        failures: 0,
        created_at: now,
        touched_at: None,
        doubted_at: None,
        client_state_key: None,
    }
}

on_both_stores!(a_subscription_reads_back_as_it_was_saved, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let mut messages = sample(mailbox, SubscriptionKey::generate(), clock.now());
    messages.state = SubscriptionState::Creating;
    let events = Subscription {
        scope: SubscriptionScope::Events {
            calendar: id("calendar"),
        },
        created_at: clock.now() + seconds(1),
        ..sample(mailbox, SubscriptionKey::generate(), clock.now())
    };
    let mut tx = writing(&store).await;
    tx.subscription_save(&messages).await?;
    tx.subscription_save(&events).await?;
    messages.state = SubscriptionState::Retiring;
    messages.graph_id = Some("graph id".to_owned());
    messages.failures = 3;
    messages.touched_at = Some(clock.now());
    messages.client_state_key = Some("0123456789abcdef".to_owned());
    tx.subscription_save(&messages).await?;
    tx.commit().await?;

    assert_eq!(
        store.subscriptions_list(mailbox).await?,
        [messages.clone(), events]
    );
    assert_eq!(store.subscription_find(messages.key).await?, Some(messages));
    assert_eq!(
        store.subscription_find(SubscriptionKey::generate()).await?,
        None
    );
});

on_both_stores!(
    only_a_subscription_that_is_there_and_that_graph_has_retires,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let mut known = sample(mailbox, SubscriptionKey::generate(), clock.now());
        known.graph_id = Some("g1".to_owned());
        let unborn = Subscription {
            graph_id: None,
            key: SubscriptionKey::generate(),
            ..known.clone()
        };
        let mut tx = writing(&store).await;
        tx.subscription_save(&known).await?;
        tx.subscription_save(&unborn).await?;

        assert!(tx.subscription_retire(mailbox, known.key).await?);
        assert!(!tx.subscription_retire(mailbox, unborn.key).await?);
        assert!(
            !tx.subscription_retire(mailbox, SubscriptionKey::generate())
                .await?
        );
        tx.commit().await?;

        let stored = store.subscriptions_list(mailbox).await?;
        assert_eq!(stored.len(), 2, "nothing is revived");
        let retired = store
            .subscription_find(known.key)
            .await?
            .expect("it is there");
        assert_eq!(retired.state, SubscriptionState::Retiring);
        assert_eq!((retired.renew_at, retired.not_before), (None, None));
    }
);

on_both_stores!(
    a_renewal_that_is_asked_for_comes_no_later_than_the_one_that_was_due,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let subscription = sample(mailbox, SubscriptionKey::generate(), clock.now());
        let mut tx = writing(&store).await;
        tx.subscription_save(&subscription).await?;

        assert!(
            tx.subscription_renew_ask(mailbox, subscription.key, clock.now())
                .await?
        );
        assert!(
            tx.subscription_renew_ask(mailbox, subscription.key, clock.now() + seconds(9))
                .await?
        );
        assert!(
            !tx.subscription_renew_ask(mailbox, SubscriptionKey::generate(), clock.now())
                .await?
        );
        tx.commit().await?;

        let stored = store
            .subscription_find(subscription.key)
            .await?
            .expect("it is there");
        assert_eq!(stored.renew_at, Some(clock.now()));
    }
);

on_both_stores!(a_forgotten_subscription_is_gone, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let subscription = sample(mailbox, SubscriptionKey::generate(), clock.now());
    let mut tx = writing(&store).await;
    tx.subscription_save(&subscription).await?;

    assert!(tx.subscription_delete(mailbox, subscription.key).await?);
    assert!(!tx.subscription_delete(mailbox, subscription.key).await?);
    tx.commit().await?;

    assert!(store.subscriptions_list(mailbox).await?.is_empty());
});

on_both_stores!(
    a_doubt_stands_until_a_notice_that_came_after_the_subscription,
    |store, clock| {
        // M33
        let mailbox = connected(&store, &clock, "anna").await;
        let mail = sample(mailbox, SubscriptionKey::generate(), clock.now());
        let scope = SubscriptionScope::Events {
            calendar: id("calendar"),
        };
        let events = Subscription {
            scope: scope.clone(),
            ..sample(mailbox, SubscriptionKey::generate(), clock.now())
        };
        let later = clock.now() + seconds(60);
        let young = Subscription {
            scope: scope.clone(),
            created_at: later,
            ..sample(mailbox, SubscriptionKey::generate(), clock.now())
        };
        let mut tx = writing(&store).await;
        for row in [&mail, &events, &young] {
            tx.subscription_save(row).await?;
        }

        tx.subscriptions_doubt(mailbox, &scope, later, later)
            .await?;
        assert_eq!(tx.subscriptions_doubted(mailbox).await?, 1);
        // Whoever read the row before saves it without touching the doubt.
        tx.subscription_save(&events).await?;
        tx.subscriptions_trust(mailbox, &SubscriptionScope::Messages, later)
            .await?;
        tx.subscriptions_trust(mailbox, &scope, clock.now()).await?;
        assert_eq!(tx.subscriptions_doubted(mailbox).await?, 1);
        tx.commit().await?;

        let doubted = store.subscription_find(events.key).await?;
        assert_eq!(doubted.expect("it is there").doubted_at, Some(later));
        let mut tx = writing(&store).await;
        tx.subscriptions_trust(mailbox, &scope, later).await?;
        assert_eq!(tx.subscriptions_doubted(mailbox).await?, 0);
        tx.commit().await?;
    }
);
