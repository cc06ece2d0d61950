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
use super::window::{Spent, Window};

/// What Graph allows one app on one mailbox (F3.9: "subject to change", so they are settings).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests at a time.
    pub slots: u32,
    /// Requests in ten minutes.
    pub quota: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            slots: 4,
            quota: 10_000,
        }
    }
}

impl Limits {
    /// How much of the quota may be spent when a request of `lane` goes: each lane leaves room for the better ones.
    /// What even a command leaves is for requests that a killed process had not written down.
    pub fn quota_of(&self, lane: Lane) -> u32 {
        let per_mille = match lane {
            Lane::Command => 985,
            Lane::Live => 975,
            Lane::Repair => 955,
            Lane::Backfill => 930,
            Lane::Audit => 700,
        };
        let share = u64::from(self.quota) * per_mille / 1000;
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}

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

/// The right to have a request in flight; given back when dropped.
#[must_use = "the slot is given back at once when the pass is dropped"]
pub struct Pass {
    budget: Budget,
    slots: u32,
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pass({})", self.slots)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.budget.give_back(self.slots);
    }
}

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

    fn give_back(&self, slots: u32) {
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
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;

    use crate::model::time::{Clock, ManualClock};

    use super::*;

    fn budget(limits: Limits) -> (ManualClock, Budget) {
        let clock = ManualClock::standing_at(Timestamp::UNIX_EPOCH);
        let budget = Budget::new(Arc::new(clock.clone()), limits);
        (clock, budget)
    }

    /// A waiter that has certainly entered the queue.
    async fn queue(
        budget: &Budget,
        lane: Lane,
        requests: u32,
    ) -> tokio::task::JoinHandle<Result<Pass, Fenced>> {
        let shared = budget.clone();
        let before = budget.lock().lanes.waiting();
        let task = tokio::spawn(async move { shared.admit(lane, requests).await });
        while budget.lock().lanes.waiting() == before {
            tokio::task::yield_now().await;
        }
        task
    }

    #[tokio::test]
    async fn no_more_than_four_requests_are_ever_in_flight() {
        // F3.9, M11.
        let (_clock, budget) = budget(Limits::default());

        let mut passes = Vec::new();
        for _ in 0..4 {
            passes.push(budget.admit(Lane::Live, 1).await.expect("a slot is free"));
        }
        let fifth = queue(&budget, Lane::Live, 1).await;
        assert!(!fifth.is_finished());

        passes.pop();
        let fifth = fifth.await.expect("no panic");
        assert!(fifth.is_ok());
        assert_eq!(budget.free_slots(), 0);
    }

    #[tokio::test]
    async fn a_live_change_goes_before_the_next_page_of_a_backfill() {
        // Design §4.
        let (_clock, budget) = budget(Limits::default());
        let mut pages = Vec::new();
        for _ in 0..4 {
            pages.push(
                budget
                    .admit(Lane::Backfill, 1)
                    .await
                    .expect("a slot is free"),
            );
        }
        let page = queue(&budget, Lane::Backfill, 1).await;
        let live = queue(&budget, Lane::Live, 1).await;

        pages.pop();
        let live = live.await.expect("no panic").expect("it is admitted");
        assert!(!page.is_finished());

        drop(live);
        assert!(page.await.expect("no panic").is_ok());
    }

    #[tokio::test]
    async fn a_batch_takes_all_slots_and_counts_every_part() {
        // F4.12, F3.9.
        let (_clock, budget) = budget(Limits::default());
        let full = budget.room(Lane::Live);

        let batch = budget
            .admit(Lane::Live, 20)
            .await
            .expect("all slots are free");

        assert_eq!(budget.free_slots(), 0);
        assert_eq!(budget.room(Lane::Live), full - 20);
        drop(batch);
        assert_eq!(budget.free_slots(), 4);
    }

    #[tokio::test]
    async fn bulk_work_leaves_room_in_the_quota_for_live_changes() {
        // F3.9: the quota holds for all of the app's requests on the mailbox.
        let (clock, budget) = budget(Limits {
            slots: 4,
            quota: 1000,
        });

        let refused = loop {
            match budget.admit(Lane::Backfill, 1).await {
                Ok(pass) => drop(pass),
                Err(refused) => break refused,
            }
        };

        assert!(budget.room(Lane::Live) > 0);
        assert!(budget.admit(Lane::Live, 1).await.is_ok());
        assert!(refused.until >= Timestamp::UNIX_EPOCH + TimeDelta::minutes(10));
        clock.advance(Duration::from_mins(11));
        assert!(budget.admit(Lane::Backfill, 1).await.is_ok());
    }

    #[tokio::test]
    async fn a_retry_after_sends_everybody_away_until_it_has_passed_to_the_second() {
        // M12.
        let (clock, budget) = budget(Limits::default());
        let batch = budget
            .admit(Lane::Live, 4)
            .await
            .expect("all slots are free");
        let waiting = queue(&budget, Lane::Command, 1).await;
        let until = clock.now() + TimeDelta::seconds(10);

        budget.fence(until);

        assert_eq!(
            waiting.await.expect("no panic").unwrap_err(),
            Fenced { until }
        );
        drop(batch);
        clock.advance(Duration::from_millis(9_999));
        assert_eq!(
            budget.admit(Lane::Command, 1).await.unwrap_err(),
            Fenced { until }
        );
        clock.advance(Duration::from_millis(1));
        assert!(budget.admit(Lane::Command, 1).await.is_ok());
    }

    #[tokio::test]
    async fn a_shorter_retry_after_does_not_lift_a_longer_one() {
        let (clock, budget) = budget(Limits::default());
        let long = clock.now() + TimeDelta::seconds(60);

        budget.fence(long);
        budget.fence(clock.now() + TimeDelta::seconds(5));

        assert_eq!(budget.fenced_until(), Some(long));
        assert_eq!(budget.unsaved_fence(), Some(long));
        assert_eq!(budget.unsaved_fence(), None);
    }

    #[tokio::test]
    async fn whoever_stops_waiting_keeps_neither_a_slot_nor_its_place() {
        let (_clock, budget) = budget(Limits::default());
        let held = budget
            .admit(Lane::Backfill, 2)
            .await
            .expect("slots are free");
        let batch = queue(&budget, Lane::Live, 4).await;
        let page = queue(&budget, Lane::Backfill, 1).await;

        batch.abort();
        let page = page.await.expect("no panic");

        assert!(page.is_ok(), "the batch stood in its way and has gone");
        drop(held);
        drop(page);
        assert_eq!(budget.free_slots(), 4);
    }

    #[tokio::test]
    async fn a_count_that_was_written_down_is_believed_after_a_restart() {
        let (clock, before) = budget(Limits {
            slots: 4,
            quota: 100,
        });
        drop(before.admit(Lane::Live, 90).await.expect("there is room"));
        assert_eq!(before.unsaved(), 90);
        let stored = before.spent();
        assert_eq!(before.unsaved(), 0);

        let after = Budget::new(Arc::new(clock.clone()), before.0.limits);
        after.restore(&stored, Some(clock.now() + TimeDelta::seconds(3)));

        assert!(
            after.admit(Lane::Live, 1).await.is_err(),
            "the fence was restored"
        );
        clock.advance(Duration::from_secs(3));
        assert!(
            after.admit(Lane::Live, 20).await.is_err(),
            "the count was restored"
        );
        assert!(after.admit(Lane::Live, 5).await.is_ok());
    }
}
