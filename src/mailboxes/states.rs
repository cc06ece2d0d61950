//! From one state of a mailbox to another, and back.
//!
//! What the identity platform refuses is marked where tokens are kept; what Graph itself refuses comes here from the home that
//! met it, under its fence: a home that lost the mailbox stops nothing. A suspended mailbox is looked at daily, because what
//! stands in its way is removed by people who don't tell us.

use std::time::Duration;

use tracing::{info, warn};

use crate::model::mailbox::{MailboxState, StateReason};
use crate::model::time::{Timestamp, later};
use crate::model::work::Fence;
use crate::store::{MailboxMark, Priority, Store, StoreError};

/// How often a suspended mailbox is tried.
pub const PROBE_EVERY: Duration = Duration::from_hours(24);

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
