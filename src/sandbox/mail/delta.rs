//! Delta rounds over the messages of a folder and over the folder tree, quirks included (§6 of the
//! facts, S31 to S44).
//!
//! A round is a list of what to show, fixed at its first call; each page shows the items as they are
//! when the page is asked for. Whatever happens meanwhile comes with the next round, because that
//! begins at the place in the log where this one was made.

use std::collections::HashMap;
use std::sync::Arc;

use super::MailState;
use super::fields::Fields;
use super::folder::FolderKey;
use super::folder_fields::FolderFields;
use super::message::{Message, MessageKey};
use crate::model::time::Timestamp;
use crate::sandbox::knobs::{Knobs, RemovedReason};

/// What happened to a message, as its folder saw it.
#[derive(Debug, Clone)]
pub enum Event {
    /// It came, new or from elsewhere.
    Arrived {
        /// Whether by a move.
        moved: bool,
    },
    /// These properties changed.
    Changed(Fields),
    /// It went, by a move or for good.
    Left {
        /// The id it had then.
        default_id: Box<str>,
        /// The id that stays.
        immutable_id: Box<str>,
    },
}

/// One entry of a folder's log.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Its place among all of the mailbox.
    pub sequence: u64,
    /// Which message.
    pub message: MessageKey,
    /// What happened.
    pub event: Event,
}

/// What was asked for on the first call; baked into every token after it (F6.2).
#[derive(Debug, Clone)]
pub struct RoundOptions {
    /// The stream: a folder, or the tree when `None`.
    pub folder: Option<FolderKey>,
    /// `$select`, as written.
    pub select: Vec<String>,
    /// What of a message the reader sees.
    pub fields: Fields,
    /// The same of a folder.
    pub folder_fields: FolderFields,
    /// `$expand`, as written in the query.
    pub expand: Vec<crate::sandbox::query::Expand>,
    /// `$filter=receivedDateTime ge|gt …`, as the earliest instant that fits.
    pub received_from: Option<Timestamp>,
    /// `$top`: the most items of a round (F4.4).
    pub most: Option<usize>,
    /// `changeType`: created, updated, deleted.
    pub kinds: [bool; 3],
}

/// What a deltaLink stands for.
#[derive(Debug, Clone)]
pub struct Since {
    /// What was asked for.
    pub options: Arc<RoundOptions>,
    /// Everything up to here has been shown.
    pub sequence: u64,
    /// Held back from the last round (S39).
    pub held: Vec<Shown>,
    /// The last round's changes, to be replayed (S39).
    pub shown: Vec<Shown>,
}

/// What a nextLink stands for: a round and how far it has come.
#[derive(Debug, Clone)]
pub struct Walk {
    /// The round.
    pub round: Arc<Round>,
    /// Items already shown.
    pub at: usize,
    /// Whether the empty page has been given (S18).
    pub after_empty: bool,
}

/// A round.
#[derive(Debug)]
pub struct Round {
    /// What was asked for.
    pub options: Arc<RoundOptions>,
    /// What is shown, in order.
    pub items: Vec<Shown>,
    /// Where the next round begins.
    pub ends_at: u64,
    /// What the next round begins with (S39).
    pub held: Vec<Shown>,
    /// Whether it is an incremental one.
    pub is_incremental: bool,
}

/// One item of a round.
#[derive(Debug, Clone)]
pub enum Shown {
    /// A message as it is.
    Message(MessageKey),
    /// `{id, isRead, parentFolderId}` (S35).
    ReadChange(MessageKey),
    /// `@removed`.
    Gone {
        /// The id it had.
        default_id: Box<str>,
        /// The id that stays.
        immutable_id: Box<str>,
    },
    /// A folder as it is.
    Folder(FolderKey),
    /// A folder that is gone.
    FolderGone(String),
}

impl RoundOptions {
    /// Whether a message is in the view.
    pub fn covers(&self, message: &Message) -> bool {
        Some(message.folder) == self.folder
            && self
                .received_from
                .is_none_or(|from| message.received_at >= from)
    }
}

impl MailState {
    /// Begins a full round over the messages of a folder (F6.4).
    pub fn full_round(&mut self, options: Arc<RoundOptions>, knobs: &Knobs) -> Round {
        let mut items = Vec::new();
        if let Some(folder) = options.folder
            && options.kinds[0]
        {
            // With a filter an initial round stops early (S33).
            let most = match options.received_from {
                Some(_) => knobs.filtered_round_limit,
                None => usize::MAX,
            };
            items = self
                .newest_first_in(folder)
                .iter()
                .take_while(|(received, _)| {
                    options.received_from.is_none_or(|from| received.0 >= from)
                })
                .take(most.min(options.most.unwrap_or(usize::MAX)))
                .map(|(_, key)| Shown::Message(*key))
                .collect();
        }
        self.finish_round(options, items, false, knobs)
    }

    /// Begins an incremental round over the messages of a folder.
    pub fn changes_since(&mut self, since: &Since, immutable: bool, knobs: &Knobs) -> Round {
        let options = Arc::clone(&since.options);
        let mut items = if knobs.delta_replays {
            since.shown.clone()
        } else {
            Vec::new()
        };
        items.extend(since.held.iter().cloned());
        if let Some(folder) = options.folder.and_then(|key| self.folder(key)) {
            let start = folder
                .log
                .partition_point(|entry| entry.sequence <= since.sequence);
            let (order, histories) = histories(folder.log.get(start..).unwrap_or_default());
            for key in order {
                if let Some(history) = histories.get(&key) {
                    self.show(key, history, &options, immutable, knobs, &mut items);
                }
            }
        }
        if let Some(most) = options.most {
            items.truncate(most);
        }
        self.finish_round(options, items, true, knobs)
    }

    fn show(
        &self,
        key: MessageKey,
        history: &History<'_>,
        options: &RoundOptions,
        immutable: bool,
        knobs: &Knobs,
        items: &mut Vec<Shown>,
    ) {
        if options.kinds[2] {
            let ids = history
                .left
                .iter()
                .map(|(default_id, immutable_id)| Shown::Gone {
                    default_id: (*default_id).into(),
                    immutable_id: (*immutable_id).into(),
                });
            // With immutable ids every departure has the same name, so it is said once.
            let most = if immutable { 1 } else { usize::MAX };
            items.extend(ids.take(most));
        }
        let is_covered = self
            .message(key)
            .is_some_and(|message| options.covers(message));
        if !is_covered {
            return;
        }
        let kind = usize::from(!history.arrived);
        if !options.kinds[kind] {
            return;
        }
        if history.arrived {
            let untouched = history.changed_after_arrival.is_empty();
            let lost = immutable
                && untouched
                && ((knobs.immutable_lost_item && !history.left.is_empty())
                    || (knobs.immutable_missing_add && history.moved_in));
            if !lost {
                items.push(Shown::Message(key));
            }
        } else if (history.changed & options.fields).is_empty() {
            // Only what was not selected has changed (S34).
        } else if history.changed.without(Fields::VERSION) == Fields::IS_READ
            && options.fields.has(Fields::IS_READ)
            && knobs.partial_read_changes
        {
            items.push(Shown::ReadChange(key));
        } else {
            items.push(Shown::Message(key));
        }
    }

    /// Begins a full round over the folder tree: all depths, children before their parents (S43).
    pub fn full_tree_round(&mut self, options: Arc<RoundOptions>, knobs: &Knobs) -> Round {
        let mut keys: Vec<_> = self.visible_in_delta(knobs).collect();
        keys.reverse();
        let items = keys.into_iter().map(Shown::Folder).collect();
        self.finish_round(options, items, false, knobs)
    }

    /// Begins an incremental round over the folder tree; count-only changes are in it (S43), unless
    /// counts were not selected (S34).
    pub fn tree_changes_since(&mut self, since: &Since, knobs: &Knobs) -> Round {
        let options = Arc::clone(&since.options);
        let mut items = if knobs.delta_replays {
            since.shown.clone()
        } else {
            Vec::new()
        };
        items.extend(since.held.iter().cloned());
        let touched = self.visible_in_delta(knobs).filter(|key| {
            self.folder(*key).is_some_and(|folder| {
                let wanted = options.folder_fields;
                folder.touched.shows_since(wanted, since.sequence)
            })
        });
        let mut touched: Vec<_> = touched.map(Shown::Folder).collect();
        touched.reverse();
        items.extend(touched);
        items.extend(
            self.folders_removed
                .iter()
                .filter(|(sequence, _)| *sequence > since.sequence)
                .map(|(_, id)| Shown::FolderGone(id.clone())),
        );
        self.finish_round(options, items, true, knobs)
    }

    fn visible_in_delta(&self, knobs: &Knobs) -> impl Iterator<Item = FolderKey> + '_ {
        let hidden_too = knobs.folder_delta_hidden;
        self.folder_keys().filter(move |key| {
            self.folder(*key)
                .is_some_and(|folder| hidden_too || !folder.is_hidden)
        })
    }

    fn finish_round(
        &mut self,
        options: Arc<RoundOptions>,
        mut items: Vec<Shown>,
        is_incremental: bool,
        knobs: &Knobs,
    ) -> Round {
        let ends_at = self.sequence();
        let mut held = Vec::new();
        if knobs.delta_random_order {
            self.rng().shuffle(&mut items);
        }
        if knobs.delta_delays && is_incremental {
            held.extend(items.pop());
        }
        if knobs.delta_duplicates {
            // A removal said twice could contradict what came between.
            let living = |item: &&Shown| !matches!(item, Shown::Gone { .. } | Shown::FolderGone(_));
            let again = items.iter().find(living).cloned();
            items.extend(again);
        }
        Round {
            options,
            items,
            ends_at,
            held,
            is_incremental,
        }
    }
}

/// What a stretch of the log says about one message.
#[derive(Debug, Default)]
struct History<'l> {
    /// The ids it left with.
    left: Vec<(&'l str, &'l str)>,
    /// Whether it came, after the last time it left.
    arrived: bool,
    /// Whether that was a move.
    moved_in: bool,
    /// What changed in all.
    changed: Fields,
    /// What changed after it came.
    changed_after_arrival: Fields,
}

/// The histories, and the messages in the order of their last entry.
fn histories(log: &[LogEntry]) -> (Vec<MessageKey>, HashMap<MessageKey, History<'_>>) {
    let mut histories: HashMap<MessageKey, History<'_>> = HashMap::new();
    for entry in log {
        let history = histories.entry(entry.message).or_default();
        match &entry.event {
            Event::Arrived { moved } => {
                history.arrived = true;
                history.moved_in = *moved;
                history.changed_after_arrival = Fields::NONE;
            }
            Event::Changed(fields) => {
                history.changed |= *fields;
                history.changed_after_arrival |= *fields;
            }
            Event::Left {
                default_id,
                immutable_id,
            } => {
                history.left.push((default_id, immutable_id));
                history.arrived = false;
            }
        }
    }
    let mut order = Vec::with_capacity(histories.len());
    let mut seen = std::collections::HashSet::with_capacity(histories.len());
    for entry in log.iter().rev() {
        if seen.insert(entry.message) {
            order.push(entry.message);
        }
    }
    order.reverse();
    (order, histories)
}

/// What `@removed.reason` says.
pub fn reason(knobs: &Knobs) -> &'static str {
    match knobs.removed_reason {
        RemovedReason::Deleted => "deleted",
        RemovedReason::Changed => "changed",
    }
}

#[cfg(test)]
#[path = "delta_tests.rs"]
mod tests;
