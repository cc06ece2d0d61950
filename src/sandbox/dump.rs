//! The state a world is in, beside what is in its mailboxes: cursors, queues and knobs (S72).
//!
//! The truth of a mailbox has a command of its own; this is what stands around it. A token is told by its
//! end only, enough to tell it from its neighbours and too little to use it, and an item that waits by
//! where it goes and when, never by what it says.

use serde::Serialize;

use super::faults::FaultRule;
use super::knobs::Knobs;
use super::tokens::Position;
use super::world::{Mailbox, State, World};
use crate::model::time::Timestamp;

/// How many letters of a token are told.
const TOLD: usize = 8;

/// Everything that stands around the mailboxes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dump {
    /// When, on the sandbox's clock.
    pub now: Timestamp,
    /// Each mailbox in numbers.
    pub mailboxes: Vec<MailboxCounts>,
    /// Every delta and next link that lives.
    pub cursors: Vec<CursorStatus>,
    /// Every item that has not been delivered yet.
    pub queue: Vec<WaitingItem>,
    /// The faults that have calls left.
    pub faults: Vec<FaultRule>,
    /// How the knobs stand.
    pub knobs: Knobs,
}

/// A mailbox in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailboxCounts {
    /// Object id.
    pub id: String,
    /// Mail address.
    pub address: String,
    /// Whether Graph answers for it.
    pub licensed: bool,
    /// Folders, hidden ones too.
    pub folders: usize,
    /// Messages.
    pub messages: usize,
    /// Calendars.
    pub calendars: usize,
    /// Events, a series counted once.
    pub events: usize,
    /// The number of the last change of its mail.
    pub mail_sequence: u64,
    /// The number of the last change of its calendars.
    pub calendar_sequence: u64,
}

/// What a cursor walks over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "stream", rename_all = "snake_case")]
pub enum Stream {
    /// The tree of folders.
    Folders,
    /// The messages of a folder.
    Messages {
        /// The folder's id.
        folder: String,
    },
    /// The view of a calendar.
    CalendarView {
        /// The calendar's id.
        calendar: String,
        /// The first instant of the window.
        window_start: Timestamp,
        /// The first instant after it.
        window_end: Timestamp,
    },
}

/// Which link of a round a token is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// A deltaLink: the next round.
    Delta,
    /// A nextLink: the next page.
    Next,
}

/// A token that lives, and whose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CursorStatus {
    /// Whose mailbox, by object id.
    pub mailbox: String,
    /// The token.
    #[serde(flatten)]
    pub standing: Standing,
}

/// Where a token stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What it walks over.
    #[serde(flatten)]
    pub stream: Stream,
    /// Which link it is in.
    pub link: Link,
    /// The end of the token.
    pub token_end: String,
    /// Everything up to this change has been told, or will have been at the end of the round.
    pub sequence: u64,
    /// Of a nextLink, the items the round has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<usize>,
}

/// What an item waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// For its time.
    Queued,
    /// For another attempt.
    Retrying,
    /// For a fresh token of its subscription (S65).
    Held,
}

/// An item that has not been delivered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitingItem {
    /// Whose it is.
    pub subscription_id: String,
    /// Where it goes.
    pub url: String,
    /// What it waits for.
    pub state: Waiting,
    /// When it goes out; nothing while it is held.
    pub due: Option<Timestamp>,
    /// Which attempt that will be, 1 for the first.
    pub attempt: u32,
}

/// The end of a token.
pub(super) fn token_end(token: &str) -> String {
    let letters = token.chars().count();
    token.chars().skip(letters.saturating_sub(TOLD)).collect()
}

impl World {
    /// Cursors, queues, faults and knobs as they stand (S72).
    pub fn dump(&self) -> Dump {
        let state = self.lock();
        Dump {
            now: state.now(),
            mailboxes: counts(&state),
            cursors: cursors(&state),
            queue: state.subscriptions.waiting_items(),
            faults: state.faults.list().into_iter().cloned().collect(),
            knobs: state.knobs.clone(),
        }
    }
}

fn counts(state: &State) -> Vec<MailboxCounts> {
    let mailboxes = state.mailboxes.iter();
    mailboxes
        .map(|mailbox| MailboxCounts {
            id: mailbox.user.id.0.clone(),
            address: mailbox.user.address.clone(),
            licensed: mailbox.licensed,
            folders: mailbox.mail.folder_keys().count(),
            messages: mailbox.mail.newest_first().len(),
            calendars: mailbox.calendar.calendars().len(),
            events: mailbox.calendar.events().count(),
            mail_sequence: mailbox.mail.sequence(),
            calendar_sequence: mailbox.calendar.sequence(),
        })
        .collect()
}

fn cursors(state: &State) -> Vec<CursorStatus> {
    let mut cursors = Vec::new();
    for mailbox in &state.mailboxes {
        let Mailbox { mail, calendar, .. } = mailbox;
        let standings = mailbox
            .tokens
            .iter()
            .map(|(token, position)| match position {
                Position::MailEnd(since) => mail.standing_at_end(token, since),
                Position::MailPage(walk) => mail.standing_at_page(token, walk),
                Position::Calendar(cursor) => calendar.standing(token, cursor),
            });
        cursors.extend(standings.map(|standing| CursorStatus {
            mailbox: mailbox.user.id.0.clone(),
            standing,
        }));
    }
    cursors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_by_its_end_only() {
        assert_eq!(token_end("a-token-of-some-length"), "e-length");
        assert_eq!(token_end("short"), "short");
        assert_eq!(token_end(""), "");
    }
}
