//! When a notice that could not be settled is looked at again.
//!
//! Two ladders: an item announced as created that is not there yet (M34), and an item that cannot be read (M41); and what a 404
//! says of an item. Pure.

use std::time::Duration;

use crate::model::time::{Timestamp, later, until};
use crate::model::work::ChangeHint;

/// The waits for a created item that answers 404 (M34, F10.20).
const NOT_YET: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(45),
    Duration::from_secs(90),
];

/// An item may hide from GET for so long after it was made, though notifications and rounds show it (F10.20): all of the
/// waits of [`NOT_YET`].
const YOUTH: Duration = Duration::from_secs(155);

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

/// What a 404 says of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It may only not be visible yet: look again after so long, and touch nothing.
    NotYet(Duration),
    /// It is gone, as far as anybody can tell; it is so young that a further look after so long is due.
    Doubtful(Duration),
    /// It is gone.
    Gone,
}

/// What a 404 says of an item that was made at `held`, if there is a row of it that knows. One that we hold is gone, and one that
/// was announced and that we don't may not be visible yet (M34). A round may have brought one before GET can see it:
/// while it is so young, only a deletion is believed, and that is looked at once more.
pub fn absence(
    held: Option<Option<Timestamp>>,
    hint: ChangeHint,
    attempts: i64,
    asked_at: Timestamp,
) -> Absence {
    let is_announced = matches!(hint, ChangeHint::Created | ChangeHint::Updated);
    let grown_at = held.flatten().map(|made_at| later(made_at, YOUTH));
    let youth_left = grown_at
        .filter(|grown_at| *grown_at > asked_at)
        .map(|grown_at| until(asked_at, grown_at).min(YOUTH));
    match (is_announced, youth_left) {
        (true, left) if held.is_none() || left.is_some() => {
            not_yet(attempts).map_or(Absence::Gone, Absence::NotYet)
        }
        (false, Some(left)) if attempts == 0 => Absence::Doubtful(left),
        _ => Absence::Gone,
    }
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
    fn what_a_404_says_of_an_item() {
        // M34, F10.20
        let asked_at: Timestamp = "2026-03-02T08:00:00Z".parse().expect("an instant");
        let made = |ago: u64| Some(Some(asked_at - Duration::from_secs(ago)));
        let first = Absence::NotYet(NOT_YET[0]);
        for (held, hint, attempts, says) in [
            (None, ChangeHint::Created, 0, first),
            (None, ChangeHint::Updated, 4, Absence::Gone),
            (None, ChangeHint::Deleted, 0, Absence::Gone),
            (Some(None), ChangeHint::Updated, 0, Absence::Gone),
            (made(3_600), ChangeHint::Updated, 0, Absence::Gone),
            (made(3_600), ChangeHint::Deleted, 0, Absence::Gone),
            (made(5), ChangeHint::Created, 0, first),
            (made(5), ChangeHint::Created, 4, Absence::Gone),
            (
                made(5),
                ChangeHint::Deleted,
                0,
                Absence::Doubtful(Duration::from_secs(150)),
            ),
            (made(5), ChangeHint::Suspected, 1, Absence::Gone),
        ] {
            assert_eq!(
                absence(held, hint, attempts, asked_at),
                says,
                "{held:?} {hint:?} {attempts}"
            );
        }
    }

    #[test]
    fn a_youth_lasts_as_long_as_a_created_item_is_looked_for() {
        assert_eq!(NOT_YET.iter().sum::<Duration>(), YOUTH);
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
