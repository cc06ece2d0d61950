//! Lanes that rest after a failure.
//!
//! A failed lane must not come back sooner than the failure said: not because a bell rings for another lane, and not because the
//! spell ended meanwhile. So the rests live as long as the process, beside the mailboxes' homes, and a lane that is called while it
//! rests does nothing. Without this a refused client secret would ask for tokens every few seconds (M7).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::ids::MailboxId;
use crate::model::time::{Timestamp, later};
use crate::model::work::Lane;

/// Which lanes of which mailboxes rest, and until when.
#[derive(Debug, Default)]
pub(super) struct Rests(Mutex<HashMap<(MailboxId, Scope), Rest>>);

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Timestamp,
    /// Failures since the last success.
    failures: u32,
}

/// How long a lane rests after its first failure; every further one doubles it.
const FIRST: Duration = Duration::from_secs(5);

/// A lane rests no longer than this, and after so long without a failure its failures are forgotten.
const LONGEST: Duration = Duration::from_mins(10);

/// What rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// One lane; [`Lane::Backfill`] stands for the rounds.
    One(Lane),
    /// All of them: the mailbox as a whole.
    All,
}

impl Rests {
    /// From now on `scope` rests for `wait`, or for longer with every failure. Answers until when.
    pub(super) fn begin(
        &self,
        mailbox: MailboxId,
        scope: Scope,
        wait: Option<Duration>,
        now: Timestamp,
    ) -> Timestamp {
        let mut rests = self.lock();
        rests.retain(|_, rest| later(rest.until, LONGEST) > now);
        let failures = rests.get(&(mailbox, scope)).map_or(0, |rest| rest.failures);
        let growing = || FIRST.saturating_mul(1 << failures.min(7)).min(LONGEST);
        let until = later(now, wait.unwrap_or_else(growing));
        let failures = failures.saturating_add(1);
        rests.insert((mailbox, scope), Rest { until, failures });
        until
    }

    /// The lane has succeeded: whatever stood in its way is over.
    pub(super) fn end(&self, mailbox: MailboxId, lane: Lane) {
        let mut rests = self.lock();
        rests.remove(&(mailbox, Scope::One(lane)));
        rests.remove(&(mailbox, Scope::All));
    }

    /// Until when a lane rests, if it does.
    pub(super) fn until(
        &self,
        mailbox: MailboxId,
        lane: Lane,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let rests = self.lock();
        [Scope::One(lane), Scope::All]
            .iter()
            .filter_map(|scope| rests.get(&(mailbox, *scope)))
            .map(|rest| rest.until)
            .filter(|until| *until > now)
            .max()
    }

    /// When a lane with work due at `due` can do it.
    pub(super) fn after(
        &self,
        mailbox: MailboxId,
        lane: Lane,
        due: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        due.map(|due| {
            self.until(mailbox, lane, now)
                .map_or(due, |rest| rest.max(due))
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(MailboxId, Scope), Rest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_rest_holds_its_lane_until_it_ends_or_the_lane_succeeds() {
        let (one, other) = (MailboxId::generate(), MailboxId::generate());
        let now = Timestamp::UNIX_EPOCH;
        let rests = Rests::default();

        let until = rests.begin(one, Scope::One(Lane::Live), None, now);
        assert_eq!(until, now + TimeDelta::seconds(5));
        assert_eq!(rests.until(one, Lane::Live, now), Some(until));
        assert_eq!(rests.until(one, Lane::Backfill, now), None);
        assert_eq!(rests.until(other, Lane::Live, now), None);
        assert_eq!(rests.after(one, Lane::Live, Some(now), now), Some(until));
        assert_eq!(rests.after(one, Lane::Live, None, now), None);
        assert_eq!(rests.until(one, Lane::Live, until), None, "it is over");

        let until = rests.begin(one, Scope::One(Lane::Live), None, now);
        assert_eq!(until, now + TimeDelta::seconds(10), "it grows");
        let until = rests.begin(one, Scope::All, Some(LONGEST), now);
        assert_eq!(rests.until(one, Lane::Backfill, now), Some(until));
        rests.end(one, Lane::Live);
        assert_eq!(rests.until(one, Lane::Backfill, now), None);
    }
}
