//! What a home does for its mailbox: the lanes, side by side.
//!
//! Four lanes run at once and share the mailbox's budget, which decides whose request goes first: live changes, commands,
//! repairs, and the rest (folder tree, calendars, subscriptions, rounds, audit). When all of them have waited a little, the spell ends
//! with the instant at which the mailbox needs attention again.

use std::time::Duration;

use tokio::sync::watch;
use tracing::warn;

use super::quiet::Quiet;
use super::service::Service;
use crate::home::resident::Spell;
use crate::home::{Home, Resident, Served};
use crate::model::ids::MailboxId;
use crate::model::time::{SharedClock, Timestamp, later};

/// How long the lanes must have waited before the spell ends, so that a burst is one spell.
const LINGER: Duration = Duration::from_secs(2);

/// After a lane failed it waits this long before it looks again; the work itself carries its own due times.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// A lane that has looked so often in a row and found nothing to do, though something was due, rests: whoever named that instant is
/// wrong, and would have it ask the database without a pause.
const IN_VAIN: u32 = 8;

/// How long it rests then.
const AFTER_LOOKS_IN_VAIN: Duration = Duration::from_secs(1);

/// How soon after a wake-up a lane looks. A live change is looked for at once; what can wait lets it go ahead.
#[derive(Debug, Clone, Copy)]
struct Patience(Duration);

/// What a lane does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There may be more to do at once.
    Again,
    /// Nothing until something wakes it, or until this instant.
    Wait(Option<Timestamp>),
}

impl Resident for Service {
    fn serve(&self, home: Home) -> Spell<'_> {
        Box::pin(async move {
            let visit = self.visit(&home);
            let mailbox = visit.mailbox();
            let quiet = Quiet::new();
            // The home has one waiter; the lanes each want to hear of every wake-up.
            let bell = watch::Sender::new(());
            let pump = async {
                loop {
                    home.wake.woken().await;
                    bell.send_replace(());
                }
            };
            let at_once = Patience(Duration::ZERO);
            let soon = Patience(Duration::from_millis(20));
            let later_on = Patience(Duration::from_millis(100));
            let lanes = async {
                tokio::join!(
                    lane(&self.clock, mailbox, &quiet, &bell, at_once, "live", || {
                        visit.live()
                    }),
                    lane(
                        &self.clock,
                        mailbox,
                        &quiet,
                        &bell,
                        soon,
                        "commands",
                        || { visit.commands() }
                    ),
                    lane(&self.clock, mailbox, &quiet, &bell, soon, "repairs", || {
                        visit.repairs()
                    }),
                    lane(
                        &self.clock,
                        mailbox,
                        &quiet,
                        &bell,
                        later_on,
                        "rounds",
                        || visit.rounds()
                    ),
                )
            };
            // In this order: a wake-up that comes with the last moment of quiet reaches the live lane first.
            tokio::select! {
                biased;
                () = pump => {}
                _ = lanes => {}
                () = quiet.lasting(LINGER, &*self.clock) => {}
                () = home.stopping.cancelled() => {}
            }
            Served {
                next_work_at: visit.next_work_at().await,
            }
        })
    }
}

/// Runs one lane until it is cancelled: look, do, wait for a wake-up or the next due instant.
async fn lane<F, W>(
    clock: &SharedClock,
    mailbox: MailboxId,
    quiet: &Quiet,
    bell: &watch::Sender<()>,
    patience: Patience,
    name: &'static str,
    work: F,
) where
    F: Fn() -> W,
    W: Future<Output = anyhow::Result<Next>>,
{
    let mut in_vain = 0;
    let mut rung = bell.subscribe();
    loop {
        // Listen first, look second: what is recorded between the two would otherwise wait for the next poll.
        rung.mark_unchanged();
        let busy = quiet.busy();
        let next = work().await;
        drop(busy);
        let until = match next {
            Ok(Next::Again) => {
                in_vain = 0;
                continue;
            }
            Ok(Next::Wait(until)) => until,
            Err(error) => {
                warn!(mailbox.id = %mailbox, lane = name, "the {name} lane of mailbox {mailbox} failed: {error:#}");
                Some(later(clock.now(), AFTER_FAILURE))
            }
        };
        let now = clock.now();
        in_vain = match until {
            Some(until) if until <= now => in_vain + 1,
            _ => 0,
        };
        let until = if in_vain > IN_VAIN {
            Some(later(now, AFTER_LOOKS_IN_VAIN))
        } else {
            until
        };
        let woken = async {
            // The bell lives as long as the spell, which outlives its lanes.
            let _ = rung.changed().await;
            if !patience.0.is_zero() {
                clock.sleep(patience.0).await;
            }
        };
        match until {
            Some(until) => tokio::select! {
                () = woken => {}
                () = clock.sleep_until(until) => {}
            },
            None => woken.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::model::time::{Clock as _, ManualClock};

    #[tokio::test]
    async fn a_lane_that_looks_in_vain_at_what_is_due_rests() {
        let manual = ManualClock::standing_at(Timestamp::UNIX_EPOCH);
        let clock: SharedClock = Arc::new(manual.clone());
        let (quiet, bell) = (Quiet::new(), watch::Sender::new(()));
        let looks = AtomicU32::new(0);
        let look = || async {
            looks.fetch_add(1, Ordering::Relaxed);
            Ok(Next::Wait(Some(Timestamp::UNIX_EPOCH)))
        };
        let mailbox = MailboxId::generate();
        let lane = lane(
            &clock,
            mailbox,
            &quiet,
            &bell,
            Patience(Duration::ZERO),
            "test",
            look,
        );
        let observed = async {
            let mut seen = Vec::new();
            for _ in 0..3 {
                while manual.next_wakeup().is_none_or(|at| at <= manual.now()) {
                    tokio::task::yield_now().await;
                }
                seen.push(looks.load(Ordering::Relaxed));
                manual.advance(AFTER_LOOKS_IN_VAIN);
            }
            seen
        };

        let seen = tokio::select! {
            () = lane => Vec::new(),
            seen = observed => seen,
        };

        assert_eq!(seen, [IN_VAIN + 1, IN_VAIN + 2, IN_VAIN + 3]);
    }
}
