//! Who takes the next request slot of a mailbox.
//!
//! Four slots (F3.9), a queue ordered by lane and then by arrival. Whoever stands first in the queue keeps everybody
//! behind it waiting, even when it needs more slots than are free: otherwise pages of a backfill would slip past a
//! live batch for ever. Pure bookkeeping; [`super::budget`] does the waiting.

use std::collections::BTreeMap;

use crate::model::work::Lane;

/// One that waits; ordered by lane, then arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(Lane, u64);

#[derive(Debug)]
pub(super) struct Lanes<W> {
    free: u32,
    arrivals: u64,
    queue: BTreeMap<Ticket, (u32, W)>,
}

impl<W> Lanes<W> {
    pub(super) fn new(slots: u32) -> Self {
        Self {
            free: slots,
            arrivals: 0,
            queue: BTreeMap::new(),
        }
    }

    /// Takes `slots` at once when they are free and nobody of this lane or a better one waits.
    pub(super) fn take(&mut self, lane: Lane, slots: u32) -> bool {
        let others_first = self
            .queue
            .first_key_value()
            .is_some_and(|(first, _)| first.0 <= lane);
        if others_first || self.free < slots {
            return false;
        }
        self.free -= slots;
        true
    }

    pub(super) fn wait(&mut self, lane: Lane, slots: u32, waiter: W) -> Ticket {
        self.arrivals += 1;
        let ticket = Ticket(lane, self.arrivals);
        self.queue.insert(ticket, (slots, waiter));
        ticket
    }

    /// Gives up waiting; false when the ticket had been called already.
    pub(super) fn leave(&mut self, ticket: Ticket) -> bool {
        self.queue.remove(&ticket).is_some()
    }

    pub(super) fn give_back(&mut self, slots: u32) {
        self.free += slots;
    }

    /// The first in the queue if its slots are free; they are taken for it.
    pub(super) fn call(&mut self) -> Option<(Lane, u32, W)> {
        let first = self.queue.first_entry()?;
        if first.get().0 > self.free {
            return None;
        }
        let (ticket, (slots, waiter)) = first.remove_entry();
        self.free -= slots;
        Some((ticket.0, slots, waiter))
    }

    /// Everybody who waits, sent away.
    pub(super) fn clear(&mut self) -> Vec<W> {
        std::mem::take(&mut self.queue)
            .into_values()
            .map(|(_, waiter)| waiter)
            .collect()
    }

    /// Whether somebody of a better lane than `lane` waits.
    pub(super) fn is_wanted_above(&self, lane: Lane) -> bool {
        self.queue
            .first_key_value()
            .is_some_and(|(first, _)| first.0 < lane)
    }

    pub(super) fn free(&self) -> u32 {
        self.free
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_request_takes_the_next_slot_before_pages_that_waited_longer() {
        // Design §4.
        let mut lanes = Lanes::new(4);
        assert!(lanes.take(Lane::Backfill, 4));
        lanes.wait(Lane::Backfill, 1, "page");
        lanes.wait(Lane::Live, 1, "live");
        lanes.wait(Lane::Command, 1, "command");

        let mut called = Vec::new();
        for _ in 0..3 {
            lanes.give_back(1);
            called.extend(lanes.call().map(|(_, _, who)| who));
        }

        assert_eq!(called, ["command", "live", "page"]);
    }

    #[test]
    fn nobody_slips_past_a_batch_that_waits_for_all_slots() {
        // F4.12: a batch takes the whole concurrency of the mailbox.
        let mut lanes = Lanes::new(4);
        assert!(lanes.take(Lane::Backfill, 2));
        lanes.wait(Lane::Live, 4, "batch");

        assert!(
            !lanes.take(Lane::Backfill, 1),
            "two slots are free, but a batch waits"
        );
        lanes.give_back(1);
        assert!(lanes.call().is_none());
        lanes.give_back(1);

        assert_eq!(lanes.call().map(|(_, _, who)| who), Some("batch"));
        assert_eq!(lanes.free(), 0);
    }

    #[test]
    fn a_better_lane_goes_past_a_waiting_worse_one() {
        let mut lanes = Lanes::new(4);
        assert!(lanes.take(Lane::Backfill, 3));
        lanes.wait(Lane::Audit, 4, "audit");

        assert!(lanes.take(Lane::Live, 1));
        assert!(
            !lanes.is_wanted_above(Lane::Audit),
            "only the audit itself waits"
        );
        assert!(!lanes.take(Lane::Audit, 1));
    }
}
