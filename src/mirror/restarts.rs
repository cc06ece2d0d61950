//! Full rounds that start because a token died, for all mailboxes of a process together.
//!
//! Tokens may die everywhere at once, and then every folder of every mailbox would be walked anew in the same minute (M49).
//! Some restarts are free; beyond them they come one after the other at an even pace, and the cursors rest until their turn.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;

use crate::model::time::Timestamp;

/// Restarts that need not wait after a time without any: the folders of a large mailbox.
const FREE: i32 = 100;

/// After those, one restart in this time.
const EVERY: TimeDelta = TimeDelta::milliseconds(250);

/// When restarts may start. Cheap to clone; clones share the pace.
#[derive(Debug, Clone, Default)]
pub struct Restarts(Arc<Mutex<Option<Timestamp>>>);

impl Restarts {
    /// Takes the next turn; answers when it comes, at the earliest now.
    pub fn take(&self, now: Timestamp) -> Timestamp {
        let mut paid_until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = paid_until.map_or(now, |until| until.max(now)) + EVERY;
        *paid_until = Some(until);
        (until - EVERY * FREE).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_restarts_is_spread_and_a_single_one_never_waits() {
        // M49: 1,000 mailboxes of ten folders
        let restarts = Restarts::default();
        let now = Timestamp::UNIX_EPOCH;
        let turns: Vec<Timestamp> = (0..10_000).map(|_| restarts.clone().take(now)).collect();

        assert!(turns[..100].iter().all(|at| *at == now));
        assert_eq!(turns[100], now + EVERY);
        assert!(turns.windows(2).all(|pair| pair[0] <= pair[1]));
        let last = now + EVERY * 9_900;
        assert_eq!(turns[9_999], last);

        let after = last + TimeDelta::hours(1);
        assert_eq!(restarts.take(after), after);
    }
}
