//! How many requests the last ten minutes have seen (F3.9).
//!
//! A sliding window in slices of a few seconds. It errs on the safe side: a slice counts until its *last* instant is
//! ten minutes past and a margin more, because Graph counts a request when it arrives, not when it is sent. It can
//! be written down and read again, so that a restart does not believe in a fresh quota.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::model::time::{Timestamp, later};

const SLICE_SECONDS: i64 = 5;
/// Ten minutes, and how long a request may travel before Graph counts it.
const LENGTH: TimeDelta = TimeDelta::seconds(600 + 10);

/// What a window holds, in a form that can be stored: pairs of a slice's end (Unix seconds) and its count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spent(Vec<(i64, u32)>);

impl Spent {
    /// How many of these requests count at `now`.
    pub fn counted_at(&self, now: Timestamp) -> u32 {
        let mut window = Window::default();
        window.merge(self);
        window.spent(now)
    }
}

#[derive(Debug, Default)]
pub(super) struct Window {
    /// Ascending by the slice's end.
    slices: VecDeque<(i64, u32)>,
    total: u32,
}

impl Window {
    /// Counts `requests` at `now`.
    pub(super) fn spend(&mut self, now: Timestamp, requests: u32) {
        let end = slice_end(now);
        match self.slices.back_mut() {
            // A clock that steps back counts into the newest slice, which lives longer.
            Some((last, count)) if *last >= end => *count = count.saturating_add(requests),
            _ => self.slices.push_back((end, requests)),
        }
        self.total = self.total.saturating_add(requests);
    }

    /// How many count at `now`.
    pub(super) fn spent(&mut self, now: Timestamp) -> u32 {
        while let Some(&(end, count)) = self.slices.front() {
            if expiry(end) > now {
                break;
            }
            self.slices.pop_front();
            self.total = self.total.saturating_sub(count);
        }
        self.total
    }

    /// When `requests` more stay within `limit`: `None` means now. More than the limit as a whole fits an empty
    /// window only.
    pub(super) fn room_at(
        &mut self,
        now: Timestamp,
        requests: u32,
        limit: u32,
    ) -> Option<Timestamp> {
        let mut spent = self.spent(now);
        let fits = |spent: u32| spent == 0 || spent.saturating_add(requests) <= limit;
        if fits(spent) {
            return None;
        }
        for &(end, count) in &self.slices {
            spent = spent.saturating_sub(count);
            if fits(spent) {
                return Some(expiry(end));
            }
        }
        Some(later(now, Duration::from_secs(1)))
    }

    pub(super) fn to_spent(&self) -> Spent {
        Spent(self.slices.iter().copied().collect())
    }

    /// Takes over what another process has written down; where both know a slice the larger count holds.
    pub(super) fn merge(&mut self, stored: &Spent) {
        let mut all: std::collections::BTreeMap<i64, u32> = self.slices.iter().copied().collect();
        for &(end, count) in &stored.0 {
            let known = all.entry(end).or_default();
            *known = count.max(*known);
        }
        self.total = all
            .values()
            .fold(0, |sum: u32, count| sum.saturating_add(*count));
        self.slices = all.into_iter().collect();
    }
}

fn slice_end(now: Timestamp) -> i64 {
    (now.timestamp().div_euclid(SLICE_SECONDS) + 1) * SLICE_SECONDS
}

fn expiry(end: i64) -> Timestamp {
    Timestamp::from_timestamp(end, 0)
        .and_then(|end| end.checked_add_signed(LENGTH))
        .unwrap_or(Timestamp::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_request_counts_for_at_least_ten_minutes_and_not_for_eleven() {
        // F3.9.
        let mut window = Window::default();

        window.spend(at(0), 7);

        assert_eq!(window.spent(at(600)), 7);
        assert_eq!(window.spent(at(660)), 0);
    }

    #[test]
    fn room_comes_when_enough_of_the_oldest_slices_have_passed() {
        let mut window = Window::default();
        window.spend(at(0), 60);
        window.spend(at(100), 40);

        assert_eq!(window.room_at(at(101), 1, 101), None);
        let freed = window
            .room_at(at(101), 30, 100)
            .expect("the window is full");

        assert!(freed > at(600) && freed < at(700));
        assert_eq!(window.room_at(freed, 30, 100), None);
    }

    #[test]
    fn what_was_written_down_counts_again_and_only_once() {
        let mut window = Window::default();
        window.spend(at(0), 60);
        let stored = window.to_spent();

        window.merge(&stored);
        assert_eq!(window.spent(at(1)), 60);

        let mut restarted = Window::default();
        restarted.spend(at(30), 1);
        restarted.merge(&stored);
        assert_eq!(restarted.spent(at(31)), 61);
        assert_eq!(restarted.spent(at(625)), 1);
    }

    #[test]
    fn nothing_in_the_books_can_overflow_them() {
        let mut window = Window::default();
        window.merge(&Spent(vec![(i64::MAX, u32::MAX), (i64::MIN, u32::MAX)]));
        window.spend(at(0), u32::MAX);

        assert!(window.room_at(at(0), u32::MAX, 10).is_some());
    }
}
