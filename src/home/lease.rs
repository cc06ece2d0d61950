//! The leases this process holds, and their heartbeat.
//!
//! A lease that could not be extended in time is as good as lost: another process may hold it already, so its home is
//! told to stop before the lease ends, not after (R9). The database refuses its writes in any case.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::model::ids::MailboxId;
use crate::model::time::{SharedClock, Timestamp, later};
use crate::model::work::Fence;
use crate::store::{Store, StoreError};

use super::settings::HomeSettings;

/// A lease, as its holder sees it.
#[derive(Debug, Clone)]
struct Held {
    fence: Fence,
    until: Timestamp,
    lost: CancellationToken,
}

/// All leases of this process.
#[derive(Clone)]
pub(super) struct Leases {
    store: Store,
    clock: SharedClock,
    settings: HomeSettings,
    held: Arc<Mutex<HashMap<MailboxId, Held>>>,
    /// When the last beat ended; held while beating, so that a look waits for it.
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

    /// Takes a claimed lease into the heartbeat. The token is cancelled when it is lost.
    pub(super) fn keep(&self, fence: Fence, claimed_at: Timestamp) -> CancellationToken {
        let lost = CancellationToken::new();
        let held = Held {
            fence,
            until: later(claimed_at, self.settings.lease),
            lost: lost.clone(),
        };
        let before = self.lock().insert(fence.mailbox, held);
        if let Some(before) = before {
            // The same mailbox claimed twice: the first token is worth nothing any more.
            before.lost.cancel();
        }
        lost
    }

    /// Gives a lease back. Says whether the mailbox has work already.
    pub(super) async fn release(
        &self,
        fence: &Fence,
        next_work_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        self.forget(fence);
        self.store
            .lease_release(fence, next_work_at, self.clock.now())
            .await
    }

    fn forget(&self, fence: &Fence) {
        let mut held = self.lock();
        if held
            .get(&fence.mailbox)
            .is_some_and(|held| held.fence == *fence)
        {
            held.remove(&fence.mailbox);
        }
    }

    /// Extends every lease, again and again.
    pub(super) async fn beat_forever(&self) {
        loop {
            self.clock.sleep(self.settings.beat).await;
            self.beat_if_due().await;
        }
    }

    /// Extends every lease, unless that was done just now. To be called before claiming: after a long pause of the
    /// process, its own leases would look like those of a dead one.
    pub(super) async fn beat_if_due(&self) {
        let mut beaten_at = self.beaten_at.lock().await;
        if self.clock.now() < later(*beaten_at, self.settings.beat) {
            return;
        }
        let all: Vec<Held> = self.lock().values().cloned().collect();
        for held in all {
            self.extend(held).await;
        }
        *beaten_at = self.clock.now();
    }

    async fn extend(&self, held: Held) {
        let mailbox = held.fence.mailbox;
        let now = self.clock.now();
        match self
            .store
            .lease_extend(&held.fence, now, self.settings.lease)
            .await
        {
            Ok(()) => {
                if let Some(own) = self.lock().get_mut(&mailbox)
                    && own.fence == held.fence
                {
                    own.until = later(now, self.settings.lease);
                }
            }
            Err(StoreError::LeaseLost) => {
                if !held.lost.is_cancelled() && self.holds(&held.fence) {
                    warn!(mailbox.id = %mailbox, "lost the lease of mailbox {mailbox} to another process");
                }
                held.lost.cancel();
            }
            Err(error) => {
                // One more beat must fit before the end, or the home stops.
                let beat = TimeDelta::from_std(self.settings.beat).unwrap_or_default();
                let last_moment = held.until - beat / 2;
                warn!(mailbox.id = %mailbox, error = %error, "could not extend the lease of mailbox {mailbox}");
                if self.clock.now() >= last_moment {
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
