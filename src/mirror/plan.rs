//! The state machine of a delta cursor (facts §6e), pure: a cursor and what happened in, a cursor and what to do out.
//!
//! The number of a round is the microsecond it began in, and greater than that of any round before it on this cursor, so that
//! rounds of different cursors compare: a row that another folder's later round has seen is not missing here (M45).

use std::time::Duration;

use chrono::TimeDelta;

use super::pace::SMALLEST;
use crate::graph::Advice;
use crate::model::time::{Timestamp, later};
use crate::model::work::{Cursor, CursorScope, CursorState, Link};

/// A cursor that fails is tried again after this, doubled with each further failure…
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// …up to this.
const LONGEST_WAIT: Duration = Duration::from_mins(30);
/// Failures after which a cursor rests before it starts from the beginning once more (M49).
const MOST_RESTARTS: i64 = 3;
/// A full round that came so far forgets its failures; an earlier page proves nothing, or a token that dies on every third
/// page would be answered by full rounds without end.
const PROVEN_AFTER: TimeDelta = TimeDelta::minutes(10);

/// A cursor that has never been walked.
pub fn fresh(scope: CursorScope, first_page: u32, now: Timestamp) -> Cursor {
    Cursor {
        scope,
        state: CursorState::Empty,
        link: None,
        round: 0,
        is_full: true,
        round_started_at: None,
        is_dirty: false,
        marks: 0,
        due_at: now,
        last_ok_at: None,
        failures: 0,
        page_size: i64::from(first_page),
        seen: 0,
    }
}

/// What to ask for next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The first page of a full round.
    First,
    /// The page that a link leads to.
    Follow(Link),
}

/// What to ask for next.
pub fn ask(cursor: &Cursor) -> Ask {
    match (&cursor.state, &cursor.link) {
        (CursorState::Fetching | CursorState::Idle, Some(link)) => Ask::Follow(link.clone()),
        (CursorState::Empty, _) | (_, None) => Ask::First,
    }
}

/// The cursor in the round that the next page belongs to; `sent_at` is when that page's request was sent.
pub fn begin(cursor: &Cursor, sent_at: Timestamp) -> Cursor {
    let is_full = match ask(cursor) {
        Ask::First => true,
        Ask::Follow(_) if cursor.state == CursorState::Fetching => return cursor.clone(),
        Ask::Follow(_) => false,
    };
    Cursor {
        state: CursorState::Fetching,
        round: sent_at.timestamp_micros().max(cursor.round + 1),
        is_full,
        round_started_at: Some(sent_at),
        // The marks that were read are answered by this round; one made from now on asks for the next.
        is_dirty: false,
        seen: 0,
        ..cursor.clone()
    }
}

/// Where a page leads (F6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// To the next page.
    On(Link),
    /// To the end of this round, and to the next one.
    ToTheEnd(Link),
}

/// The cursor after a page was applied; it is saved in the transaction of that page (M5). `poll_after` says when the next
/// round is due once this one has ended.
pub fn advance(
    cursor: &Cursor,
    leads: Leads,
    items: usize,
    now: Timestamp,
    poll_after: Duration,
) -> Cursor {
    let seen = cursor
        .seen
        .saturating_add(i64::try_from(items).unwrap_or(i64::MAX));
    match leads {
        Leads::On(link) => Cursor {
            state: CursorState::Fetching,
            link: Some(link),
            seen,
            failures: if is_proven(cursor, now) {
                0
            } else {
                cursor.failures
            },
            ..cursor.clone()
        },
        Leads::ToTheEnd(link) => Cursor {
            state: CursorState::Idle,
            link: Some(link),
            seen,
            is_dirty: false,
            last_ok_at: Some(now),
            due_at: later(now, poll_after),
            failures: 0,
            ..cursor.clone()
        },
    }
}

fn is_proven(cursor: &Cursor, now: Timestamp) -> bool {
    !cursor.is_full
        || cursor
            .round_started_at
            .is_some_and(|began| now - began > PROVEN_AFTER)
}

/// What to do about a page that did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setback {
    /// Ask again now, for fewer items.
    Smaller(Cursor),
    /// The token is dead: a full round, now (F6.13).
    Restart(Cursor),
    /// Save the cursor and come back when it is due.
    Rest(Cursor),
    /// The folder or calendar seems to be gone: save the cursor and look at the tree (F6, §6e).
    LookAtTheTree(Cursor),
    /// The whole mailbox is concerned: leave the cursor as it is and hand the error on.
    HandOn,
}

/// What to do about a page that did not come. `is_mailbox_wide` tells refusals that concern the whole mailbox.
pub fn setback(cursor: &Cursor, advice: &Advice, is_mailbox_wide: bool, now: Timestamp) -> Setback {
    if is_mailbox_wide {
        return Setback::HandOn;
    }
    let failures = cursor.failures.saturating_add(1);
    let failed = Cursor {
        failures,
        due_at: later(now, wait(failures)),
        ..cursor.clone()
    };
    match advice {
        Advice::Retry {
            smaller_page: true, ..
        } if cursor.page_size > i64::from(SMALLEST) => Setback::Smaller(cursor.clone()),
        // The restart link that Graph may give is as good as the first request (F6.42), which is made anew.
        Advice::Resync { .. } => {
            let empty = emptied(&failed);
            if failures <= MOST_RESTARTS {
                Setback::Restart(empty)
            } else {
                Setback::Rest(empty)
            }
        }
        // A link that leads nowhere we go, or an answer that makes no sense: what it was made from is thrown away, and the
        // round after the rest is a full one.
        Advice::Bug if cursor.link.is_some() => Setback::Rest(emptied(&failed)),
        Advice::Gone | Advice::ContainerGone => Setback::LookAtTheTree(failed),
        Advice::Forbidden => Setback::Rest(Cursor {
            due_at: later(now, LONGEST_WAIT),
            ..failed
        }),
        _ => Setback::Rest(failed),
    }
}

/// The cursor before a full round.
fn emptied(cursor: &Cursor) -> Cursor {
    Cursor {
        state: CursorState::Empty,
        link: None,
        is_full: true,
        ..cursor.clone()
    }
}

/// A cursor thrown away on purpose, so that its next round is full, and due now.
pub fn reset(cursor: &Cursor, now: Timestamp) -> Cursor {
    Cursor {
        due_at: now,
        failures: 0,
        ..emptied(cursor)
    }
}

fn wait(failures: i64) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1).clamp(0, 10)).unwrap_or(10);
    (FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
