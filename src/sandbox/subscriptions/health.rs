//! How an endpoint has been answering, and how it is treated for it (F10.15 to F10.17, S61).

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::parcel::{FIRST_ALLOWANCE, RETRY_ALLOWANCE};
use crate::model::time::{Timestamp, later};

/// Endpoints are judged by their answers of the last ten minutes (F10.15, F10.16).
pub(super) const WINDOW: Duration = Duration::from_mins(10);

/// Fewer answers than this judge nobody.
const LEAST_SAMPLE: usize = 10;

/// How an endpoint is treated (S61).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As any other.
    Healthy,
    /// It is slow: until then, what is new goes out ten minutes later.
    Slow(Timestamp),
    /// Until then, what is new is discarded.
    Dropping(Timestamp),
}

/// How an endpoint has been answering.
#[derive(Debug)]
pub(super) struct Health {
    answers: VecDeque<(Timestamp, Pace)>,
    // Counted along: an endpoint may answer hundreds of times a second.
    beyond_first: usize,
    beyond_retry: usize,
    standing: Standing,
    /// The subscriptions that lost something in the drop state that is on.
    pub(super) lost: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    beyond_first: bool,
    beyond_retry: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            answers: VecDeque::new(),
            beyond_first: 0,
            beyond_retry: 0,
            standing: Standing::Healthy,
            lost: Vec::new(),
        }
    }
}

impl Health {
    /// An answer came, or failed to come, after `took`.
    pub(super) fn answered(&mut self, now: Timestamp, took: Duration) {
        let pace = Pace {
            beyond_first: took >= FIRST_ALLOWANCE,
            beyond_retry: took >= RETRY_ALLOWANCE,
        };
        self.beyond_first += usize::from(pace.beyond_first);
        self.beyond_retry += usize::from(pace.beyond_retry);
        self.answers.push_back((now, pace));
        if self.standing == Standing::Healthy {
            self.judge(now);
        }
    }

    /// Judges anew: more than 15 of a hundred beyond ten seconds, more than 10 beyond three.
    fn judge(&mut self, now: Timestamp) {
        while let Some((at, pace)) = self.answers.front().copied() {
            if later(at, WINDOW) > now {
                break;
            }
            self.beyond_first -= usize::from(pace.beyond_first);
            self.beyond_retry -= usize::from(pace.beyond_retry);
            self.answers.pop_front();
        }
        let all = self.answers.len();
        self.standing = if all < LEAST_SAMPLE {
            Standing::Healthy
        } else if self.beyond_retry * 100 > all * 15 {
            Standing::Dropping(later(now, WINDOW))
        } else if self.beyond_first * 100 > all * 10 {
            Standing::Slow(later(now, WINDOW))
        } else {
            Standing::Healthy
        };
    }

    /// The standing at `now`; a term that is over is followed by a fresh look.
    pub(super) fn standing(&mut self, now: Timestamp) -> Standing {
        match self.standing {
            Standing::Slow(until) if until <= now => self.judge(now),
            Standing::Dropping(until) if until <= now => {
                // Whoever probes anew begins with a clean record.
                self.answers.clear();
                self.beyond_first = 0;
                self.beyond_retry = 0;
                self.standing = Standing::Healthy;
            }
            _ => {}
        }
        self.standing
    }

    /// The standing when it was last looked at.
    pub(super) fn last_standing(&self) -> Standing {
        self.standing
    }
}

/// Slowness is judged by the host (F10.16).
pub(super) fn host(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}
