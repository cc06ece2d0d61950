//! What follows from a lifecycle event (F10.39 to F10.46, M31).
//!
//! Each leaves its work in the database and wakes the home: a renewal to make, a subscription to replace, a round to
//! walk. All of it may come twice, in any order, or never (F10.45).

use tracing::info;

use crate::model::mailbox::MailboxState;
use crate::model::time::Timestamp;
use crate::model::work::{CursorScope, Subscription, SubscriptionScope, SubscriptionState};
use crate::store::{CursorFilter, MailboxMark, Priority, Store, StoreError};

use super::envelope::{LifecycleEvent, LifecycleNotice};

/// Renewals of one subscription keep this distance (F9.27, F10.46).
const TOUCH_PAUSE: chrono::TimeDelta = chrono::TimeDelta::minutes(10);

/// Makes the work of each event durable.
pub async fn settle(
    store: &Store,
    now: Timestamp,
    events: Vec<LifecycleNotice>,
) -> Result<(), StoreError> {
    for notice in events {
        let Some(subscription) = store.subscription_find(notice.subscription).await? else {
            continue;
        };
        let mailbox = store.mailbox_get(subscription.mailbox).await?;
        if mailbox.is_none_or(|mailbox| mailbox.state != MailboxState::Connected) {
            continue;
        }
        info!(
            mailbox.id = %subscription.mailbox,
            "Graph reports {:?} for a subscription of mailbox {}", notice.event, subscription.mailbox
        );
        settle_one(store, now, subscription, notice.event).await?;
    }
    Ok(())
}

async fn settle_one(
    store: &Store,
    now: Timestamp,
    subscription: Subscription,
    event: LifecycleEvent,
) -> Result<(), StoreError> {
    let mailbox = subscription.mailbox;
    let covered = match event {
        LifecycleEvent::ReauthorizationRequired => Vec::new(),
        LifecycleEvent::SubscriptionRemoved | LifecycleEvent::Missed => {
            covered_cursors(store, &subscription).await?
        }
    };
    let mut tx = store.write(Priority::Live).await?;
    tx.mailbox_mark(mailbox, &[MailboxMark::WorkAt(now)], now)
        .await?;
    match event {
        // One that is being made or replaced needs no renewal.
        LifecycleEvent::ReauthorizationRequired
            if subscription.state != SubscriptionState::Active => {}
        LifecycleEvent::ReauthorizationRequired => {
            // A renewal re-authorises (F9.24); what was just renewed needs none.
            let free_at = subscription.touched_at.map_or(now, |at| at + TOUCH_PAUSE);
            tx.subscription_renew_ask(mailbox, subscription.key, free_at.max(now))
                .await?;
        }
        LifecycleEvent::SubscriptionRemoved => {
            // Replaced by the reconciler; Graph may have more to say about it, so it is deleted there all the same.
            tx.subscription_retire(mailbox, subscription.key).await?;
        }
        LifecycleEvent::Missed => {}
    }
    for scope in &covered {
        tx.cursors_mark_dirty(mailbox, CursorFilter::Scope(scope), now)
            .await?;
    }
    tx.wake(mailbox);
    tx.commit().await
}

/// The cursors that find what a subscription's notifications would have told.
async fn covered_cursors(
    store: &Store,
    subscription: &Subscription,
) -> Result<Vec<CursorScope>, StoreError> {
    let cursors = store.cursors_list(subscription.mailbox).await?;
    Ok(cursors
        .into_iter()
        .map(|cursor| cursor.scope)
        .filter(|cursor| match (&subscription.scope, cursor) {
            (SubscriptionScope::Messages, CursorScope::Messages { .. } | CursorScope::Folders) => {
                true
            }
            (SubscriptionScope::Events { calendar }, CursorScope::View { calendar: own, .. }) => {
                own == calendar
            }
            _ => false,
        })
        .collect())
}
