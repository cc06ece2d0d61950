//! Graph from here: its name, its certificate, its answer, its time.

use chrono::TimeDelta;

use super::finding::{Check, Finding};
use crate::graph::reach::Heard;
use crate::graph::{Graph, GraphError};
use crate::model::chain::chain;
use crate::model::time::Timestamp;

/// Fernet lets clocks differ by a minute, and Microsoft by five.
const BROKEN_FROM: TimeDelta = TimeDelta::minutes(5);
const WARNING_FROM: TimeDelta = TimeDelta::seconds(30);

/// Asks Graph for an answer.
pub(super) async fn probe(graph: &Graph) -> Result<Heard, GraphError> {
    graph.reach().await
}

/// Whether it answers.
pub(super) fn judge(host: &str, heard: &Result<Heard, GraphError>) -> Finding {
    match heard {
        Ok(_) => Finding::well(Check::Graph, format!("{host} answers")),
        Err(error) => {
            let found = format!("{host} cannot be reached: {}", chain(error));
            Finding::broken(Check::Graph, "unreachable", found).advising(
                "check name resolution, the firewall, HTTPS_PROXY and the certificate authorities of this machine; \
                 MICROSOFT_CLOUD or GRAPH_BASE_URL names the host",
            )
        }
    }
}

/// Our clock against Graph's.
pub(super) fn judge_clock(heard: Heard) -> Finding {
    let Some(date) = heard.date else {
        return Finding::note(Check::Clock, "untold", "Graph's answer carries no Date");
    };
    let off = offset(heard.asked_at, heard.heard_at, date);
    let seconds = off.abs().num_seconds();
    if off.abs() < WARNING_FROM {
        let found = match seconds {
            0 => "it agrees with Graph's to the second".to_owned(),
            _ => format!("it agrees with Graph's to {} seconds", seconds + 1),
        };
        return Finding::well(Check::Clock, found);
    }
    let side = if off > TimeDelta::zero() {
        "behind"
    } else {
        "ahead of"
    };
    let found = format!("this machine's clock is {seconds} seconds {side} Graph's");
    let finding = if off.abs() >= BROKEN_FROM {
        Finding::broken(Check::Clock, "off", found)
    } else {
        Finding::warning(Check::Clock, "drifting", found)
    };
    finding.advising(
        "have the clock kept by NTP (chrony, systemd-timesyncd); tokens, seals and subscriptions end by it",
    )
}

/// How far Graph is ahead of us, as far as a `Date` in whole seconds and the time on the way let tell: nothing where both agree.
fn offset(asked_at: Timestamp, heard_at: Timestamp, date: Timestamp) -> TimeDelta {
    let (earliest, latest) = (date, date + TimeDelta::seconds(1));
    if latest < asked_at {
        latest - asked_at
    } else if earliest > heard_at {
        earliest - heard_at
    } else {
        TimeDelta::zero()
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    fn heard(ahead: i64) -> Heard {
        let now = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000);
        Heard {
            asked_at: now,
            heard_at: now + TimeDelta::milliseconds(300),
            date: Some(now + TimeDelta::seconds(ahead)),
        }
    }

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_off_in_either_direction() {
        for (ahead, severity, word) in [
            (0, Severity::Well, "agrees"),
            (29, Severity::Well, "agrees"),
            (45, Severity::Warning, "behind"),
            (-45, Severity::Warning, "ahead of"),
            (600, Severity::Broken, "behind"),
            (-600, Severity::Broken, "ahead of"),
        ] {
            let finding = judge_clock(heard(ahead));

            assert_eq!(finding.severity, severity, "{ahead}");
            assert!(finding.found.contains(word), "{ahead}: {}", finding.found);
        }
    }

    #[test]
    fn an_answer_that_took_its_time_is_no_difference() {
        let mut slow = heard(20);
        slow.heard_at += TimeDelta::seconds(40);

        assert_eq!(judge_clock(slow).severity, Severity::Well);
        slow.date = None;
        assert_eq!(judge_clock(slow).code, "untold");
    }
}
