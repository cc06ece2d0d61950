//! Scripts with kills: what people do within seconds, and when the service dies meanwhile. Pure.
//!
//! Times are real ones here, because the service is a process with a clock of its own. The instants of the kills are chosen so that
//! they fall between accept and refresh, between a page and its cursor, between a refreshed token and its use, into a resync, and into
//! whatever else is under way.

use super::script::{Act, Moment, Script, Step, edit, pick, write};
use super::write_faults::{WRITES, refused_write};
use super::writes::EDITS_BESIDE;
use crate::model::time::Timestamp;

/// How long people work, in milliseconds: at least, and at most.
const WORKED: (u64, u64) = (1_500, 4_000);

/// Edits that Graph tells of: the others (folders, calendars) come to light by polling only.
const ANNOUNCED: &[&str] = &[
    "message_deliver",
    "draft_create",
    "draft_edit",
    "message_send",
    "message_read",
    "message_flag",
    "message_categorise",
    "message_move",
    "message_delete",
    "message_purge",
    "event_create",
    "event_edit",
    "event_delete",
    "series_create",
    "occurrence_edit",
];

/// What the service is asking for when it dies: an announced item, a page of a round, a series, a token, subscriptions, the folders.
const ASKING: &[&str] = &[
    "/me/messages/[^/?]+[?]|/users/[^/]+/messages/[^/?]+[?]",
    "messages/delta.*token=",
    "calendarView/delta",
    "/events/[^/?]+",
    "oauth2/v2.0/token",
    "/subscriptions",
    "mailFolders/delta",
];

/// The script of a seed. Those of odd seeds are not polled: what was accepted and lost would be missing at their end.
pub(super) fn crash_script(seed: u64, now: Timestamp, writes: bool) -> Script {
    let mut rng = fastrand::Rng::with_seed(seed);
    let unpolled = seed % 2 == 1;
    let kinds: Vec<&str> = match (unpolled, writes) {
        (true, false) => ANNOUNCED.to_vec(),
        (false, false) => Vec::new(),
        (false, true) => EDITS_BESIDE.to_vec(),
        (true, true) => EDITS_BESIDE
            .iter()
            .copied()
            .filter(|kind| ANNOUNCED.contains(kind))
            .collect(),
    };
    let kinds = kinds.as_slice();
    let mailboxes = if rng.u8(..4) == 0 { 2 } else { 1 };
    let messages = rng.usize(20..=90);
    let page_size = pick(&mut rng, &[4, 10, 30]);
    let latency_ms = pick(&mut rng, &[0, 10, 40]);
    let span = rng.u64(WORKED.0..WORKED.1);
    let mut steps: Vec<Step> = (0..rng.usize(5..12))
        .map(|_| {
            let at_ms = rng.u64(..span);
            let count = rng.usize(1..=4);
            edit(&mut rng, at_ms, mailboxes, count, kinds)
        })
        .collect();
    for _ in 0..rng.usize(1..=3) {
        let at_ms = rng.u64(..span);
        if rng.u8(..3) == 0 {
            steps.push(Step {
                at_ms,
                act: Act::LapseTokens,
            });
        }
        if !unpolled && rng.u8(..3) == 0 {
            steps.push(Step {
                at_ms,
                act: Act::ExpireTokens { kind: None },
            });
        }
        let moment = if rng.u8(..3) == 0 {
            Moment::Now
        } else {
            Moment::Asking(pick(&mut rng, ASKING).to_owned())
        };
        // Something to be in the middle of.
        steps.push(edit(&mut rng, at_ms, mailboxes, 2, kinds));
        steps.push(Step {
            at_ms: at_ms + rng.u64(..60),
            act: Act::Kill { moment },
        });
    }
    if writes {
        steps.extend(written(&mut rng, span, mailboxes));
    }
    steps.sort_by_key(|step| step.at_ms);
    Script {
        seed,
        begins_at: now,
        mailboxes,
        messages,
        page_size,
        latency_ms,
        faults: vec!["killed".to_owned()],
        unpolled,
        replicas: 1,
        steps,
    }
}

/// Mail that goes out and other writes, under faults of the calls they take, and kills before and after their effect.
fn written(rng: &mut fastrand::Rng, span: u64, mailboxes: usize) -> Vec<Step> {
    let mut steps: Vec<Step> = (0..rng.usize(16..28))
        .map(|nth| {
            let at_ms = rng.u64(..span);
            write(rng, at_ms, mailboxes, nth % 4 != 3)
        })
        .collect();
    for _ in 0..rng.usize(4..12) {
        let at_ms = rng.u64(..span);
        let rule = refused_write(rng);
        steps.push(Step {
            at_ms,
            act: Act::Fault { rule },
        });
    }
    if rng.u8(..3) == 0 {
        let knobs = serde_json::Map::from_iter([("send_changes_id".to_owned(), true.into())]);
        steps.push(Step {
            at_ms: 0,
            act: Act::Knobs { knobs },
        });
    }
    for _ in 0..rng.usize(1..=2) {
        let at_ms = rng.u64(..span);
        let path = pick(rng, WRITES).to_owned();
        // Something to be in the middle of.
        steps.push(write(rng, at_ms, mailboxes, true));
        let moment = if rng.bool() {
            Moment::Asking(path)
        } else {
            Moment::Answered(path)
        };
        steps.push(Step {
            at_ms: at_ms + rng.u64(..40),
            act: Act::Kill { moment },
        });
    }
    steps
}
