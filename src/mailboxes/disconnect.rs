//! The end of a connection.
//!
//! Subscriptions are deleted at Graph as far as they let themselves be: an account that was locked must still be possible to
//! disconnect, and what stays behind at Graph expires within days, its notifications refused by then (M32). The mirrored rows
//! stay; deleting them is the application's decision.

use tracing::{info, warn};

use crate::graph::MailboxGraph;
use crate::model::mailbox::{MailboxState, StateReason};
use crate::model::time::SharedClock;
use crate::model::work::Fence;
use crate::store::{Priority, Store, StoreError};

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Disconnected {
    /// Subscriptions deleted at Graph.
    pub subscriptions_deleted: usize,
    /// Subscriptions that Graph would not delete; they expire by themselves.
    pub subscriptions_left: usize,
}

/// Disconnects a mailbox, by the home that holds it.
pub async fn disconnect(
    store: &Store,
    graph: &MailboxGraph,
    fence: &Fence,
    clock: &SharedClock,
) -> Result<Disconnected, StoreError> {
    let mailbox = fence.mailbox;
    let mut outcome = Disconnected {
        subscriptions_deleted: 0,
        subscriptions_left: 0,
    };
    let subscriptions = store.subscriptions_list(mailbox).await?;
    for subscription in &subscriptions {
        let Some(graph_id) = subscription.graph_id.as_deref() else {
            continue;
        };
        match graph.subscription_delete(graph_id).await {
            Ok(()) => outcome.subscriptions_deleted += 1,
            Err(error) => {
                outcome.subscriptions_left += 1;
                warn!(
                    mailbox.id = %mailbox, error = %error,
                    "a subscription of mailbox {mailbox} stays at Graph until it expires: {error}"
                );
            }
        }
    }
    let now = clock.now();
    let mut tx = store.write(Priority::Live).await?;
    tx.fence(fence).await?;
    tx.mailbox_state_set(
        mailbox,
        MailboxState::Disconnected,
        Some(StateReason::ByRequest),
        now,
    )
    .await?;
    tx.grant_delete(mailbox).await?;
    for subscription in &subscriptions {
        tx.subscription_delete(mailbox, subscription.key).await?;
    }
    tx.notices_clear(mailbox).await?;
    tx.commit().await?;
    info!(mailbox.id = %mailbox, "disconnected mailbox {mailbox}");
    Ok(outcome)
}
