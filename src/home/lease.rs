//! The leases this process holds, and their heartbeat.
//!
//! A lease that could not be extended in time is as good as lost: another process may hold it already, so its home is
//! told to stop before the lease ends, not after (R9). The database refuses its writes in any case.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::model::ids::MailboxId;
use crate::model::time::{SharedClock, Timestamp, later};
use crate::model::work::Fence;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::table;

use super::settings::HomeSettings;

/// So many leases are extended at the same time.
const AT_ONCE: usize = 32;

/// A lease, as its holder sees it.
#[derive(Debug, Clone)]
struct Held {
    fence: Fence,
    until: Timestamp,
    lost: CancellationToken,
}

/// A lease in the heartbeat; dropped, it is left out of it, however its home ended.
pub(super) struct Kept {
    leases: Leases,
    fence: Fence,
    lost: CancellationToken,
}

impl Kept {
    /// Cancelled when the lease is lost.
    pub(super) fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Gives the lease back. Says whether the mailbox has work already.
    pub(super) async fn release(self, next_work_at: Option<Timestamp>) -> Result<bool, StoreError> {
        // Out of the heartbeat first, or a beat could take the lease for lost.
        self.leases.forget(&self.fence);
        self.leases
            .store
            .lease_release(&self.fence, next_work_at, self.leases.clock.now())
            .await
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.leases.forget(&self.fence);
    }
}

/// All leases of this process.
#[derive(Clone)]
pub(super) struct Leases {
    store: Store,
    clock: SharedClock,
    settings: HomeSettings,
    held: Arc<Mutex<HashMap<MailboxId, Held>>>,
    /// When the last beat began; held while beating, so that a look waits for it.
    beaten_at: Arc<tokio::sync::Mutex<Timestamp>>,
}

impl Leases {
    pub(super) fn new(store: Store, clock: SharedClock, settings: HomeSettings) -> Self {
        let now = clock.now();
        Self {
            store,
            clock,
            settings,
            held: Arc::default(),
            beaten_at: Arc::new(tokio::sync::Mutex::new(now)),
        }
    }

    /// Takes a claimed lease into the heartbeat.
    pub(super) fn keep(&self, fence: Fence, claimed_at: Timestamp) -> Kept {
        let lost = CancellationToken::new();
        let held = Held {
            fence,
            until: later(claimed_at, self.settings.lease),
            lost: lost.clone(),
        };
        let before = self.lock().insert(fence.mailbox, held);
        if before.is_none() {
            table::HOMES.change(1.0);
        }
        if let Some(before) = before {
            // The same mailbox claimed twice: the first token is worth nothing any more.
            before.lost.cancel();
        }
        Kept {
            leases: self.clone(),
            fence,
            lost,
        }
    }

    fn forget(&self, fence: &Fence) {
        let mut held = self.lock();
        if held
            .get(&fence.mailbox)
            .is_some_and(|held| held.fence == *fence)
        {
            held.remove(&fence.mailbox);
            table::HOMES.change(-1.0);
        }
    }

    /// Extends every lease, again and again.
    pub(super) async fn beat_forever(&self) {
        let mut next = later(self.clock.now(), self.settings.beat);
        loop {
            self.clock.sleep_until(next).await;
            // Counted from here: how long a beat takes does not put off the next.
            next = later(self.clock.now(), self.settings.beat);
            self.beat_if_due().await;
        }
    }

    /// Extends every lease, unless that was done just now. To be called before claiming: after a long pause of the
    /// process, its own leases would look like those of a dead one.
    pub(super) async fn beat_if_due(&self) {
        let mut beaten_at = self.beaten_at.lock().await;
        let began_at = self.clock.now();
        if began_at < later(*beaten_at, self.settings.beat) {
            return;
        }
        let all: Vec<Held> = self.lock().values().cloned().collect();
        // Side by side: while the database is away each of them waits for seconds.
        futures_util::stream::iter(all)
            .for_each_concurrent(AT_ONCE, |held| self.extend(held))
            .await;
        *beaten_at = began_at;
    }

    async fn extend(&self, held: Held) {
        if held.lost.is_cancelled() {
            return;
        }
        let mailbox = held.fence.mailbox;
        let now = self.clock.now();
        let beat = TimeDelta::from_std(self.settings.beat).unwrap_or_default();
        // The home is told before the lease ends, with time left to stop.
        let last_moment = held.until - beat / 2;
        // After a pause of the whole process that moment is past, and still only the database knows whose the lease is.
        let give_up_at = last_moment.max(now + beat / 2);
        let extended = tokio::select! {
            extended = self.store.lease_extend(&held.fence, now, self.settings.lease) => extended,
            () = self.clock.sleep_until(give_up_at) => Err(StoreError::Busy),
        };
        match extended {
            Ok(()) => {
                if let Some(own) = self.lock().get_mut(&mailbox)
                    && own.fence == held.fence
                {
                    own.until = later(now, self.settings.lease);
                }
            }
            Err(StoreError::LeaseLost) => {
                if !held.lost.is_cancelled() && self.holds(&held.fence) {
                    table::LEASES_LOST.count(&["taken"]);
                    warn!(mailbox.id = %mailbox, "lost the lease of mailbox {mailbox} to another process");
                }
                held.lost.cancel();
            }
            Err(error) => {
                // One more beat must fit before the end, or the home stops.
                warn!(mailbox.id = %mailbox, error = %error.chain(), "could not extend the lease of mailbox {mailbox}");
                if self.clock.now() + beat > last_moment {
                    table::LEASES_LOST.count(&["not_extended"]);
                    held.lost.cancel();
                }
            }
        }
    }

    fn holds(&self, fence: &Fence) -> bool {
        self.lock()
            .get(&fence.mailbox)
            .is_some_and(|held| held.fence == *fence)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
