//! What a mailbox's home may ask of Graph, and when.
//!
//! Three things hold at every instant: at most four requests run (F3.9, M11), at most 10,000 are sent in ten minutes,
//! and none while a Retry-After lasts (M12). Within that, better lanes go first, and the bulk lanes stop short of the
//! quota so that a live change always finds room. Who may not go now for longer than a slot takes to free is refused
//! with the instant to come again, never kept asleep: the home yields.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, oneshot};

use crate::graph::{Fenced, Gate, Permit};
use crate::model::time::{SharedClock, Timestamp};
use crate::model::work::Lane;

use super::lanes::{Lanes, Ticket};
use super::limits::Limits;
use super::pass::Pass;
use super::window::{Spent, Window};

/// The gate of one mailbox. It outlives the spells of its home; clones share it.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    clock: SharedClock,
    limits: Limits,
    state: Mutex<State>,
    /// Tells the runner that there is something to write down.
    unsaved: Notify,
}

struct State {
    lanes: Lanes<Waiter>,
    window: Window,
    fenced_until: Option<Timestamp>,
    is_fence_unsaved: bool,
    /// Requests counted since [`Budget::spent`] was last asked.
    unsaved: u32,
}

struct Waiter {
    requests: u32,
    call: oneshot::Sender<Result<Pass, Fenced>>,
}

/// Requests between two times the count is written down. Killed processes forget at most so many.
const SAVE_EVERY: u32 = 100;

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

impl Budget {
    /// A budget from which nothing has been spent.
    pub fn new(clock: SharedClock, limits: Limits) -> Self {
        Self(Arc::new(Shared {
            clock,
            limits,
            state: Mutex::new(State {
                lanes: Lanes::new(limits.slots),
                window: Window::default(),
                fenced_until: None,
                is_fence_unsaved: false,
                unsaved: 0,
            }),
            unsaved: Notify::new(),
        }))
    }

    /// Waits for its turn to send `requests` at a time (one, or the parts of a batch). A batch takes as many slots as
    /// Graph runs of its parts at once (F4.12). Fenced when a fence or the quota bars this lane for now.
    pub async fn admit(&self, lane: Lane, requests: u32) -> Result<Pass, Fenced> {
        let slots = requests.clamp(1, self.0.limits.slots);
        let (ticket, answer) = {
            let mut state = self.lock();
            let now = self.0.clock.now();
            state.check(now, lane, requests, self.0.limits)?;
            if state.lanes.take(lane, slots) {
                self.spend(&mut state, now, requests);
                return Ok(self.pass(slots));
            }
            let (call, answer) = oneshot::channel();
            let ticket = state.lanes.wait(lane, slots, Waiter { requests, call });
            (ticket, answer)
        };
        // Whoever stops waiting leaves the queue; a pass that was on its way drops with the channel.
        let queued = Queued {
            budget: self,
            ticket,
        };
        let answer = answer.await;
        drop(queued);
        answer.unwrap_or_else(|_| {
            Err(Fenced {
                until: self.0.clock.now(),
            })
        })
    }

    /// Bars every lane until `until` and sends away who waits (M12). A later fence stays.
    pub fn fence(&self, until: Timestamp) {
        let mut state = self.lock();
        let now = self.0.clock.now();
        if until <= now || state.fenced_until.is_some_and(|known| known >= until) {
            return;
        }
        state.fenced_until = Some(until);
        state.is_fence_unsaved = true;
        let waiting = state.lanes.clear();
        drop(state);
        for waiter in waiting {
            let _ = waiter.call.send(Err(Fenced { until }));
        }
        self.0.unsaved.notify_one();
    }

    /// Until when a Retry-After bars the mailbox, if one does.
    pub fn fenced_until(&self) -> Option<Timestamp> {
        let now = self.0.clock.now();
        self.lock().fenced_until.filter(|until| *until > now)
    }

    /// How many requests of this lane would be admitted by the quota alone. Where it gets short, a delta is cheaper
    /// than many single requests.
    pub fn room(&self, lane: Lane) -> u32 {
        let now = self.0.clock.now();
        let spent = self.lock().window.spent(now);
        self.0.limits.quota_of(lane).saturating_sub(spent)
    }

    /// Whether somebody of a better lane waits for a slot: bulk work ends its slice.
    pub fn is_wanted_above(&self, lane: Lane) -> bool {
        self.lock().lanes.is_wanted_above(lane)
    }

    /// Slots that are free now.
    pub fn free_slots(&self) -> u32 {
        self.lock().lanes.free()
    }

    /// Takes over what the store knows: the count of the last ten minutes and the fence.
    pub fn restore(&self, spent: &Spent, fenced_until: Option<Timestamp>) {
        let mut state = self.lock();
        state.window.merge(spent);
        state.fenced_until = state.fenced_until.max(fenced_until);
    }

    /// The count of the last ten minutes, to be written down.
    pub fn spent(&self) -> Spent {
        let now = self.0.clock.now();
        let mut state = self.lock();
        state.unsaved = 0;
        // Slices that have passed need not be kept.
        state.window.spent(now);
        state.window.to_spent()
    }

    /// How many requests were counted since [`Budget::spent`] was last asked.
    pub fn unsaved(&self) -> u32 {
        self.lock().unsaved
    }

    /// Whether somebody else holds it too.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Whether it holds nothing that a new one would not: no count, no fence, nobody in flight.
    pub(super) fn is_fresh(&self) -> bool {
        let now = self.0.clock.now();
        let mut state = self.lock();
        state.window.spent(now) == 0
            && state.fenced_until.is_none_or(|until| until <= now)
            && state.lanes.free() == self.0.limits.slots
    }

    /// Waits until there is something that should be written down soon.
    pub(super) async fn worth_saving(&self) {
        self.0.unsaved.notified().await;
    }

    /// The fence, if it was set since this was last asked.
    pub(super) fn unsaved_fence(&self) -> Option<Timestamp> {
        let mut state = self.lock();
        let is_unsaved = std::mem::take(&mut state.is_fence_unsaved);
        state.fenced_until.filter(|_| is_unsaved)
    }

    fn spend(&self, state: &mut State, now: Timestamp, requests: u32) {
        state.window.spend(now, requests);
        let before = state.unsaved / SAVE_EVERY;
        state.unsaved = state.unsaved.saturating_add(requests);
        if state.unsaved / SAVE_EVERY > before {
            self.0.unsaved.notify_one();
        }
    }

    fn pass(&self, slots: u32) -> Pass {
        Pass {
            budget: self.clone(),
            slots,
        }
    }

    pub(super) fn give_back(&self, slots: u32) {
        let mut calls = Vec::new();
        {
            let mut state = self.lock();
            let now = self.0.clock.now();
            state.lanes.give_back(slots);
            while let Some((lane, slots, waiter)) = state.lanes.call() {
                let answer = match state.check(now, lane, waiter.requests, self.0.limits) {
                    Ok(()) => {
                        self.spend(&mut state, now, waiter.requests);
                        Ok(self.pass(slots))
                    }
                    Err(refused) => {
                        state.lanes.give_back(slots);
                        Err(refused)
                    }
                };
                calls.push((waiter.call, answer));
            }
        }
        // Outside the lock: a waiter that has gone gives its pass back, which comes here again.
        for (call, answer) in calls {
            let _ = call.send(answer);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate for Budget {
    fn admit(&self, lane: Lane, requests: u32) -> BoxFuture<'_, Result<Permit, Fenced>> {
        Box::pin(async move {
            Budget::admit(self, lane, requests)
                .await
                .map(Permit::holding)
        })
    }

    fn fence(&self, until: Timestamp) {
        Budget::fence(self, until);
    }
}

impl State {
    fn check(
        &mut self,
        now: Timestamp,
        lane: Lane,
        requests: u32,
        limits: Limits,
    ) -> Result<(), Fenced> {
        if let Some(until) = self.fenced_until.filter(|until| *until > now) {
            return Err(Fenced { until });
        }
        match self.window.room_at(now, requests, limits.quota_of(lane)) {
            None => Ok(()),
            Some(until) => Err(Fenced { until }),
        }
    }
}

struct Queued<'a> {
    budget: &'a Budget,
    ticket: Ticket,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let left = self.budget.lock().lanes.leave(self.ticket);
        if left {
            // Whoever stood behind may go now.
            self.budget.give_back(0);
        }
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
