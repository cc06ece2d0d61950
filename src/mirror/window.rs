//! The window of time that a calendar is mirrored in.
//!
//! A delta token holds its window for good (F6.30), so windows begin and end with a month: a new one is due once a month, and
//! every mailbox has the same. Pure; nothing here asks what time it is.

use chrono::{Datelike, Months, NaiveDate, NaiveTime};

use crate::model::time::Timestamp;

/// From `start` until before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Window {
    /// The window that is right at `now`: `past` whole months before the present one, `future` whole months after it.
    pub fn at(now: Timestamp, past: u32, future: u32) -> Self {
        let month = first_of_month(now.date_naive());
        let start = month
            .checked_sub_months(Months::new(past))
            .unwrap_or(NaiveDate::MIN);
        let end = month
            .checked_add_months(Months::new(future.saturating_add(1)))
            .unwrap_or(NaiveDate::MAX);
        Self {
            start: midnight(start),
            end: midnight(end),
        }
    }

    /// When the next window becomes right after `now`.
    pub fn next_roll(now: Timestamp) -> Timestamp {
        first_of_month(now.date_naive())
            .checked_add_months(Months::new(1))
            .map_or(Timestamp::MAX_UTC, midnight)
    }

    /// Whether something that lasts from `start` until before `end` shows in it. What has no length shows at its start.
    pub fn shows(&self, start: Timestamp, end: Timestamp) -> bool {
        if start == end {
            return start >= self.start && start < self.end;
        }
        start < self.end && end > self.start
    }

    /// The part of `other` that lies within; none when nothing does.
    pub fn overlap(&self, other: Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end);
        (start < end).then_some(Self { start, end })
    }

    /// The smallest window that holds both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).expect("every month has a first day")
}

fn midnight(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_window_is_whole_months_around_the_present_one() {
        let window = Window::at(at("2026-11-22T19:00:00Z"), 6, 12);

        assert_eq!(window.start, at("2026-05-01T00:00:00Z"));
        assert_eq!(window.end, at("2027-12-01T00:00:00Z"));
        let late = Window::at(at("2026-11-30T23:59:59.999999Z"), 6, 12);
        assert_eq!(late, window, "it stays the same all month");
    }

    #[test]
    fn the_next_window_comes_with_the_next_month() {
        let now = at("2026-12-31T23:00:00Z");

        let roll = Window::next_roll(now);

        assert_eq!(roll, at("2027-01-01T00:00:00Z"));
        assert_ne!(Window::at(now, 6, 12), Window::at(roll, 6, 12));
    }

    #[test]
    fn what_touches_a_window_only_at_its_edge_does_not_show() {
        let window = Window::at(at("2026-11-22T19:00:00Z"), 0, 0);

        assert!(window.shows(at("2026-10-31T23:00:00Z"), at("2026-11-01T00:00:01Z")));
        assert!(!window.shows(at("2026-10-31T23:00:00Z"), at("2026-11-01T00:00:00Z")));
        assert!(!window.shows(at("2026-12-01T00:00:00Z"), at("2026-12-01T01:00:00Z")));
        assert!(window.shows(at("2026-11-01T00:00:00Z"), at("2026-11-01T00:00:00Z")));
    }

    #[test]
    fn ranges_are_cut_to_the_window() {
        let window = Window::at(at("2026-11-22T19:00:00Z"), 0, 0);
        let wide = Window {
            start: at("2020-01-01T00:00:00Z"),
            end: at("2026-11-10T00:00:00Z"),
        };

        let cut = window.overlap(wide).expect("they overlap");

        assert_eq!((cut.start, cut.end), (window.start, wide.end));
        let past = Window {
            start: wide.start,
            end: at("2020-02-01T00:00:00Z"),
        };
        assert_eq!(window.overlap(past), None);
        assert_eq!(window.with(past).start, past.start);
    }
}
