//! The cron schedules.
//!
//! Cron decides nothing: when a schedule fires, every replica tries to write one row named by (schedule, instant), and
//! the one that succeeds does the work. So replicas need no leader, and a schedule that fires in all of them runs once.
//! Expressions are in UTC: the scheduler is an hour off after a change of daylight saving in any other zone.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DurationRound, TimeDelta};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::api::health::schedules_stale_since;
use crate::model::time::{SharedClock, Timestamp, until};
use crate::store::Store;

/// Something that is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Schedule {
    /// Has the homes look for subscriptions to renew, create or retire (M24).
    Subscriptions,
    /// Has the homes look for whatever else is due: polls (M47), audits, probes of suspended mailboxes.
    Due,
    /// Matches or drops notices of unknown subscriptions (M20).
    Parked,
    /// Throws away what is past its use: states of sign-ins, ticks, outcomes, tombstones, contents that nobody points at.
    Upkeep,
}

impl Schedule {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Subscriptions, Self::Due, Self::Parked, Self::Upkeep];

    /// Its name in the table of ticks.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subscriptions => "subscriptions",
            Self::Due => "due",
            Self::Parked => "parked",
            Self::Upkeep => "upkeep",
        }
    }

    /// When it fires: second, minute, hour, day, month, weekday; UTC.
    pub fn expression(self) -> &'static str {
        match self {
            Self::Due => "*/10 * * * * *",
            Self::Parked => "*/30 * * * * *",
            Self::Subscriptions => "5 * * * * *",
            Self::Upkeep => "15 20 * * * *",
        }
    }

    /// What instants are cut to, so that replicas whose clocks differ by a moment name the same tick.
    pub(super) fn grain(self) -> TimeDelta {
        match self {
            Self::Due => TimeDelta::seconds(10),
            Self::Parked => TimeDelta::seconds(30),
            Self::Subscriptions => TimeDelta::minutes(1),
            Self::Upkeep => TimeDelta::hours(1),
        }
    }
}

/// The running schedules; dropping it does not stop them, [`Schedules::stop`] does.
pub struct Schedules {
    firing: Firing,
}

enum Firing {
    Cron(JobScheduler),
    /// One task a schedule.
    ByClock(JoinSet<()>),
}

impl Schedules {
    /// Starts every schedule. What fires and was won by this process arrives on the returned channel.
    pub async fn start(
        store: Store,
        clock: SharedClock,
    ) -> Result<(Self, mpsc::Receiver<Schedule>), JobSchedulerError> {
        let (won, due) = mpsc::channel(Schedule::ALL.len() * 2);
        let scheduler = JobScheduler::new().await?;
        for schedule in Schedule::ALL {
            let context = Arc::new((store.clone(), clock.clone(), won.clone()));
            let job = Job::new_async(schedule.expression(), move |_, _| {
                let context = Arc::clone(&context);
                Box::pin(async move {
                    let (store, clock, won) = &*context;
                    tick(schedule, store, clock, won).await;
                })
            })?;
            scheduler.add(job).await?;
        }
        scheduler.start().await?;
        let firing = Firing::Cron(scheduler);
        Ok((Self { firing }, due))
    }

    /// The same on `clock`: each schedule fires at the first instant of its grain. Cron knows only the machine's clock, which
    /// stands still compared with one that is moved by hand.
    pub fn start_by(store: &Store, clock: &SharedClock) -> (Self, mpsc::Receiver<Schedule>) {
        let (won, due) = mpsc::channel(Schedule::ALL.len() * 2);
        let mut tasks = JoinSet::new();
        for schedule in Schedule::ALL {
            let (store, clock, won) = (store.clone(), Arc::clone(clock), won.clone());
            tasks.spawn(async move {
                loop {
                    let now = clock.now();
                    let began = now.duration_trunc(schedule.grain()).unwrap_or(now);
                    clock.sleep_until(began + schedule.grain()).await;
                    tick(schedule, &store, &clock, &won).await;
                }
            });
        }
        let firing = Firing::ByClock(tasks);
        (Self { firing }, due)
    }

    /// Stops firing.
    pub async fn stop(self) {
        match self.firing {
            Firing::Cron(mut scheduler) => {
                if let Err(error) = scheduler.shutdown().await {
                    warn!(%error, "the cron scheduler did not stop cleanly");
                }
            }
            Firing::ByClock(mut tasks) => tasks.shutdown().await,
        }
    }
}

/// Writes the tick's row and passes the schedule on when this process was the first to write it.
async fn tick(
    schedule: Schedule,
    store: &Store,
    clock: &SharedClock,
    won: &mpsc::Sender<Schedule>,
) {
    let now = clock.now();
    let instant = now.duration_trunc(schedule.grain()).unwrap_or(now);
    match store.ticks_take(schedule.name(), instant, now).await {
        Ok(true) => {
            debug!(schedule = schedule.name(), "took the tick of {instant}");
            // A full channel means the last tick's work is still under way; this one is then not needed.
            let _ = won.try_send(schedule);
        }
        Ok(false) => debug!(
            schedule = schedule.name(),
            "another replica took the tick of {instant}"
        ),
        Err(error) => {
            warn!(schedule = schedule.name(), error = %error.chain(), "could not write a tick");
        }
    }
}

/// Looks again and again whether the schedules still fire, in whatever replica, and says so in the log when they do not
/// and when they do again. It runs beside the scheduler, not on it: a watchman must not sleep with whom he watches.
pub async fn watch(store: Store, clock: SharedClock, stop: CancellationToken) {
    let mut watch = Watch::begin(clock.now());
    loop {
        tokio::select! {
            () = clock.sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
        match store.ticks_last().await {
            Ok(last) => match watch.look(last, clock.now()) {
                Some(Finding::Stopped(age)) => {
                    error!(
                        "the schedules have not fired for {} seconds: nothing polls, renews or audits by itself; restart the service",
                        age.as_secs()
                    );
                }
                Some(Finding::Resumed) => info!("the schedules fire again"),
                None => {}
            },
            Err(error) => {
                warn!(error = %error.chain(), "could not tell when the schedules last fired");
            }
        }
    }
}

/// How often the newest tick is looked at.
const LOOK: Duration = Duration::from_mins(1);

/// What has changed since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    /// They have stood still for so long.
    Stopped(Duration),
    /// They fire again.
    Resumed,
}

/// Remembers what was said, so that each change is said once.
struct Watch {
    started_at: Timestamp,
    is_stale: bool,
}

impl Watch {
    fn begin(now: Timestamp) -> Self {
        Self {
            started_at: now,
            is_stale: false,
        }
    }

    fn look(&mut self, last_tick: Option<Timestamp>, now: Timestamp) -> Option<Finding> {
        let stale_since = schedules_stale_since(last_tick, self.started_at, now);
        let was_stale = std::mem::replace(&mut self.is_stale, stale_since.is_some());
        match (was_stale, stale_since) {
            (false, Some(since)) => Some(Finding::Stopped(until(since, now))),
            (true, None) => Some(Finding::Resumed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{Clock, ManualClock};

    #[test]
    fn schedules_that_stand_still_are_told_once_and_so_is_their_return() {
        let clock = ManualClock::standing_at(Timestamp::UNIX_EPOCH);
        let mut watch = Watch::begin(clock.now());
        let tick = clock.now();

        clock.advance(Duration::from_mins(4));
        let early = watch.look(Some(tick), clock.now());
        clock.advance(Duration::from_mins(2));
        let stopped = watch.look(Some(tick), clock.now());
        clock.advance(Duration::from_mins(1));
        let still = watch.look(Some(tick), clock.now());
        let resumed = watch.look(Some(clock.now()), clock.now());

        assert_eq!(early, None);
        assert_eq!(stopped, Some(Finding::Stopped(Duration::from_mins(6))));
        assert_eq!(still, None, "it was said already");
        assert_eq!(resumed, Some(Finding::Resumed));
    }
}
