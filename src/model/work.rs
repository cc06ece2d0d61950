//! What waits to be done for a mailbox: notices, cursors, subscriptions, commands.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{CommandId, GraphId, LeaseToken, MailboxId, SubscriptionKey, TraceId};
use super::time::Timestamp;

/// The right of a home to write for its mailbox. Every write of a home carries it and is refused with
/// `LeaseLost` once another home has claimed the mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The token of the claim.
    pub token: LeaseToken,
}

/// A priority inside a home; the first goes first (design §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Somebody waits for the answer.
    Command,
    /// A change that a notice announced.
    Live,
    /// Suspicions and leftovers.
    Repair,
    /// Full rounds.
    Backfill,
    /// Comparing.
    Audit,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A message.
    Message,
    /// An event; it means its whole series (M52).
    Event,
    /// The attachments' metadata of a message (M40).
    Attachments,
}

/// How Graph named the change; a hint only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeHint {
    /// `created`.
    Created,
    /// `updated`.
    Updated,
    /// `deleted`: gone, moved, or out of the view.
    Deleted,
    /// Not announced: found missing by a sweep, a delta removal or an audit.
    Suspected,
}

/// One item that must be looked at, coalesced by (mailbox, kind, id).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The item.
    pub external_id: GraphId,
    /// Its lane: [`Lane::Live`] or [`Lane::Repair`].
    pub lane: Lane,
    /// The last hint.
    pub hint: ChangeHint,
    /// Grows with every further notice; settling names the generation it saw.
    pub generation: i64,
    /// When the first unsettled one was received.
    pub received_at: Timestamp,
    /// Not before.
    pub due_at: Timestamp,
    /// Failed attempts (M34, M41).
    pub attempts: i64,
    /// What the post that named it first is followed by; none for suspicions.
    pub trace: Option<TraceId>,
}

/// What a delta cursor walks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CursorScope {
    /// The folder tree.
    Folders,
    /// The messages of a folder.
    Messages {
        /// The folder.
        folder: GraphId,
    },
    /// One window of a calendar (F6.30).
    View {
        /// The calendar.
        calendar: GraphId,
        /// From.
        start: Timestamp,
        /// Until.
        end: Timestamp,
    },
}

/// A next or delta link. A secret: it never enters a log line (M9).
#[derive(Clone, PartialEq, Eq)]
pub struct Link(pub String);

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(…)")
    }
}

/// Where a cursor stands (facts §6e).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CursorState {
    /// No link: the next round is full and starts from the beginning.
    Empty,
    /// In mid-round; `link` is the next page.
    Fetching,
    /// Between rounds; `link` is the delta link.
    Idle,
}

/// A saved delta cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// What it walks.
    pub scope: CursorScope,
    /// Where it stands.
    pub state: CursorState,
    /// The next or delta link.
    pub link: Option<Link>,
    /// Number of the present or last round; rows seen by a full round carry it (M44).
    pub round: i64,
    /// Whether the present or last round is full.
    pub is_full: bool,
    /// When the present or last round began (request sent).
    pub round_started_at: Option<Timestamp>,
    /// A notice or a gap asks for a round (M47). A round clears it with the page it saves first, which settles
    /// the [`marks`](Self::marks) that were read with it; a mark made meanwhile keeps the cursor dirty.
    pub is_dirty: bool,
    /// How often the cursor had been marked dirty when it was read; zero for a new one.
    pub marks: i64,
    /// When it is to be polled next.
    pub due_at: Timestamp,
    /// When a round last ended well.
    pub last_ok_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures: i64,
    /// Items asked for per page; adapts (M48).
    pub page_size: i64,
    /// Items seen in the present full round, for progress.
    pub seen: i64,
}

/// What a subscription watches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SubscriptionScope {
    /// All messages of the mailbox.
    Messages,
    /// The events of one calendar (F9.5).
    Events {
        /// The calendar.
        calendar: GraphId,
    },
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    /// Registered with us, perhaps already with Graph: its 201 has not been seen (M25).
    Creating,
    /// Graph has it.
    Active,
    /// It has a successor and is to be deleted.
    Retiring,
}

impl SubscriptionScope {
    /// What announces the changes that a cursor finds; nothing announces those of the tree (F9.4).
    pub fn of_cursor(cursor: &CursorScope) -> Option<Self> {
        match cursor {
            CursorScope::Folders => None,
            CursorScope::Messages { .. } => Some(Self::Messages),
            CursorScope::View { calendar, .. } => Some(Self::Events {
                calendar: calendar.clone(),
            }),
        }
    }
}

/// A subscription as we know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Our key, and the nonce in its URL and clientState.
    pub key: SubscriptionKey,
    /// The mailbox.
    pub mailbox: MailboxId,
    /// What it watches.
    pub scope: SubscriptionScope,
    /// Where it stands.
    pub state: SubscriptionState,
    /// Graph's id once known.
    pub graph_id: Option<String>,
    /// The public base address it was made for.
    pub public_url: String,
    /// The fingerprint of the key that signed the clientState Graph has; none where that was not kept yet.
    pub client_state_key: Option<String>,
    /// When it ends, as Graph granted.
    pub expires_at: Option<Timestamp>,
    /// When it is to be renewed (M24).
    pub renew_at: Option<Timestamp>,
    /// No further attempt before.
    pub not_before: Option<Timestamp>,
    /// Failures in a row.
    pub failures: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// The last attempt to renew or re-authorise (M31 debounce).
    pub touched_at: Option<Timestamp>,
    /// When a round last found a change that it, or the one it replaced, had not announced (M33).
    pub doubted_at: Option<Timestamp>,
}

/// What somebody wants done by the home of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wish {
    /// Poll every cursor now; from the beginning when `full`.
    Sync {
        /// Throw the cursors away first.
        full: bool,
    },
    /// List messages of the mailbox and apply them.
    SyncMessages {
        /// At most so many.
        max_results: u32,
        /// Received at or after.
        since: Option<Timestamp>,
    },
    /// List events and apply them.
    SyncEvents {
        /// At most so many.
        max_results: u32,
        /// From.
        start: Option<Timestamp>,
        /// Until.
        end: Option<Timestamp>,
    },
    /// Compare the mirror with the mailbox; heal when asked.
    Verify {
        /// Apply what differs.
        repair: bool,
    },
    /// Fetch the content of an attachment, and of an attached item its parts.
    FetchAttachment {
        /// The message.
        message: GraphId,
        /// The attachment.
        attachment: GraphId,
    },
    /// Fetch the original of a message.
    FetchMime {
        /// The message.
        message: GraphId,
    },
    /// Delete the subscriptions at Graph, then forget the grant.
    Disconnect,
}

/// A command as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The mailbox.
    pub mailbox: MailboxId,
    /// What is wanted.
    pub wish: Wish,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// How it ended, once it has: a JSON object or a failure's text.
    pub outcome: Option<Result<serde_json::Value, String>>,
}

/// What a write did to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The row is new.
    Created,
    /// The row changed.
    Updated,
    /// The row was the same already.
    Unchanged,
    /// A later fetch had written already; nothing was touched (M36).
    Stale,
    /// The row is gone.
    Deleted,
}
