//! What a commit tells the metrics and the log: how late the rows are, and which notifications have arrived (M56).

use tracing::debug;

use super::Mirror;
use super::apply::Applied;
use super::report::Tally;
use crate::model::time::{Timestamp, until};
use crate::model::work::{Effect, Lane};
use crate::store::SeenNotice;
use crate::telemetry::metrics::table;

/// What a slice brings, told once it is committed.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    /// When the items changed whose rows were written.
    modified: Vec<Timestamp>,
    /// Notices that are settled.
    settled: Vec<SeenNotice>,
    /// Further notifications of the same items.
    repeated: u64,
}

impl Fresh {
    /// Takes a row that was written in, when its item says when it changed.
    pub(crate) fn wrote(&mut self, lane: Lane, effect: Effect, modified_at: Option<Timestamp>) {
        let is_news = matches!(lane, Lane::Live | Lane::Repair)
            && matches!(effect, Effect::Created | Effect::Updated);
        self.modified.extend(modified_at.filter(|_| is_news));
    }

    /// Takes notices in of which `gone` were deleted: where one was renewed meanwhile, nobody knows which.
    pub(crate) fn settled(&mut self, lane: Lane, seen: Vec<SeenNotice>, gone: u64) {
        if lane != Lane::Live {
            return;
        }
        if gone == seen.len() as u64 {
            let further = |notice: &SeenNotice| u64::try_from(notice.generation - 1).unwrap_or(0);
            self.repeated += seen.iter().map(further).sum::<u64>();
        }
        self.settled.extend(seen);
    }
}

impl Mirror {
    /// Tells what a slice brought that was committed just now.
    pub(crate) fn tell_lag(&self, lane: Lane, before: Tally, applied: &mut Applied) {
        let now = self.clock.now();
        let found_by = if lane == Lane::Live {
            "notification"
        } else {
            "round"
        };
        let fresh = std::mem::take(&mut applied.fresh);
        for modified_at in fresh.modified {
            table::CHANGE_LAG.observe(until(modified_at, now), &[found_by]);
        }
        for seen in fresh.settled {
            table::NOTIFICATION_LAG.observe(until(seen.received_at, now), &[]);
            if let Some(trace) = seen.trace {
                debug!(mailbox.id = %self.mailbox, trace_id = %trace, "stored what a notification announced for mailbox {}", self.mailbox);
            }
        }
        table::NOTIFICATIONS_REPEATED.add(fresh.repeated, &[]);
        let rows = &applied.rows;
        for (effect, count) in [
            ("created", rows.created - before.created),
            ("updated", rows.updated - before.updated),
            ("deleted", rows.deleted - before.deleted),
        ] {
            table::ROWS.add(count, &[effect]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::GraphId;
    use crate::model::work::NoticeKind;

    fn seen(generation: i64) -> SeenNotice {
        SeenNotice {
            kind: NoticeKind::Message,
            external_id: GraphId::from("m"),
            generation,
            received_at: Timestamp::UNIX_EPOCH,
            trace: None,
        }
    }

    #[test]
    fn only_what_changes_while_we_watch_is_late() {
        // M56
        let at = Some(Timestamp::UNIX_EPOCH);
        let mut fresh = Fresh::default();

        fresh.wrote(Lane::Live, Effect::Created, at);
        fresh.wrote(Lane::Repair, Effect::Updated, at);
        fresh.wrote(Lane::Backfill, Effect::Created, at);
        fresh.wrote(Lane::Live, Effect::Unchanged, at);
        fresh.wrote(Lane::Live, Effect::Created, None);

        assert_eq!(fresh.modified.len(), 2);
    }

    #[test]
    fn notifications_beyond_the_first_are_repeated() {
        // M56
        let mut fresh = Fresh::default();

        fresh.settled(Lane::Live, vec![seen(1), seen(4)], 2);
        fresh.settled(Lane::Live, vec![seen(9)], 0);
        fresh.settled(Lane::Repair, vec![seen(9)], 1);

        assert_eq!(fresh.repeated, 3);
        assert_eq!(fresh.settled.len(), 3);
    }
}
