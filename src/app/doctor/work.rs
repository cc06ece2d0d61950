//! The work as it stands in the database: who must be left alone, what fires, what rests.

use chrono::TimeDelta;

use super::finding::{Check, Finding};
use crate::app::schedule::Schedule;
use crate::home::{Limits, Spent};
use crate::model::mailbox::Mailbox;
use crate::model::time::{Timestamp, until};

/// What a mailbox has asked of Graph, and until when it must not.
pub(super) fn throttled(mailbox: &Mailbox, spent: Option<&str>, now: Timestamp) -> Option<Finding> {
    let check = Check::Throttling;
    let address = &mailbox.address;
    if let Some(until) = mailbox.not_before.filter(|until| *until > now) {
        let found = format!(
            "Graph wants {address} left alone until {}",
            until.format("%F %T")
        );
        return Some(
            Finding::warning(check, "fenced", found)
                .advising("nothing: it goes on by itself; where it happens often, find out what else asks much of that mailbox")
                .about(address),
        );
    }
    let spent: Spent = serde_json::from_str(spent?).ok()?;
    let (counted, quota) = (spent.counted_at(now), Limits::default().quota);
    (counted >= quota / 10 * 9).then(|| {
        let found = format!("{counted} of {quota} requests of ten minutes are spent for {address}");
        Finding::note(check, "quota_nearly_spent", found)
            .advising(
                "nothing: a first copy spends what there is, and live changes keep their share",
            )
            .about(address)
    })
}

/// How old the last tick of a schedule may be.
fn allowance(schedule: Schedule) -> TimeDelta {
    schedule.grain() * 2 + TimeDelta::minutes(5)
}

/// Schedules whose last tick is older than it may be.
pub(super) fn stale(
    newest: &[(String, Timestamp)],
    now: Timestamp,
) -> Vec<(Schedule, Option<Timestamp>)> {
    let last = |schedule: Schedule| {
        let found = newest.iter().find(|(name, _)| name == schedule.name());
        found.map(|(_, at)| *at)
    };
    Schedule::ALL
        .into_iter()
        .map(|schedule| (schedule, last(schedule)))
        .filter(|(schedule, last)| last.is_some_and(|at| at + allowance(*schedule) < now))
        .collect()
}

/// Whether what has served its time waits to be cleared away.
pub(super) fn is_upkeep_overdue(newest: &[(String, Timestamp)], now: Timestamp) -> bool {
    let stale = stale(newest, now);
    stale
        .iter()
        .any(|(schedule, _)| *schedule == Schedule::Upkeep)
}

/// When the schedules fired.
pub(super) fn judge_schedules(newest: &[(String, Timestamp)], now: Timestamp) -> Vec<Finding> {
    let check = Check::Schedules;
    let stale = stale(newest, now);
    if stale.is_empty() {
        let told: Vec<String> = Schedule::ALL
            .into_iter()
            .map(|schedule| {
                let found = newest.iter().find(|(name, _)| name == schedule.name());
                match found {
                    Some((name, at)) => format!("{name} {}", ago(*at, now)),
                    None => format!("{} not yet", schedule.name()),
                }
            })
            .collect();
        return vec![Finding::well(
            check,
            format!("fired last: {}", told.join(", ")),
        )];
    }
    stale
        .into_iter()
        .map(|(schedule, last)| {
            let when = last.map_or_else(|| "never".to_owned(), |at| ago(at, now));
            let found = format!("the schedule {} fired {when}", schedule.name());
            Finding::broken(check, "stale", found)
                .advising("restart the service; its log may say why the schedules have stopped")
        })
        .collect()
}

/// Items that could not be read however often they were tried.
pub(super) fn judge_quarantine(counts: &[(&str, usize)]) -> Vec<Finding> {
    let check = Check::Quarantine;
    let (mailboxes, items) = (
        counts.len(),
        counts.iter().map(|(_, count)| count).sum::<usize>(),
    );
    if items == 0 {
        return vec![Finding::well(check, "no item rests there")];
    }
    let found = format!(
        "items that cannot be read however often they are tried: {items}, in mailboxes: {mailboxes}"
    );
    vec![Finding::warning(check, "items_rest", found).advising(
        "`graph-mirror quarantine list` shows them; `quarantine retry` has them looked at again once Graph has mended them",
    )]
}

/// How long ago that was, in words.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = until(at, now).as_secs();
    match seconds {
        0..=119 => format!("{seconds} seconds ago"),
        120..=7_199 => format!("{} minutes ago", seconds / 60),
        7_200..=172_799 => format!("{} hours ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::super::samples::mailbox;
    use super::*;

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn ticks(ages: [Option<i64>; 4]) -> Vec<(String, Timestamp)> {
        Schedule::ALL
            .into_iter()
            .zip(ages)
            .filter_map(|(schedule, age)| {
                Some((schedule.name().to_owned(), now() - TimeDelta::minutes(age?)))
            })
            .collect()
    }

    #[test]
    fn each_schedule_is_measured_by_how_often_it_fires() {
        let well = judge_schedules(&ticks([Some(1), Some(1), Some(1), Some(100)]), now());
        assert_eq!(well[0].severity, Severity::Well);
        assert!(well[0].found.contains("upkeep 100 minutes ago"), "{well:?}");

        let due = judge_schedules(&ticks([Some(1), Some(9), Some(1), Some(1)]), now());
        assert_eq!((due.len(), due[0].code), (1, "stale"));
        assert!(due[0].found.contains("due"), "{due:?}");

        let upkeep = judge_schedules(&ticks([Some(1), Some(1), Some(1), Some(200)]), now());
        assert!(upkeep[0].found.contains("upkeep"), "{upkeep:?}");
        let (early, late) = (ticks([Some(9); 4]), ticks([None, None, None, Some(200)]));
        assert!(!is_upkeep_overdue(&early, now()) && is_upkeep_overdue(&late, now()));

        let fresh = judge_schedules(&ticks([Some(1), Some(1), None, None]), now());
        assert!(fresh[0].found.contains("upkeep not yet"), "{fresh:?}");
    }

    #[test]
    fn a_mailbox_that_graph_wants_left_alone_or_that_asked_much_is_named() {
        let mut mailbox = mailbox();
        let much = format!("[[{}, 9500]]", now().timestamp());

        assert_eq!(throttled(&mailbox, None, now()), None);
        assert_eq!(throttled(&mailbox, Some("[]"), now()), None);
        let spent = throttled(&mailbox, Some(&much), now());
        assert_eq!(spent.map(|one| one.code), Some("quota_nearly_spent"));
        mailbox.not_before = Some(now() + TimeDelta::minutes(2));
        let fenced = throttled(&mailbox, Some(&much), now());
        assert_eq!(fenced.map(|one| one.code), Some("fenced"));
        mailbox.not_before = Some(now());
        assert_eq!(throttled(&mailbox, None, now()), None);
    }

    #[test]
    fn items_at_rest_are_counted() {
        assert_eq!(judge_quarantine(&[])[0].severity, Severity::Well);
        let resting = judge_quarantine(&[("a", 2), ("b", 1)]);
        assert_eq!(resting[0].code, "items_rest");
        assert!(
            resting[0].found.ends_with("tried: 3, in mailboxes: 2"),
            "{resting:?}"
        );
    }
}
