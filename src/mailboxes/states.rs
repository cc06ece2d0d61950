//! From one state of a mailbox to another, and back.
//!
//! What the identity platform refuses is marked where tokens are kept; here stands what Graph itself refuses. A suspended mailbox
//! is probed daily, because what stands in its way is removed by people who don't tell us.

use std::time::Duration;

use tracing::{info, warn};

use crate::graph::{Advice, GraphError, MailboxGraph};
use crate::model::ids::GraphId;
use crate::model::mailbox::{MailboxState, StateReason};
use crate::model::time::{Timestamp, later};
use crate::model::work::{Fence, Lane};
use crate::store::{MailboxMark, Priority, Store, StoreError};

/// How often a suspended mailbox is tried.
pub const PROBE_EVERY: Duration = Duration::from_hours(24);

/// Where an error on the mailbox's own items leads; none where it leads nowhere. A refusal for another's shared calendar must not
/// be asked about.
pub fn after(advice: &Advice) -> Option<(MailboxState, StateReason)> {
    match advice {
        // A mailbox without a grant is disconnected already.
        Advice::Reauth(reason) if *reason != StateReason::ByRequest => {
            Some((MailboxState::NeedsReauth, *reason))
        }
        // It may be an incident of Graph's, so it is probed rather than left to the person (M8).
        Advice::TokenRefused => Some((MailboxState::Suspended, StateReason::TokenRefused)),
        Advice::MailboxSuspended(reason) => Some((MailboxState::Suspended, *reason)),
        Advice::Forbidden => Some((MailboxState::Suspended, StateReason::AccessDenied)),
        Advice::Reauth(_)
        | Advice::Retry { .. }
        | Advice::Operator
        | Advice::Gone
        | Advice::ContainerGone
        | Advice::Resync { .. }
        | Advice::ItemBroken
        | Advice::Conflict
        | Advice::Bug => None,
    }
}

/// Stops the work of a mailbox; its data and cursors stay. A suspended one is looked at again tomorrow.
pub async fn stop(
    store: &Store,
    fence: &Fence,
    state: MailboxState,
    reason: StateReason,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mailbox = fence.mailbox;
    let mut tx = store.write(Priority::Live).await?;
    tx.fence(fence).await?;
    let changed = tx
        .mailbox_state_set(mailbox, state, Some(reason), now)
        .await?;
    if state == MailboxState::Suspended {
        let probe_at = later(now, PROBE_EVERY);
        tx.mailbox_mark(mailbox, &[MailboxMark::WorkAt(probe_at)], now)
            .await?;
    }
    tx.commit().await?;
    if changed {
        warn!(mailbox.id = %mailbox, "stopped the work of mailbox {mailbox}: {state:?}, {reason:?}");
    }
    Ok(())
}

/// Takes up the work of a mailbox again.
pub async fn resume(store: &Store, fence: &Fence, now: Timestamp) -> Result<(), StoreError> {
    let mailbox = fence.mailbox;
    let mut tx = store.write(Priority::Live).await?;
    tx.fence(fence).await?;
    tx.mailbox_state_set(mailbox, MailboxState::Connected, None, now)
        .await?;
    tx.mailbox_mark(mailbox, &[MailboxMark::WorkAt(now)], now)
        .await?;
    tx.commit().await?;
    info!(mailbox.id = %mailbox, "mailbox {mailbox} can be mirrored again");
    Ok(())
}

/// Whether the mailbox can be reached now: the cheapest question about its own items.
pub async fn probe(graph: &MailboxGraph) -> Result<(), GraphError> {
    graph
        .folder(Lane::Command, &GraphId::from("inbox"))
        .await
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_concerns_the_whole_mailbox_stops_it() {
        // M7, M8, F3 §3b
        let denied = Some((MailboxState::Suspended, StateReason::AccessDenied));
        assert_eq!(after(&Advice::Forbidden), denied);
        assert_eq!(
            after(&Advice::Reauth(StateReason::GrantExpired)),
            Some((MailboxState::NeedsReauth, StateReason::GrantExpired))
        );
        assert_eq!(
            after(&Advice::TokenRefused),
            Some((MailboxState::Suspended, StateReason::TokenRefused))
        );
        for advice in [
            Advice::RETRY,
            Advice::Operator,
            Advice::Gone,
            Advice::ContainerGone,
            Advice::Resync { restart: None },
            Advice::ItemBroken,
            Advice::Conflict,
            Advice::Bug,
        ] {
            assert_eq!(after(&advice), None, "{advice:?}");
        }
    }
}
