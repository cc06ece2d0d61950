//! Push is measured, not believed.

use std::time::Duration;

use graph_mirror::mirror::Settings;
use graph_mirror::model::ids::SubscriptionKey;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{
    ChangeHint, NoticeKind, Subscription, SubscriptionScope, SubscriptionState,
};
use graph_mirror::store::{Backend, MailboxMark, Priority};

use super::mailbox::{Connected, Setup};
use super::on_both;

/// A mailbox with a subscription that never delivers.
async fn watched(backend: Backend) -> Connected {
    let bench = Connected::open_with(
        backend,
        Setup {
            settings: Settings::default(),
            ..Setup::small(30)
        },
    )
    .await;
    let now = bench.clock.now();
    let subscription = Subscription {
        key: SubscriptionKey::generate(),
        mailbox: bench.mailbox,
        scope: SubscriptionScope::Messages,
        state: SubscriptionState::Active,
        graph_id: Some("s".to_owned()),
        public_url: "https://mirror.example".to_owned(),
        expires_at: None,
        renew_at: None,
        not_before: None,
        failures: 0,
        created_at: now,
        touched_at: None,
    };
    let mut tx = bench
        .store
        .write(Priority::Live)
        .await
        .expect("a transaction");
    tx.subscription_save(&subscription)
        .await
        .expect("it is saved");
    let believed = MailboxMark::Push {
        healthy: true,
        reason: None,
    };
    tx.mailbox_mark(bench.mailbox, &[believed], now)
        .await
        .expect("it is written down");
    tx.commit().await.expect("it is committed");
    bench.clock.advance(Duration::from_secs(1));
    bench.backfill().await;
    bench.settle(Duration::from_mins(3)).await;
    bench
}

async fn is_healthy(bench: &Connected) -> bool {
    let row = bench
        .store
        .mailbox_get(bench.mailbox)
        .await
        .expect("it is read");
    row.expect("the mailbox is there").push_healthy
}

on_both!(
    a_change_that_nobody_announced_means_that_push_is_dead,
    |backend| {
        // M33
        let bench = watched(backend).await;
        bench.clock.advance(Duration::from_secs(1));
        let message = bench
            .sandbox
            .world()
            .deliver_message(&bench.user)
            .expect("it is delivered");

        bench.clock.advance(Duration::from_mins(4));
        bench.poll().await;
        assert!(is_healthy(&bench).await, "it may still be announced");

        bench.clock.advance(Duration::from_secs(1));
        bench
            .sandbox
            .world()
            .deliver_message(&bench.user)
            .expect("it is delivered");
        bench.clock.advance(Duration::from_mins(6));
        bench.poll().await;
        assert!(!is_healthy(&bench).await);

        // A notice proves that it works again.
        bench
            .announce(NoticeKind::Message, &message, ChangeHint::Updated)
            .await;
        bench.mirror.refresh_live().await.expect("it is refreshed");
        assert!(is_healthy(&bench).await);
    }
);

on_both!(announced_changes_keep_push_healthy, |backend| {
    let bench = watched(backend).await;
    bench.clock.advance(Duration::from_secs(1));
    let message = bench
        .sandbox
        .world()
        .deliver_message(&bench.user)
        .expect("it is delivered");
    bench
        .announce(NoticeKind::Message, &message, ChangeHint::Created)
        .await;
    bench.mirror.refresh_live().await.expect("it is refreshed");

    bench.clock.advance(Duration::from_mins(30));
    bench.poll().await;

    assert!(is_healthy(&bench).await);
    bench.assert_true().await;
});
