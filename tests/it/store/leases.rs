//! Leases: one home at a time, and whoever has work is found.

use graph_mirror::model::ids::{MailboxId, SubscriptionKey};
use graph_mirror::model::mailbox::MailboxState;
use graph_mirror::model::time::{Clock, ManualClock};
use graph_mirror::model::work::{ChangeHint, Lane, NoticeKind, Wish};
use graph_mirror::store::{MailboxMark, NewNotice, Store, StoreError, Wake};

use super::samples::{LEASE, connected, id, seconds, served, writing};
use super::{cursors, subscriptions};
use crate::support::database::on_both_stores;

async fn claimed(store: &Store, clock: &ManualClock) -> Vec<MailboxId> {
    store
        .mailbox_claim("home", clock.now(), LEASE, 10)
        .await
        .expect("the store answers")
        .into_iter()
        .map(|(mailbox, fence)| {
            assert_eq!(mailbox.id, fence.mailbox);
            assert_eq!(mailbox.lease_token, Some(fence.token));
            mailbox.id
        })
        .collect()
}

/// A connected mailbox that nobody serves and that has no work.
async fn idle(store: &Store, clock: &ManualClock, user: &str) -> MailboxId {
    let (mailbox, fence) = served(store, clock, user).await;
    let is_due = store
        .lease_release(&fence, None, clock.now())
        .await
        .expect("it is released");
    assert!(!is_due);
    mailbox.id
}

on_both_stores!(
    a_mailbox_is_claimed_once_and_again_when_its_lease_has_run_out,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;

        let before = store.lease_holder(mailbox).await?;
        assert_eq!(claimed(&store, &clock).await, [mailbox]);
        assert_eq!(before, None);
        assert_eq!(store.lease_holder(mailbox).await?.as_deref(), Some("home"));
        assert!(claimed(&store, &clock).await.is_empty());
        clock.advance(LEASE + seconds(1));
        assert_eq!(claimed(&store, &clock).await, [mailbox]);
    }
);

on_both_stores!(claims_at_once_never_get_the_same_mailbox, |store, clock| {
    for user in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        connected(&store, &clock, user).await;
    }

    let claims = (0..8).map(|_| {
        let (store, clock) = (store.clone(), clock.clone());
        tokio::spawn(async move { store.mailbox_claim("home", clock.now(), LEASE, 3).await })
    });
    let mut all = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        all.extend(claim.await??.into_iter().map(|(mailbox, _)| mailbox.id));
    }
    all.extend(claimed(&store, &clock).await);

    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((count, all.len()), (8, 8));
});

on_both_stores!(a_lease_that_is_extended_does_not_run_out, |store, clock| {
    let (mailbox, fence) = served(&store, &clock, "anna").await;
    clock.advance(seconds(20));
    store.lease_extend(&fence, clock.now(), LEASE).await?;
    clock.advance(seconds(20));

    assert!(claimed(&store, &clock).await.is_empty());

    clock.advance(seconds(20));
    assert_eq!(claimed(&store, &clock).await, [mailbox.id]);
    let lost = store.lease_extend(&fence, clock.now(), LEASE).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)));
    let lost = store.lease_release(&fence, None, clock.now()).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)));
});

on_both_stores!(
    a_released_mailbox_is_claimed_when_its_time_has_come,
    |store, clock| {
        let (mailbox, fence) = served(&store, &clock, "anna").await;

        store
            .lease_release(&fence, Some(clock.now() + seconds(60)), clock.now())
            .await?;

        assert!(claimed(&store, &clock).await.is_empty());
        clock.advance(seconds(60));
        assert_eq!(claimed(&store, &clock).await, [mailbox.id]);
    }
);

on_both_stores!(
    what_was_asked_for_during_a_lease_is_heard_at_its_release,
    |store, clock| {
        let (mailbox, fence) = served(&store, &clock, "anna").await;
        assert_eq!(mailbox.work_at, None);
        store
            .mailbox_mark(mailbox.id, &[MailboxMark::WorkAt(clock.now())], clock.now())
            .await?;
        let mut wakes = store.wake_listen();

        let is_due = store
            .lease_release(&fence, Some(clock.now() + seconds(60)), clock.now())
            .await?;

        assert!(is_due);
        assert_eq!(wakes.next().await, Wake::Mailbox(mailbox.id));
        assert_eq!(claimed(&store, &clock).await, [mailbox.id]);
    }
);

on_both_stores!(
    a_notice_makes_a_mailbox_due_when_its_time_has_come,
    |store, clock| {
        let mailbox = idle(&store, &clock, "anna").await;
        idle(&store, &clock, "ben").await;
        let mut tx = writing(&store).await;
        let notice = NewNotice {
            kind: NoticeKind::Message,
            external_id: id("one"),
            lane: Lane::Live,
            hint: ChangeHint::Created,
            due_at: clock.now() + seconds(5),
            trace: None,
        };
        tx.notices_add(mailbox, &[notice], clock.now()).await?;
        tx.commit().await?;

        assert!(claimed(&store, &clock).await.is_empty());
        clock.advance(seconds(5));
        assert_eq!(claimed(&store, &clock).await, [mailbox]);
    }
);

on_both_stores!(a_cursor_and_a_renewal_make_a_mailbox_due, |store, clock| {
    let mailbox = idle(&store, &clock, "anna").await;
    let other = idle(&store, &clock, "ben").await;
    let mut tx = writing(&store).await;
    let mut cursor = cursors::folder_cursor("inbox", clock.now() + seconds(5));
    cursor.is_dirty = false;
    tx.cursor_save(mailbox, &cursor, clock.now()).await?;
    let mut subscription = subscriptions::sample(other, SubscriptionKey::generate(), clock.now());
    subscription.renew_at = Some(clock.now() + seconds(10));
    subscription.not_before = Some(clock.now() + seconds(15));
    tx.subscription_save(&subscription).await?;
    tx.commit().await?;

    assert!(claimed(&store, &clock).await.is_empty());
    clock.advance(seconds(5));
    assert_eq!(claimed(&store, &clock).await, [mailbox]);
    clock.advance(seconds(5));
    assert!(claimed(&store, &clock).await.is_empty());
    clock.advance(seconds(5));
    assert_eq!(claimed(&store, &clock).await, [other]);
});

on_both_stores!(
    a_command_is_heard_in_every_state_and_the_rest_only_where_it_is_mirrored,
    |store, clock| {
        let mailbox = idle(&store, &clock, "anna").await;
        let mut tx = writing(&store).await;
        tx.mailbox_state_set(mailbox, MailboxState::NeedsReauth, None, clock.now())
            .await?;
        let notice = NewNotice {
            kind: NoticeKind::Message,
            external_id: id("one"),
            lane: Lane::Live,
            hint: ChangeHint::Created,
            due_at: clock.now(),
            trace: None,
        };
        tx.notices_add(mailbox, &[notice], clock.now()).await?;
        tx.mailbox_mark(mailbox, &[MailboxMark::WorkAt(clock.now())], clock.now())
            .await?;
        tx.commit().await?;
        assert!(claimed(&store, &clock).await.is_empty());

        store
            .command_add(mailbox, &Wish::Disconnect, clock.now())
            .await?;

        assert_eq!(claimed(&store, &clock).await, [mailbox]);
    }
);

on_both_stores!(
    a_suspended_mailbox_is_probed_when_its_time_has_come,
    |store, clock| {
        let mailbox = idle(&store, &clock, "anna").await;
        let mut tx = writing(&store).await;
        tx.mailbox_state_set(mailbox, MailboxState::Suspended, None, clock.now())
            .await?;
        tx.mailbox_mark(
            mailbox,
            &[MailboxMark::WorkAt(clock.now() + seconds(60))],
            clock.now(),
        )
        .await?;
        tx.commit().await?;

        assert!(claimed(&store, &clock).await.is_empty());
        clock.advance(seconds(60));
        assert_eq!(claimed(&store, &clock).await, [mailbox]);
    }
);

// F3: Retry-After fences the whole mailbox.
on_both_stores!(
    a_mailbox_that_graph_asked_to_wait_is_not_claimed_before,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let until = clock.now() + seconds(30);
        store
            .mailbox_mark(mailbox, &[MailboxMark::NotBefore(Some(until))], clock.now())
            .await?;

        assert!(claimed(&store, &clock).await.is_empty());
        assert!(
            store
                .mailbox_claim_one(mailbox, "home", clock.now(), LEASE)
                .await?
                .is_none()
        );
        clock.advance(seconds(30));
        assert_eq!(claimed(&store, &clock).await, [mailbox]);
    }
);

on_both_stores!(
    one_mailbox_is_claimed_by_name_though_it_has_no_work,
    |store, clock| {
        let mailbox = idle(&store, &clock, "anna").await;

        let (found, fence) = store
            .mailbox_claim_one(mailbox, "one", clock.now(), LEASE)
            .await?
            .expect("nobody serves it");
        let second = store
            .mailbox_claim_one(mailbox, "two", clock.now(), LEASE)
            .await?;

        assert_eq!(found.id, mailbox);
        assert_eq!(second, None);
        writing(&store).await.fence(&fence).await?;
    }
);
