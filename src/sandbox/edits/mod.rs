//! Seeded random edits of all kinds, as the people of a mailbox and the world around them make them.
//!
//! The same mailbox, the same seed and the same count give the same edits. Each edit goes through the
//! same operations a client's call ends in and is announced to the subscriptions like one; it is neither
//! throttled nor counted. An edit that finds nothing to be made on is replaced by one that does.

mod mail;

use serde::{Deserialize, Serialize};

use self::mail::{MailEdit, Memory};
use super::calendar::edits::CalendarEdit;
use super::commands::CommandError;
use super::world::{State, World};
use crate::model::time::Timestamp;

/// Which edits are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditOrder {
    /// How many.
    pub count: usize,
    /// They grow from this.
    #[serde(default)]
    pub seed: u64,
    /// Of these kinds only: names of kinds, or `mail` or `calendar` for all of those. Empty is all.
    #[serde(default)]
    pub kinds: Vec<String>,
}

/// An edit that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// What was done.
    pub kind: String,
    /// To what: `message`, `folder`, `event` or `calendar`.
    pub entity: String,
    /// Its immutable id; a folder's or calendar's own.
    pub id: String,
    /// When, on the sandbox's clock.
    pub at: Timestamp,
}

/// A kind of edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mail(MailEdit),
    Calendar(CalendarEdit),
}

impl Kind {
    /// Every kind, its name and how often it comes up among the others.
    fn all() -> impl Iterator<Item = (Self, &'static str, u32)> {
        let mail = MailEdit::ALL
            .iter()
            .map(|(kind, name, weight)| (Self::Mail(*kind), *name, *weight));
        let calendar = CalendarEdit::ALL
            .iter()
            .map(|(kind, name, weight)| (Self::Calendar(*kind), *name, *weight));
        mail.chain(calendar)
    }

    fn is_of(self, area: &str) -> bool {
        match self {
            Self::Mail(_) => area == "mail",
            Self::Calendar(_) => area == "calendar",
        }
    }

    fn entity(self) -> &'static str {
        match self {
            Self::Mail(kind) if kind.is_about_a_folder() => "folder",
            Self::Mail(_) => "message",
            Self::Calendar(
                CalendarEdit::CreateCalendar
                | CalendarEdit::RenameCalendar
                | CalendarEdit::DeleteCalendar,
            ) => "calendar",
            Self::Calendar(_) => "event",
        }
    }
}

/// The names of all kinds.
pub fn kinds() -> Vec<&'static str> {
    Kind::all().map(|(_, name, _)| name).collect()
}

/// How many kinds in a row may find nothing to be made on before the mailbox counts as exhausted.
const MOST_TRIES: usize = 200;

impl World {
    /// Makes random edits in a mailbox; fewer than asked for only where nothing is left to edit.
    pub fn edit(&self, mailbox: &str, order: &EditOrder) -> Result<Vec<Edit>, CommandError> {
        let choice = chosen(&order.kinds)?;
        let index = self
            .lock()
            .find_mailbox(mailbox)
            .ok_or_else(|| CommandError::UnknownMailbox(mailbox.to_owned()))?;
        let mut rng = fastrand::Rng::with_seed(order.seed);
        let mut memory = Memory::default();
        let mut edits = Vec::with_capacity(order.count.min(10_000));
        let mut tries = 0;
        while edits.len() < order.count && tries < MOST_TRIES {
            let (kind, name) = draw(&choice, &mut rng);
            // The lock is let go between two edits, so that clients are answered meanwhile.
            let made = make(&mut self.lock(), index, kind, &mut memory, &mut rng);
            match made {
                None => tries += 1,
                Some((id, at)) => {
                    tries = 0;
                    edits.push(Edit {
                        kind: name.to_owned(),
                        entity: kind.entity().to_owned(),
                        id,
                        at,
                    });
                }
            }
        }
        self.wake();
        Ok(edits)
    }

    /// Lets a new message arrive in a mailbox's Inbox; answers its immutable id.
    pub fn deliver_message(&self, mailbox: &str) -> Result<String, CommandError> {
        let unknown = || CommandError::UnknownMailbox(mailbox.to_owned());
        let mut state = self.lock();
        let index = state.find_mailbox(mailbox).ok_or_else(unknown)?;
        let owned = state.mailboxes.get_mut(index).ok_or_else(unknown)?;
        // The mailbox's own generator: what arrives depends on nothing but what arrived before.
        let mut rng = owned.mail.rng().fork();
        let mut memory = Memory::default();
        let kind = Kind::Mail(MailEdit::Deliver);
        make(&mut state, index, kind, &mut memory, &mut rng)
            .map(|(id, _)| id)
            .ok_or_else(unknown)
    }
}

type Choice = Vec<(Kind, &'static str, u32)>;

fn chosen(names: &[String]) -> Result<Choice, CommandError> {
    for name in names {
        let known = Kind::all().any(|(kind, known, _)| known == name || kind.is_of(name));
        if !known {
            return Err(CommandError::UnknownEdit {
                name: name.clone(),
                known: kinds().join(", "),
            });
        }
    }
    let wanted = |kind: Kind, known: &str| {
        names.is_empty() || names.iter().any(|name| name == known || kind.is_of(name))
    };
    Ok(Kind::all()
        .filter(|(kind, name, _)| wanted(*kind, name))
        .collect())
}

fn draw(choice: &Choice, rng: &mut fastrand::Rng) -> (Kind, &'static str) {
    let all: u32 = choice.iter().map(|(_, _, weight)| weight).sum();
    let mut drawn = rng.u32(0..all.max(1));
    for (kind, name, weight) in choice {
        if drawn < *weight {
            return (*kind, name);
        }
        drawn -= weight;
    }
    (Kind::Mail(MailEdit::Deliver), "message_deliver")
}

fn make(
    state: &mut State,
    index: usize,
    kind: Kind,
    memory: &mut Memory,
    rng: &mut fastrand::Rng,
) -> Option<(String, Timestamp)> {
    let now = state.now();
    let id = match kind {
        Kind::Mail(kind) => mail::make(state, index, kind, memory, now, rng)?,
        Kind::Calendar(kind) => {
            let mailbox = state.mailboxes.get_mut(index)?;
            let edited = mailbox.calendar.edit(kind, now, rng)?;
            state.announce_at(index, edited.changes);
            edited.id
        }
    };
    Some((id, now))
}
