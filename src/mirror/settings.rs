//! What can be set about mirroring.

use std::time::Duration;

use super::pace::{LARGEST, SMALLEST};
use super::restarts::Restarts;
use crate::model::time::Timestamp;

/// How a mailbox is mirrored.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether somebody subscribes to notifications; without, everything comes by polling.
    pub push: bool,
    /// How often every cursor is polled while push is believed to work (M47).
    pub poll_with_push: Duration,
    /// How often while it is not, or is not used at all (M2, M33).
    pub poll_without_push: Duration,
    /// How long after a live change the folder's cursor is polled too, so that many changes cost one poll (M47).
    pub debounce: Duration,
    /// How often the calendars are listed; there is no delta for them (F7.16, M55).
    pub calendars_every: Duration,
    /// How often the folder tree is walked from the beginning, hidden folders and well-known names included (F6.16).
    pub folders_afresh_every: Duration,
    /// Whole months of the calendar before the present one.
    pub months_past: u32,
    /// Whole months after it.
    pub months_future: u32,
    /// Items asked for on the first page of a new cursor.
    pub first_page: u32,
    /// Items asked for per page at most.
    pub largest_page: u32,
    /// How often the mirror is compared with the mailbox by itself.
    pub audit_every: Duration,
    /// The first such comparison comes so long after the first copy is complete.
    pub first_audit_after: Duration,
    /// A change found by delta that no notice announced within this time means that push does not work (M33).
    pub push_patience: Duration,
    /// Since when this process listens: what changed before may have been announced to nobody. None: always.
    pub listening_since: Option<Timestamp>,
    /// Whether messages are mirrored with all their internet headers.
    pub internet_headers: bool,
    /// Shared by all mailboxes of a process (M49).
    pub restarts: Restarts,
    /// Mistakes planted on purpose; set by tests only.
    #[doc(hidden)]
    pub sabotage: Sabotage,
}

/// Mistakes that tests plant, to see that a campaign finds them. No setting leads here.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sabotage {
    /// What a removal, a notice or a sweep says is gone is deleted without being asked for (M4).
    pub believes_removals: bool,
    /// A fetch that started earlier overwrites one that started later (M36).
    pub forgets_when_it_asked: bool,
    /// The sweep after a full round deletes whatever the round has not shown (M45).
    pub sweeps_without_asking: bool,
    /// A home that has lost its lease goes on writing (M43, R9).
    pub trusts_every_lease: bool,
    /// A write whose answer was lost begins anew, without a look at what was done (M42, F11.4).
    pub repeats_blindly: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            push: true,
            poll_with_push: Duration::from_mins(10),
            poll_without_push: Duration::from_secs(30),
            debounce: Duration::from_mins(1),
            calendars_every: Duration::from_mins(10),
            folders_afresh_every: Duration::from_hours(12),
            months_past: 6,
            months_future: 12,
            first_page: 100,
            largest_page: LARGEST,
            audit_every: Duration::from_hours(24),
            first_audit_after: Duration::from_mins(5),
            push_patience: Duration::from_mins(5),
            listening_since: None,
            internet_headers: false,
            restarts: Restarts::default(),
            sabotage: Sabotage::default(),
        }
    }
}

impl Settings {
    /// Items asked for per page at most. A first page below ten says that pages are wanted that small.
    pub fn page_limit(&self) -> u32 {
        if self.first_page < SMALLEST {
            self.first_page.max(1)
        } else {
            self.largest_page
        }
    }

    /// How often each of `cursors` cursors is polled: never so often that polling alone takes more than a fifth of what
    /// Graph allows a mailbox, 10,000 requests in 10 minutes (F3.9).
    pub fn poll_every(&self, push_works: bool, cursors: usize) -> Duration {
        let wanted = if self.push && push_works {
            self.poll_with_push
        } else {
            self.poll_without_push
        };
        let fair = Duration::from_millis(300) * u32::try_from(cursors).unwrap_or(u32::MAX);
        wanted.max(fair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_takes_no_more_than_a_fifth_of_the_quota() {
        let settings = Settings::default();

        for cursors in [1, 60, 2_000, 10_000] {
            let every = settings.poll_every(false, cursors);
            let in_ten_minutes =
                600.0 / every.as_secs_f64() * f64::from(u32::try_from(cursors).expect("few"));
            assert!(in_ten_minutes <= 2_000.5, "{cursors}: {in_ten_minutes}");
        }
    }

    #[test]
    fn polling_is_shorter_while_push_does_not_work() {
        // M33
        let settings = Settings::default();

        assert!(settings.poll_every(false, 10) < settings.poll_every(true, 10));
        let polling = Settings {
            push: false,
            ..settings
        };
        assert_eq!(polling.poll_every(true, 10), polling.poll_without_push);
    }
}
