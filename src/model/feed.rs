//! What the mirror tells outward: the entries of the feed, and what an audit found.
//!
//! An entry says that a row changed, never what it held: the reader looks at the row, so that an old entry can
//! not bring an old state back.

use serde::{Deserialize, Serialize};

use super::ids::{CommandId, GraphId, MailboxId};
use super::time::Timestamp;
use super::work::Effect;

/// What an entry of the feed, a tombstone or a difference is about.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A row of `email_messages`.
    Message,
    /// A row of `calendar_events`.
    Event,
    /// A row of `mail_folders`.
    Folder,
    /// A row of `calendars`.
    Calendar,
    /// A row of `email_threads`.
    Thread,
}

/// What became of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// It differs from before.
    Updated,
    /// It is gone.
    Deleted,
}

impl ChangeKind {
    /// What an effect means for readers of the feed; nothing when no row changed.
    pub fn of(effect: Effect) -> Option<Self> {
        match effect {
            Effect::Created => Some(Self::Created),
            Effect::Updated => Some(Self::Updated),
            Effect::Deleted => Some(Self::Deleted),
            Effect::Unchanged | Effect::Stale => None,
        }
    }
}

/// An entry of the feed of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its position; the next entry has the next number, and whoever sees an entry sees all before it.
    pub position: i64,
    /// Which table.
    pub kind: ItemKind,
    /// Which row.
    pub external_id: GraphId,
    /// What became of it.
    pub change: ChangeKind,
    /// When it was written.
    pub at: Timestamp,
    /// The command of ours that it comes from; none for what others did in the mailbox.
    pub origin: Option<CommandId>,
}

/// One thing that stands differently in the mirror and in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Difference {
    /// Which table.
    pub kind: ItemKind,
    /// Which row.
    #[schema(value_type = String)]
    pub external_id: GraphId,
    /// The field that differs; `row` when one side lacks the item.
    pub field: String,
    /// What the mirror holds.
    pub ours: Option<String>,
    /// What Graph answers.
    pub theirs: Option<String>,
}

/// The outcome of one comparison of mirror and mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The instant for which it speaks.
    pub as_of: Timestamp,
    /// Whether nothing differed.
    pub equal: bool,
    /// How many things differed.
    pub difference_count: i64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Messages that were compared.
    pub messages: i64,
    /// Events that were compared.
    pub events: i64,
}
