//! One home from its claim to its release.
//!
//! Serve, linger, serve again when something comes, release. The resident runs in a task of its own, so that its panic
//! is a failed spell and not the end of the process, and so that a home that has lost its lease can be ended when it
//! does not end itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::model::mailbox::Mailbox;
use crate::model::time::{SharedClock, Timestamp, later};
use crate::model::work::Fence;
use crate::store::{MailboxMark, Priority, Store, StoreError};
use crate::telemetry::metrics::table;

use super::books::Budgets;
use super::budget::Budget;
use super::lease::Leases;
use super::resident::{Home, Resident, Served, Wake};
use super::settings::HomeSettings;

/// A spell that is over sooner than this and wants to be called again at once has nothing to do in truth.
const SHORT: Duration = Duration::from_millis(50);

/// Fewer requests than this are not written down by themselves: what a killed process forgets stays far below what
/// [`Limits::quota_of`](super::Limits::quota_of) leaves.
const WORTH_SAVING: u32 = 20;

/// How long after a failed spell the next one is tried.
const AFTER_PANIC: Duration = Duration::from_secs(30);

/// What a home needs from its process.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) store: Store,
    pub(super) clock: SharedClock,
    pub(super) settings: HomeSettings,
    pub(super) leases: Leases,
    pub(super) budgets: Budgets,
    pub(super) resident: Arc<dyn Resident>,
}

/// What the process knows of a home.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) wake: Wake,
    pub(super) stopping: CancellationToken,
    /// The home only waits for more: its place can be had.
    pub(super) is_lingering: Arc<AtomicBool>,
    /// When it was opened.
    pub(super) since: Timestamp,
}

enum Next {
    Serve,
    Release(Option<Timestamp>),
    /// The lease has gone: there is nothing to give back.
    Vanish,
}

impl Host {
    /// Serves a claimed mailbox until it is idle, and gives it back. Answers when it wants attention next.
    pub(super) async fn keep(
        &self,
        claimed: (Mailbox, Fence),
        claimed_at: Timestamp,
        door: Door,
        linger: Duration,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (mut mailbox, fence) = claimed;
        let kept = self.leases.keep(fence, claimed_at);
        let budget = match self.budgets.open(&self.store, &mailbox).await {
            Ok(budget) => budget,
            Err(error) => {
                // Best effort: a lease that nobody extends ends by itself.
                let _ = kept.release(Some(claimed_at)).await;
                return Err(error);
            }
        };
        let lost = kept.lost().clone();
        let gate = Arc::new(budget.clone());
        loop {
            let home = Home {
                mailbox: mailbox.clone(),
                fence,
                gate: Arc::clone(&gate),
                wake: door.wake.clone(),
                lost: lost.clone(),
                stopping: door.stopping.clone(),
            };
            let began_at = self.clock.now();
            let served = self.spell(home, &budget).await;
            let is_short = self.clock.now() < later(began_at, SHORT);
            match self
                .linger(served, is_short, &lost, &budget, &door, linger)
                .await
            {
                Next::Serve => {}
                Next::Vanish => return Ok(None),
                Next::Release(next_work_at) => {
                    self.save(&fence, &budget).await;
                    return match kept.release(next_work_at).await {
                        Ok(_) => Ok(next_work_at),
                        Err(StoreError::LeaseLost) => Ok(None),
                        Err(error) => Err(error),
                    };
                }
            }
            mailbox = match self.store.mailbox_get(mailbox.id).await {
                Ok(Some(now)) => now,
                Ok(None) => return Ok(None),
                // The next spell will meet the same trouble and handle it.
                Err(_) => mailbox,
            };
        }
    }

    /// One spell, with whatever its budget wants written down meanwhile.
    async fn spell(&self, home: Home, budget: &Budget) -> Served {
        let (fence, lost, stopping) = (home.fence, home.lost.clone(), home.stopping.clone());
        let resident = Arc::clone(&self.resident);
        let mut spell = Ended(tokio::spawn(async move { resident.serve(home).await }));
        let ended = loop {
            tokio::select! {
                ended = &mut spell.0 => break Some(ended),
                () = budget.worth_saving() => self.save(&fence, budget).await,
                () = lost.cancelled() => break None,
                () = stopping.cancelled() => break None,
            }
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            stopping.cancel();
            self.end(&mut spell.0, &fence).await
        };
        ended.unwrap_or_else(|failure| {
            if failure.is_panic() {
                table::HOME_PANICS.count(&[]);
                error!(mailbox.id = %fence.mailbox, "the home of mailbox {} panicked", fence.mailbox);
            }
            Served {
                next_work_at: Some(later(self.clock.now(), AFTER_PANIC)),
            }
        })
    }

    /// Gives a spell that must end a while to save where it is.
    async fn end(
        &self,
        spell: &mut JoinHandle<Served>,
        fence: &Fence,
    ) -> Result<Served, tokio::task::JoinError> {
        if let Ok(ended) = tokio::time::timeout(self.settings.grace, &mut *spell).await {
            return ended;
        }
        let mailbox = fence.mailbox;
        warn!(mailbox.id = %mailbox, "ended the home of mailbox {mailbox}, which did not end itself");
        spell.abort();
        spell.await
    }

    /// Waits a little for more work.
    async fn linger(
        &self,
        served: Served,
        is_short: bool,
        lost: &CancellationToken,
        budget: &Budget,
        door: &Door,
        linger: Duration,
    ) -> Next {
        if lost.is_cancelled() {
            return Next::Vanish;
        }
        // A throttled home yields rather than sleeps (M12).
        if let Some(until) = budget.fenced_until() {
            return Next::Release(Some(until));
        }
        let now = self.clock.now();
        let at_once = if is_short {
            later(now, Duration::from_secs(1))
        } else {
            now
        };
        let next = served.next_work_at.map(|at| at.max(at_once));
        let leave_at = later(now, linger);
        let wait_until = next.map_or(leave_at, |next| next.min(leave_at));
        door.is_lingering.store(true, Ordering::Relaxed);
        let decision = tokio::select! {
            biased;
            () = lost.cancelled() => Next::Vanish,
            () = door.wake.woken() => Next::Serve,
            () = door.stopping.cancelled() => Next::Release(served.next_work_at),
            () = self.clock.sleep_until(wait_until) => {
                if next.is_some_and(|next| next <= wait_until) {
                    Next::Serve
                } else {
                    Next::Release(served.next_work_at)
                }
            }
        };
        door.is_lingering.store(false, Ordering::Relaxed);
        if door.stopping.is_cancelled() && matches!(decision, Next::Serve) {
            return Next::Release(Some(self.clock.now()));
        }
        decision
    }

    /// Writes down what the budget has counted, and a new fence. A failure costs accuracy only.
    async fn save(&self, fence: &Fence, budget: &Budget) {
        let mut marks = Vec::new();
        if budget.unsaved() >= WORTH_SAVING
            && let Ok(json) = serde_json::to_string(&budget.spent())
        {
            marks.push(MailboxMark::RequestsSpent(json));
        }
        if let Some(until) = budget.unsaved_fence() {
            marks.push(MailboxMark::NotBefore(Some(until)));
        }
        if marks.is_empty() {
            return;
        }
        let now = self.clock.now();
        let saved = async {
            let mut tx = self.store.write(Priority::Live).await?;
            tx.fence(fence).await?;
            tx.mailbox_mark(fence.mailbox, &marks, now).await?;
            tx.commit().await
        };
        if let Err(error) = saved.await {
            let mailbox = fence.mailbox;
            warn!(mailbox.id = %mailbox, error = %error.chain(), "could not save the budget of mailbox {mailbox}");
        }
    }
}

impl Door {
    pub(super) fn at(since: Timestamp) -> Self {
        Self {
            wake: Wake::default(),
            stopping: CancellationToken::new(),
            is_lingering: Arc::default(),
            since,
        }
    }

    /// Whether somebody woke the home since it last looked.
    pub(super) fn was_woken(&self) -> bool {
        self.wake.woken().now_or_never().is_some()
    }
}

/// A spell whose task ends with whoever waits for it.
struct Ended(JoinHandle<Served>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}
