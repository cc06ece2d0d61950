//! Where time comes from.
//!
//! Nothing outside this file reads the machine's clock: whoever needs the time is handed a [`Clock`],
//! so that a test or the sandbox can move a week in a millisecond. Instants are cut to the microsecond,
//! because that is what PostgreSQL keeps, and a value must read back as it was written.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::watch;

/// An instant in UTC, cut to the microsecond.
pub type Timestamp = DateTime<Utc>;

/// A sleep that ends when a clock says so.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// Completes once the clock has reached `instant`.
    fn sleep_until(&self, instant: Timestamp) -> Sleep<'_>;

    /// Completes once `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.sleep_until(later(self.now(), duration))
    }
}

/// A clock that can be handed around.
pub type SharedClock = Arc<dyn Clock>;

/// `instant` moved forward by `duration`; the end of time when that is beyond it.
pub fn later(instant: Timestamp, duration: Duration) -> Timestamp {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|delta| instant.checked_add_signed(delta))
        .unwrap_or(Timestamp::MAX_UTC)
}

/// How long it is from `from` until `to`; zero when `to` is not later.
pub fn until(from: Timestamp, to: Timestamp) -> Duration {
    (to - from).to_std().unwrap_or(Duration::ZERO)
}

/// Cuts an instant to the microsecond.
pub fn to_micros(instant: Timestamp) -> Timestamp {
    instant.trunc_subsecs(6)
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        to_micros(Utc::now())
    }

    fn sleep_until(&self, instant: Timestamp) -> Sleep<'_> {
        let wait = until(self.now(), instant);
        Box::pin(tokio::time::sleep(wait))
    }
}

/// A clock that is moved by hand.
///
/// It either stands still between two moves or runs along with the machine, shifted. Clones share
/// one time, and know who sleeps on it: whoever moves a standing clock can go from one to the next.
#[derive(Debug, Clone)]
pub struct ManualClock {
    state: Arc<watch::Sender<State>>,
    sleepers: Arc<Sleepers>,
}

/// How many sleep until which instant.
#[derive(Debug, Default)]
struct Sleepers(Mutex<BTreeMap<Timestamp, usize>>);

/// Somebody asleep, until dropped.
struct Asleep<'a> {
    sleepers: &'a Sleepers,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Standing(Timestamp),
    Running(TimeDelta),
}

impl ManualClock {
    /// A clock that stands at `now` until it is moved.
    pub fn standing_at(now: Timestamp) -> Self {
        Self {
            state: Arc::new(watch::Sender::new(State::Standing(to_micros(now)))),
            sleepers: Arc::default(),
        }
    }

    /// A clock that runs with the machine's, and can be moved ahead of it.
    pub fn running() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(State::Running(TimeDelta::zero()))),
            sleepers: Arc::default(),
        }
    }

    /// The earliest instant that somebody sleeps for. One that has come belongs to a sleeper who has not got to run yet.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.sleepers.lock().keys().next().copied()
    }

    /// Moves the clock forward and wakes whoever waited for an instant that has come.
    pub fn advance(&self, by: Duration) {
        let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        self.state.send_modify(|state| {
            *state = match *state {
                State::Standing(now) => {
                    State::Standing(now.checked_add_signed(by).unwrap_or(Timestamp::MAX_UTC))
                }
                State::Running(shift) => {
                    State::Running(shift.checked_add(&by).unwrap_or(TimeDelta::MAX))
                }
            };
        });
    }

    /// Moves the clock forward to `instant`; an instant that has passed leaves it as it is.
    pub fn advance_to(&self, instant: Timestamp) {
        self.advance(until(self.now(), instant));
    }

    fn read(state: State) -> Timestamp {
        match state {
            State::Standing(now) => now,
            State::Running(shift) => SystemClock
                .now()
                .checked_add_signed(shift)
                .unwrap_or(Timestamp::MAX_UTC),
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Self::read(*self.state.borrow())
    }

    fn sleep_until(&self, instant: Timestamp) -> Sleep<'_> {
        let mut changes = self.state.subscribe();
        Box::pin(async move {
            let mut asleep = None;
            loop {
                let state = *changes.borrow_and_update();
                let now = Self::read(state);
                if now >= instant {
                    return;
                }
                asleep.get_or_insert_with(|| self.sleepers.lay_down(instant));
                match state {
                    State::Standing(_) => {
                        // The sender lives as long as `self`, which outlives this future.
                        let _ = changes.changed().await;
                    }
                    State::Running(_) => {
                        tokio::select! {
                            () = tokio::time::sleep(until(now, instant)) => {}
                            _ = changes.changed() => {}
                        }
                    }
                }
            }
        })
    }
}

impl Sleepers {
    fn lay_down(&self, until: Timestamp) -> Asleep<'_> {
        *self.lock().entry(until).or_default() += 1;
        Asleep {
            sleepers: self,
            until,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Timestamp, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        let mut sleepers = self.sleepers.lock();
        if let Some(count) = sleepers.get_mut(&self.until) {
            *count -= 1;
            if *count == 0 {
                sleepers.remove(&self.until);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_clock_knows_the_next_who_sleeps_on_it() {
        let clock = ManualClock::standing_at(Timestamp::UNIX_EPOCH);
        let at = |seconds| later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds));
        let early = clock.sleep_until(at(5));
        let late = clock.sleep_until(at(9));
        tokio::pin!(early, late);
        let asleep = futures_util::poll!(&mut early).is_pending()
            && futures_util::poll!(&mut late).is_pending();

        let first = clock.next_wakeup();
        clock.advance_to(at(5));
        early.await;
        let second = clock.next_wakeup();
        clock.advance_to(at(2));

        assert!(asleep);
        assert_eq!((first, second), (Some(at(5)), Some(at(9))));
        assert_eq!(clock.now(), at(5), "it never goes back");
    }

    #[tokio::test]
    async fn a_standing_clock_wakes_its_sleepers_when_it_is_moved() {
        let clock = ManualClock::standing_at(Timestamp::UNIX_EPOCH);
        let sleeper = clock.clone();
        // Taken before the clock moves, whenever the task gets to run.
        let due = later(clock.now(), Duration::from_hours(1));
        let slept = tokio::spawn(async move {
            sleeper.sleep_until(due).await;
            sleeper.now()
        });

        clock.advance(Duration::from_hours(2));

        let woken = slept.await.expect("the sleeper does not panic");
        assert!(woken >= due);
    }

    #[test]
    fn an_instant_beyond_the_end_of_time_is_the_end_of_time() {
        assert_eq!(
            later(Timestamp::UNIX_EPOCH, Duration::MAX),
            Timestamp::MAX_UTC
        );
        assert_eq!(
            until(Timestamp::MAX_UTC, Timestamp::UNIX_EPOCH),
            Duration::ZERO
        );
    }
}
