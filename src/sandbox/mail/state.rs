//! The mail of one mailbox: where things are and how they are found.
//!
//! What stands here are the primitive moves, which keep indexes, counts and logs true to each other.
//! Whoever changes mail calls the operations in `operations`, `outgoing` and `folder`, which return
//! the [`Change`]s to announce.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::delta::{Event, LogEntry};
use super::fields::Fields;
use super::folder::{Folder, FolderKey};
use super::folder_fields::FolderFields;
use super::message::{Message, MessageKey};
use crate::model::time::Timestamp;
use crate::sandbox::ids::IdMint;
use crate::sandbox::world::{Change, ChangeType, Entity, Language};

/// The mail of one mailbox.
#[derive(Debug)]
pub struct MailState {
    pub(super) folders: Vec<Option<Folder>>,
    pub(super) folder_ids: HashMap<String, FolderKey>,
    pub(super) well_known: HashMap<String, FolderKey>,
    pub(super) folders_removed: Vec<(u64, String)>,
    messages: Vec<Option<Message>>,
    ids: HashMap<String, MessageKey>,
    all: BTreeSet<(Reverse<Timestamp>, MessageKey)>,
    conversations: HashMap<Vec<u8>, Arc<str>>,
    pub(super) mint: IdMint,
    sequence: u64,
    serial: u64,
}

impl MailState {
    /// An empty mailbox with the folders every mailbox has, named in `language`.
    pub fn new(language: Language, rng: &mut fastrand::Rng) -> Self {
        let mut state = Self {
            folders: Vec::new(),
            folder_ids: HashMap::new(),
            well_known: HashMap::new(),
            folders_removed: Vec::new(),
            messages: Vec::new(),
            ids: HashMap::new(),
            all: BTreeSet::new(),
            conversations: HashMap::new(),
            mint: IdMint::new(rng),
            sequence: 0,
            serial: 0,
        };
        state.plant_well_known(language);
        state
    }

    /// The message at a key.
    pub fn message(&self, key: MessageKey) -> Option<&Message> {
        self.messages.get(key.0)?.as_ref()
    }

    pub(super) fn message_mut(&mut self, key: MessageKey) -> Option<&mut Message> {
        self.messages.get_mut(key.0)?.as_mut()
    }

    /// The message an id of either format stands for (F12.4, S24).
    pub fn find_message(&self, id: &str) -> Option<MessageKey> {
        self.ids.get(id).copied()
    }

    /// All messages, latest first.
    pub fn newest_first(&self) -> &BTreeSet<(Reverse<Timestamp>, MessageKey)> {
        &self.all
    }

    /// The messages of a folder, latest first.
    pub fn newest_first_in(
        &self,
        folder: FolderKey,
    ) -> &BTreeSet<(Reverse<Timestamp>, MessageKey)> {
        static NONE: BTreeSet<(Reverse<Timestamp>, MessageKey)> = BTreeSet::new();
        self.folder(folder).map_or(&NONE, |folder| &folder.items)
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The id of a folder.
    pub fn folder_id(&self, key: FolderKey) -> &str {
        self.folder(key).map_or("", |folder| &folder.id)
    }

    /// A generator of the mailbox's own.
    pub fn rng(&mut self) -> &mut fastrand::Rng {
        self.mint.rng()
    }

    /// The mint of this mailbox's ids.
    pub fn mint(&mut self) -> &mut IdMint {
        &mut self.mint
    }

    pub(super) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The number of the last change.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The conversation that goes by the first 22 bytes of an index; the same thread has another id
    /// in every mailbox.
    pub fn conversation(&mut self, index: &[u8]) -> Arc<str> {
        let thread = index.get(..22).unwrap_or(index).to_vec();
        let mint = &mut self.mint;
        Arc::clone(
            self.conversations
                .entry(thread)
                .or_insert_with(|| mint.conversation_id().into()),
        )
    }

    /// Puts a message in without a trace in the logs, while the mailbox is seeded. Ids, conversation
    /// and serial are given here.
    pub fn plant(&mut self, mut message: Message, folder: FolderKey) -> MessageKey {
        self.serial += 1;
        message.serial = self.serial;
        message.version = 1;
        message.folder = folder;
        message.default_id = self.mint.default_id();
        message.immutable_id = self.mint.immutable_id();
        for attachment in &mut message.attachments {
            attachment.suffix = self.mint.attachment_suffix();
        }
        if message.conversation_index.is_empty() {
            let mut index = vec![0x01, 0xDC];
            index.extend(std::iter::repeat_with(|| self.mint.rng().u8(..)).take(20));
            message.conversation_index = index;
        }
        message.conversation_id = self.conversation(&message.conversation_index);
        let key = MessageKey(self.messages.len());
        self.ids.insert(message.default_id.clone(), key);
        self.ids.insert(message.immutable_id.clone(), key);
        let place = (Reverse(message.received_at), key);
        self.all.insert(place);
        let is_read = message.is_read;
        self.messages.push(Some(message));
        if let Some(folder) = self.folder_mut(folder) {
            folder.items.insert(place);
            folder.unread += usize::from(!is_read);
        }
        key
    }

    /// Puts a message in for clients to see.
    pub(super) fn insert(&mut self, message: Message, folder: FolderKey) -> MessageKey {
        let counts = counted(&message);
        let key = self.plant(message, folder);
        self.log(folder, key, Event::Arrived { moved: false }, counts);
        key
    }

    /// Gives a message ids of one's own, while the mailbox is seeded (S29).
    pub fn rename(&mut self, key: MessageKey, default_id: String, immutable_id: String) {
        let Some(message) = self.message_mut(key) else {
            return;
        };
        let old_default = std::mem::replace(&mut message.default_id, default_id.clone());
        let old_immutable = std::mem::replace(&mut message.immutable_id, immutable_id.clone());
        self.ids.remove(&old_default);
        self.ids.remove(&old_immutable);
        self.ids.insert(default_id, key);
        self.ids.insert(immutable_id, key);
    }

    /// Takes a message out for good.
    pub(super) fn remove(&mut self, key: MessageKey) -> Option<Message> {
        let message = self.messages.get_mut(key.0)?.take()?;
        self.ids.remove(&message.default_id);
        self.ids.remove(&message.immutable_id);
        let place = (Reverse(message.received_at), key);
        self.all.remove(&place);
        if let Some(folder) = self.folder_mut(message.folder) {
            folder.items.remove(&place);
            folder.unread -= usize::from(!message.is_read);
        }
        self.log(message.folder, key, left(&message), counted(&message));
        Some(message)
    }

    /// Moves a message: a new default id, the same immutable one (F12.1, S24).
    pub(super) fn relocate(&mut self, key: MessageKey, to: FolderKey, now: Timestamp) {
        let fresh = self.mint.default_id();
        let Some(message) = self.message_mut(key) else {
            return;
        };
        let from = message.folder;
        let event = left(message);
        let counts = counted(message);
        let place = (Reverse(message.received_at), key);
        let unread = usize::from(!message.is_read);
        let stale = std::mem::replace(&mut message.default_id, fresh.clone());
        message.folder = to;
        message.version += 1;
        message.modified_at = now;
        self.ids.remove(&stale);
        self.ids.insert(fresh, key);
        if let Some(folder) = self.folder_mut(from) {
            folder.items.remove(&place);
            folder.unread -= unread;
        }
        self.log(from, key, event, counts);
        if let Some(folder) = self.folder_mut(to) {
            folder.items.insert(place);
            folder.unread += unread;
        }
        self.log(to, key, Event::Arrived { moved: true }, counts);
    }

    /// Gives a message another immutable id (S70).
    pub(super) fn change_immutable_id(&mut self, key: MessageKey) {
        let fresh = self.mint.immutable_id();
        if let Some(message) = self.message_mut(key) {
            let stale = std::mem::replace(&mut message.immutable_id, fresh.clone());
            self.ids.remove(&stale);
            self.ids.insert(fresh, key);
        }
    }

    /// Runs `change` on a message and records what it says it changed, with what follows from it: the
    /// version, being read, having attachments. The instant of arrival may change, too.
    pub(super) fn alter(
        &mut self,
        key: MessageKey,
        change: impl FnOnce(&mut Message) -> Fields,
    ) -> Fields {
        let Some(message) = self.message_mut(key) else {
            return Fields::NONE;
        };
        let (received_at, was_read) = (message.received_at, message.is_read);
        let (modified_at, had_attachments) = (message.modified_at, message.has_attachments());
        let mut changed = change(message);
        if changed.is_empty() {
            return changed;
        }
        message.version += 1;
        changed |= Fields::CHANGE_KEY;
        if message.modified_at != modified_at {
            changed |= Fields::MODIFIED;
        }
        if message.is_read != was_read {
            changed |= Fields::IS_READ;
        }
        if message.has_attachments() != had_attachments {
            changed |= Fields::HAS_ATTACHMENTS;
        }
        let folder_key = message.folder;
        let (now_received_at, is_read) = (message.received_at, message.is_read);
        let before = (Reverse(received_at), key);
        let after = (Reverse(now_received_at), key);
        if before != after {
            self.all.remove(&before);
            self.all.insert(after);
        }
        if let Some(folder) = self.folder_mut(folder_key) {
            if before != after {
                folder.items.remove(&before);
                folder.items.insert(after);
            }
            folder.unread += usize::from(!is_read);
            folder.unread -= usize::from(!was_read);
        }
        // Counts stand in the folder delta, so whatever moves them touches the folder (F5.20).
        let counts = if is_read == was_read {
            FolderFields::NONE
        } else {
            FolderFields::UNREAD_COUNT
        };
        self.log(folder_key, key, Event::Changed(changed), counts);
        changed
    }

    fn log(&mut self, folder: FolderKey, message: MessageKey, event: Event, counts: FolderFields) {
        let sequence = self.next_sequence();
        if let Some(folder) = self.folder_mut(folder) {
            folder.log.push(LogEntry {
                sequence,
                message,
                event,
            });
            folder.touched.note(counts, sequence);
        }
    }

    /// What is announced about a message as it stands.
    pub(super) fn change(&self, what: ChangeType, key: MessageKey) -> Option<Change> {
        let message = self.message(key)?;
        Some(self.change_of(what, message))
    }

    pub(super) fn change_of(&self, what: ChangeType, message: &Message) -> Change {
        Change {
            what,
            entity: Entity::Message {
                immutable_id: message.immutable_id.clone(),
                default_id: message.default_id.clone(),
                folder_id: self.folder_id(message.folder).to_owned(),
            },
            etag: message.etag(),
        }
    }
}

/// The counts of a folder that a message takes part in.
fn counted(message: &Message) -> FolderFields {
    let counts = FolderFields::TOTAL_COUNT | FolderFields::SIZE;
    if message.is_read {
        counts
    } else {
        counts | FolderFields::UNREAD_COUNT
    }
}

fn left(message: &Message) -> Event {
    Event::Left {
        default_id: message.default_id.as_str().into(),
        immutable_id: message.immutable_id.as_str().into(),
    }
}

/// An instant as mail keeps it: whole seconds (F5.4), so that a filter compares what a client sees.
pub fn whole_seconds(at: Timestamp) -> Timestamp {
    use chrono::SubsecRound as _;
    at.trunc_subsecs(0)
}
