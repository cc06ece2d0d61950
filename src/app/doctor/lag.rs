//! How far the mirror is behind, mailbox by mailbox, and who is to be looked at because of it.
//!
//! A look is asked for once: while that wish waits, a second one would change nothing.

use std::time::Duration;

use super::finding::{Check, Finding};
use super::work::ago;
use crate::model::mailbox::Mailbox;
use crate::model::time::{Timestamp, until};

const CHECK: Check = Check::Lag;

/// A notice may wait for so long before somebody should look.
const NOTICE_WAITS: Duration = Duration::from_mins(5);

/// A poll may come so much later than it is due.
const GRACE: Duration = Duration::from_mins(10);

/// So many mailboxes are named one by one.
const NAMED: usize = 10;

/// How a mailbox stands with its mirror.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    /// The mailbox.
    pub(super) mailbox: &'a Mailbox,
    /// When the oldest announced item that waits was received.
    pub(super) oldest_live_at: Option<Timestamp>,
    /// How often it is polled.
    pub(super) poll_every: Duration,
    /// Whether somebody has asked for a look at it that was not taken yet.
    pub(super) is_asked: bool,
}

impl Standing<'_> {
    /// Whether a look at it is overdue.
    pub(super) fn is_behind(&self, now: Timestamp) -> bool {
        let notices = self
            .oldest_live_at
            .is_some_and(|at| until(at, now) > NOTICE_WAITS);
        let polls = self
            .mailbox
            .synced_at
            .is_some_and(|at| until(at, now) > self.poll_every * 2 + GRACE);
        notices || polls
    }

    /// Whether a look at it is to be asked for.
    pub(super) fn wants_a_look(&self, now: Timestamp) -> bool {
        self.is_behind(now) && !self.is_asked
    }
}

/// One line for each mailbox that is behind, and one for all the others; `is_fixed` when looks were asked for.
pub(super) fn judge(standings: &[Standing<'_>], now: Timestamp, is_fixed: bool) -> Vec<Finding> {
    let behind: Vec<_> = standings.iter().filter(|one| one.is_behind(now)).collect();
    let (named, further) = behind.split_at(behind.len().min(NAMED));
    let mut findings: Vec<Finding> = named.iter().map(|one| of_one(one, now, is_fixed)).collect();
    if !further.is_empty() {
        let found = format!("{} further mailboxes are behind", further.len());
        let finding = Finding::warning(CHECK, "behind", found);
        let asked = further.iter().filter(|one| one.wants_a_look(now)).count();
        findings.push(if is_fixed && asked > 0 {
            finding.mended(format!(
                "asked the service for a look at {asked} of them now"
            ))
        } else {
            finding
        });
    }
    let copying = standings
        .iter()
        .filter(|one| one.mailbox.backfilled_at.is_none())
        .count();
    if copying > 0 {
        let found = format!("being copied for the first time: {copying}");
        findings.push(
            Finding::note(CHECK, "copying", found)
                .advising("`graph-mirror mailboxes list` shows how far"),
        );
    }
    if findings.is_empty() {
        let oldest = standings
            .iter()
            .filter_map(|one| one.mailbox.synced_at)
            .min();
        let told = oldest
            .map(|at| format!(", the oldest {}", ago(at, now)))
            .unwrap_or_default();
        findings.push(Finding::well(
            CHECK,
            format!("no mailbox is behind ({}){told}", standings.len()),
        ));
    }
    findings
}

fn of_one(one: &Standing<'_>, now: Timestamp, is_fixed: bool) -> Finding {
    let address = &one.mailbox.address;
    let overdue = one
        .oldest_live_at
        .filter(|at| until(*at, now) > NOTICE_WAITS);
    let found = match (overdue, one.mailbox.synced_at) {
        (Some(at), _) => format!(
            "an announced change of {address} waits since {}",
            ago(at, now)
        ),
        (None, Some(at)) => format!("{address} was complete {}", ago(at, now)),
        (None, None) => format!("{address} is behind"),
    };
    let finding = Finding::warning(CHECK, "behind", found).about(address);
    if one.is_asked {
        finding.advising("a look at it is asked for already and not done yet: see that a service runs, and look into its log")
    } else if is_fixed {
        finding.mended("asked the service for a look at it now")
    } else {
        finding.advising(
            "look into the log of the service for that mailbox; --fix asks for a look at it now",
        )
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::finding::Severity;
    use super::super::samples::mailbox;
    use super::*;

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    /// Complete for the last time so many minutes ago.
    fn complete(minutes: i64) -> Mailbox {
        Mailbox {
            synced_at: Some(now() - TimeDelta::minutes(minutes)),
            backfilled_at: Some(now()),
            ..mailbox()
        }
    }

    fn standing(mailbox: &Mailbox) -> Standing<'_> {
        Standing {
            mailbox,
            oldest_live_at: None,
            poll_every: Duration::from_mins(30),
            is_asked: false,
        }
    }

    #[test]
    fn a_mailbox_is_behind_when_a_change_or_a_poll_is_overdue() {
        let (early, late) = (complete(50), complete(90));
        let codes = |mailbox: &Mailbox, waits: Option<i64>| {
            let standing = Standing {
                oldest_live_at: waits.map(|age| now() - TimeDelta::minutes(age)),
                ..standing(mailbox)
            };
            let findings = judge(&[standing], now(), false);
            findings.iter().map(|one| one.code).collect::<Vec<_>>()
        };

        assert_eq!(codes(&early, None), ["well"]);
        assert_eq!(codes(&early, Some(1)), ["well"]);
        assert_eq!(codes(&early, Some(6)), ["behind"]);
        assert_eq!(codes(&late, None), ["behind"]);
        assert_eq!(codes(&mailbox(), None), ["copying"]);
    }

    #[test]
    fn only_what_nobody_has_asked_for_yet_is_mended() {
        let late = complete(90);
        let fresh = standing(&late);
        let asked = Standing {
            is_asked: true,
            ..fresh
        };

        let mended = judge(&[fresh, asked], now(), true);

        assert!(fresh.wants_a_look(now()) && !asked.wants_a_look(now()));
        assert_eq!(mended[0].severity, Severity::Note);
        assert_eq!(mended[1].severity, Severity::Warning);
        assert_eq!(mended[1].fixed, None);
        let many = judge(
            &[[fresh; NAMED + 2].as_slice(), &[asked]].concat(),
            now(),
            true,
        );
        let rest = many.last().and_then(|last| last.fixed.as_deref());
        assert_eq!(rest, Some("asked the service for a look at 2 of them now"));
        assert!(judge(&[fresh], now(), false)[0].fixed.is_none());
    }
}
