//! How long changes took from the edit in the mailbox to the row in the database.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use crate::model::time::{Timestamp, until};

/// An edit that has not been seen as a row yet.
#[derive(Debug, Clone)]
pub struct Pending {
    /// What was done, for people.
    pub what: String,
    /// Who did it.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

/// An edit that has become a row.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What was done, for people.
    pub what: String,
    /// Who did it.
    pub who: String,
    /// How long it took.
    pub delay: Duration,
}

/// The delays of a run.
#[derive(Debug, Default)]
pub struct Delays {
    pending: HashMap<String, Pending>,
    taken: Vec<Duration>,
}

/// What `--json` says of them, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, PartialEq)]
pub struct Summary {
    /// Half of the changes were rows after so many milliseconds.
    pub p50: f64,
    /// Ninety-nine of a hundred.
    pub p99: f64,
}

impl Delays {
    /// Remembers an edit. A later edit of the same item does not restart its clock: the first one is still waited for.
    pub fn edited(&mut self, id: String, edit: Pending) {
        self.pending.entry(id).or_insert(edit);
    }

    /// The item has changed in the database; `None` when nobody waited for it.
    pub fn seen(&mut self, id: &str, at: Timestamp) -> Option<Seen> {
        let pending = self.pending.remove(id)?;
        let delay = until(pending.at, at);
        self.taken.push(delay);
        Some(Seen {
            what: pending.what,
            who: pending.who,
            delay,
        })
    }

    /// Everything that was waited for is in the database by now: it counts with the time until now.
    pub fn close(&mut self, at: Timestamp) -> Vec<Seen> {
        let ids: Vec<String> = self.pending.keys().cloned().collect();
        ids.iter().filter_map(|id| self.seen(id, at)).collect()
    }

    /// How many edits have not become rows yet.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// How many edits became rows.
    pub fn count(&self) -> usize {
        self.taken.len()
    }

    /// The percentiles so far; zero when there was nothing.
    pub fn summary(&self) -> Summary {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        let at = |share: usize| {
            let index = (sorted.len().saturating_sub(1) * share).div_ceil(100);
            let millis = sorted.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0;
            (millis * 10.0).round() / 10.0
        };
        Summary {
            p50: at(50),
            p99: at(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(at: Timestamp) -> Pending {
        Pending {
            what: "flagged".to_owned(),
            who: "Anna".to_owned(),
            at,
        }
    }

    #[test]
    fn a_delay_counts_from_the_first_edit_that_was_not_seen_yet() {
        let start = Timestamp::UNIX_EPOCH;
        let mut delays = Delays::default();

        delays.edited("a".to_owned(), edit(start));
        delays.edited(
            "a".to_owned(),
            edit(start + chrono::TimeDelta::milliseconds(40)),
        );
        let seen = delays.seen("a", start + chrono::TimeDelta::milliseconds(50));

        assert_eq!(seen.map(|seen| seen.delay), Some(Duration::from_millis(50)));
        assert!(delays.seen("a", start).is_none());
        assert_eq!(
            delays.summary(),
            Summary {
                p50: 50.0,
                p99: 50.0
            }
        );
    }

    #[test]
    fn without_changes_there_is_nothing_to_summarise() {
        assert_eq!(Delays::default().summary(), Summary { p50: 0.0, p99: 0.0 });
    }
}
