//! When a notice that could not be settled is looked at again.
//!
//! Two ladders: an item announced as created that is not there yet (M34), and an item that cannot be read (M41). Pure.

use std::time::Duration;

/// The waits for a created item that answers 404 (M34, F10.20).
const NOT_YET: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(45),
    Duration::from_secs(90),
];

/// The waits for an item that cannot be read (M41).
const BROKEN: [Duration; 5] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(12),
];

/// The waits after a failure that looks passing, before those of an item that cannot be read begin.
const PASSING: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// How long an item rests that could not be read however often it was tried: it is quarantined, not forgotten.
pub const QUARANTINE: Duration = Duration::from_hours(24 * 7);

/// After so many failed attempts an item counts as quarantined.
pub const QUARANTINE_AFTER: i64 = 5;

/// The wait before the next look at a created item that is not there; none when that has been tried often enough.
pub fn not_yet(attempts: i64) -> Option<Duration> {
    usize::try_from(attempts)
        .ok()
        .and_then(|tried| NOT_YET.get(tried))
        .copied()
}

/// The wait before the next look at an item that cannot be read.
pub fn broken(attempts: i64) -> Duration {
    usize::try_from(attempts)
        .ok()
        .and_then(|tried| BROKEN.get(tried))
        .copied()
        .unwrap_or(QUARANTINE)
}

/// The wait after a failure that looks passing; one that does not pass is an item that cannot be read.
pub fn passing(attempts: i64) -> Duration {
    usize::try_from(attempts)
        .ok()
        .and_then(|tried| PASSING.get(tried))
        .copied()
        .unwrap_or_else(|| broken(attempts.saturating_sub(3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_item_is_looked_for_four_times_in_two_and_a_half_minutes() {
        // M34
        let waits: Vec<u64> = (0..)
            .map_while(not_yet)
            .map(|wait| wait.as_secs())
            .collect();

        assert_eq!(waits, [5, 15, 45, 90]);
        assert_eq!(not_yet(-1), None);
    }

    #[test]
    fn an_unreadable_item_ends_in_quarantine() {
        // M41
        assert_eq!(broken(0), Duration::from_mins(1));
        assert_eq!(broken(QUARANTINE_AFTER), QUARANTINE);
        assert_eq!(broken(i64::MAX), QUARANTINE);
        assert_eq!(passing(0), Duration::from_secs(2));
        assert_eq!(passing(3), Duration::from_mins(1));
        assert_eq!(passing(100), QUARANTINE);
    }
}
