//! The course of time in a campaign: as fast as the work allows, and never ahead of it.
//!
//! Sandbox and service share one clock that stands. While anything is under way they are let run; when all is quiet the clock
//! goes to the earliest instant that somebody sleeps for. Everything but the database runs on this one thread, so quiet is:
//! no statement under way, nobody whose instant has come and who has not run, and then so many turns of the runtime in which
//! that stays so. A turn too few is no error, only an answer that took longer on that clock.

use std::time::{Duration, Instant};

use crate::model::time::{Clock as _, ManualClock, Timestamp};
use crate::store::Store;

/// Turns of the runtime without any sign of work after which all is quiet. A hop from one task to the next, or over a
/// loopback connection, takes one.
const TURNS: u32 = 24;

/// After so many turns in which somebody whose instant has come has not run, he is not waited for: he sleeps in a future that
/// nobody polls.
const PATIENCE: u32 = 20_000;

/// Real time in which everything comes to rest at one instant of the clock, or never will: somebody looks for work without a
/// pause and without doing any.
const RESTS_WITHIN: Duration = Duration::from_mins(1);

/// The service does not come to rest.
#[derive(Debug, thiserror::Error)]
#[error("the service is never at rest: it looks for work without a pause at {at}")]
pub(super) struct Restless {
    at: Timestamp,
}

/// Moves the clock.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    clock: ManualClock,
    store: Store,
}

impl Pace {
    pub(super) fn new(clock: ManualClock, store: Store) -> Self {
        Self { clock, store }
    }

    /// Lets time pass until `instant`, and everything happen that happens by then.
    pub(super) async fn pass_until(&self, instant: Timestamp) -> Result<(), Restless> {
        loop {
            self.quiet().await?;
            let now = self.clock.now();
            if now >= instant {
                return Ok(());
            }
            let next = self.clock.next_wakeup().filter(|next| *next > now);
            self.clock
                .advance_to(next.map_or(instant, |next| next.min(instant)));
        }
    }

    /// Waits until nothing is under way.
    pub(super) async fn quiet(&self) -> Result<(), Restless> {
        let began_at = Instant::now();
        let mut still = 0;
        let mut waited = 0;
        while still < TURNS {
            tokio::task::yield_now().await;
            let now = self.clock.now();
            if began_at.elapsed() > RESTS_WITHIN {
                return Err(Restless { at: now });
            }
            if self.store.is_busy() {
                still = 0;
                self.store.idle().await;
                continue;
            }
            if waited < PATIENCE && self.clock.next_wakeup().is_some_and(|due| due <= now) {
                still = 0;
                waited += 1;
            } else {
                still += 1;
            }
        }
        Ok(())
    }
}
