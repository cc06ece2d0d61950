//! A clock that can be held, for a replica that stands still while the others go on.
//!
//! So does the clock of a machine that was suspended: for its programs no time passes, and then a lot of it at once.

use std::sync::Arc;

use tokio::sync::watch;

use crate::model::time::{Clock, ManualClock, Sleep, Timestamp};

/// Goes with another clock, unless it is held.
#[derive(Debug, Clone)]
pub(super) struct HaltClock {
    inner: ManualClock,
    held_at: Arc<watch::Sender<Option<Timestamp>>>,
}

impl HaltClock {
    pub(super) fn new(inner: ManualClock) -> Self {
        Self {
            inner,
            held_at: Arc::new(watch::Sender::new(None)),
        }
    }

    /// Stands from now on.
    pub(super) fn hold(&self) {
        self.held_at.send_replace(Some(self.inner.now()));
    }

    /// Goes on, and all who slept meanwhile wake.
    pub(super) fn let_go(&self) {
        self.held_at.send_replace(None);
    }
}

impl Clock for HaltClock {
    fn now(&self) -> Timestamp {
        self.held_at.borrow().unwrap_or_else(|| self.inner.now())
    }

    fn sleep_until(&self, instant: Timestamp) -> Sleep<'_> {
        Box::pin(async move {
            let mut held_at = self.held_at.subscribe();
            self.inner.sleep_until(instant).await;
            // The sender lives as long as `self`. One that was held when the instant had come is awake already.
            let _ = held_at
                .wait_for(|held| held.is_none_or(|held| held >= instant))
                .await;
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::time::later;

    #[tokio::test]
    async fn time_stands_while_it_is_held_and_catches_up() {
        let inner = ManualClock::standing_at(Timestamp::UNIX_EPOCH);
        let clock = HaltClock::new(inner.clone());
        let due = later(Timestamp::UNIX_EPOCH, Duration::from_secs(5));
        let sleeper = clock.sleep_until(due);
        tokio::pin!(sleeper);

        clock.hold();
        inner.advance(Duration::from_mins(1));
        let sleeps_on = futures_util::poll!(&mut sleeper).is_pending();
        let held = clock.now();
        clock.let_go();
        sleeper.await;

        assert!(sleeps_on);
        assert_eq!(held, Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), inner.now());
    }
}
