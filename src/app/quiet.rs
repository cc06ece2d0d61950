//! Knows when a home has nothing left to do.
//!
//! A home runs several lanes side by side: live changes, commands, rounds. Each says when it works and when it waits; once
//! all of them have waited for a while the mailbox can be given back.

use std::time::Duration;

use tokio::sync::watch;

use crate::model::time::Clock;

/// How many lanes are at work, and how often that has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Activity {
    busy: usize,
    turns: u64,
}

/// The shared count of lanes at work.
#[derive(Debug)]
pub struct Quiet {
    activity: watch::Sender<Activity>,
}

/// Held by a lane while it works.
#[derive(Debug)]
pub struct Busy<'a> {
    quiet: &'a Quiet,
}

impl Quiet {
    /// Nobody works yet.
    pub fn new() -> Self {
        Self {
            activity: watch::Sender::new(Activity::default()),
        }
    }

    /// Marks the calling lane as working until the returned guard is dropped.
    pub fn busy(&self) -> Busy<'_> {
        self.activity.send_modify(|activity| {
            activity.busy += 1;
            activity.turns += 1;
        });
        Busy { quiet: self }
    }

    /// Completes once no lane has worked for `linger`.
    pub async fn lasting(&self, linger: Duration, clock: &dyn Clock) {
        let mut changes = self.activity.subscribe();
        loop {
            let seen = *changes.borrow_and_update();
            if seen.busy > 0 {
                // The sender is `self`, so this ends only with a change.
                let _ = changes.changed().await;
                continue;
            }
            tokio::select! {
                () = clock.sleep(linger) => {
                    if *changes.borrow() == seen {
                        return;
                    }
                }
                _ = changes.changed() => {}
            }
        }
    }
}

impl Default for Quiet {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.quiet.activity.send_modify(|activity| {
            activity.busy -= 1;
            activity.turns += 1;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{ManualClock, Timestamp};

    #[tokio::test]
    async fn quiet_lasts_only_when_no_lane_works() {
        let clock = ManualClock::standing_at(Timestamp::UNIX_EPOCH);
        let quiet = Quiet::new();
        let working = quiet.busy();
        let lasting = quiet.lasting(Duration::from_secs(5), &clock);
        tokio::pin!(lasting);

        clock.advance(Duration::from_mins(1));
        let early = futures_util::future::poll_immediate(&mut lasting).await;
        drop(working);
        let listening = futures_util::future::poll_immediate(&mut lasting).await;
        clock.advance(Duration::from_secs(6));

        assert!(early.is_none() && listening.is_none());
        lasting.await;
    }
}
