//! What is done to messages: deliver, edit, move, copy, delete.
//!
//! Every operation returns what is to be announced; nobody else may change a message.

use std::collections::BTreeMap;

use serde_json::Value;

use super::MailState;
use super::fields::Fields;
use super::folder::FolderKey;
use super::message::{Attachment, Flag, Importance, Message, MessageBody, MessageKey, Recipient};
use crate::model::time::{Timestamp, later};
use crate::sandbox::error::GraphFault;
use crate::sandbox::knobs::{DeleteLandsIn, Knobs};
use crate::sandbox::world::{Change, ChangeType};

/// What an edit changes; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct MessagePatch {
    /// Read or not.
    pub is_read: Option<bool>,
    /// Categories.
    pub categories: Option<Vec<String>>,
    /// Flag.
    pub flag: Option<Flag>,
    /// Importance.
    pub importance: Option<Importance>,
    /// Focused or other.
    pub is_focused: Option<bool>,
    /// A delivery receipt is wanted.
    pub wants_delivery_receipt: Option<bool>,
    /// A read receipt is wanted.
    pub wants_read_receipt: Option<bool>,
    /// Extended properties to set.
    pub extended: Vec<(String, String)>,
    /// Drafts only.
    pub subject: Option<String>,
    /// Drafts only.
    pub body: Option<MessageBody>,
    /// Drafts only.
    pub from: Option<Option<Recipient>>,
    /// Drafts only.
    pub sender: Option<Option<Recipient>>,
    /// Drafts only.
    pub to: Option<Vec<Recipient>>,
    /// Drafts only.
    pub cc: Option<Vec<Recipient>>,
    /// Drafts only.
    pub bcc: Option<Vec<Recipient>>,
    /// Drafts only.
    pub reply_to: Option<Vec<Recipient>>,
    /// Drafts only.
    pub internet_message_id: Option<String>,
    /// At creation only.
    pub headers: Option<Vec<(String, String)>>,
}

impl MessagePatch {
    /// Whether it changes what only a draft lets change (F5.14).
    pub fn needs_draft(&self) -> bool {
        self.subject.is_some()
            || self.body.is_some()
            || self.from.is_some()
            || self.sender.is_some()
            || self.to.is_some()
            || self.cc.is_some()
            || self.bcc.is_some()
            || self.reply_to.is_some()
            || self.internet_message_id.is_some()
    }

    /// Puts it into a message; what was different before comes back.
    pub fn apply(self, message: &mut Message) -> Fields {
        let mut changed = Fields::NONE;
        let mut set = |field: Fields, differs: bool| {
            if differs {
                changed |= field;
            }
        };
        set(Fields::IS_READ, put(&mut message.is_read, self.is_read));
        set(
            Fields::CATEGORIES,
            put(&mut message.categories, self.categories),
        );
        set(Fields::FLAG, put(&mut message.flag, self.flag));
        set(
            Fields::IMPORTANCE,
            put(&mut message.importance, self.importance),
        );
        set(
            Fields::CLASSIFICATION,
            put(&mut message.is_focused, self.is_focused),
        );
        set(
            Fields::DELIVERY_RECEIPT,
            put(
                &mut message.wants_delivery_receipt,
                self.wants_delivery_receipt,
            ),
        );
        set(
            Fields::READ_RECEIPT,
            put(&mut message.wants_read_receipt, self.wants_read_receipt),
        );
        set(Fields::SUBJECT, put(&mut message.subject, self.subject));
        set(Fields::FROM, put(&mut message.from, self.from));
        set(Fields::SENDER, put(&mut message.sender, self.sender));
        set(Fields::TO, put(&mut message.to, self.to));
        set(Fields::CC, put(&mut message.cc, self.cc));
        set(Fields::BCC, put(&mut message.bcc, self.bcc));
        set(Fields::REPLY_TO, put(&mut message.reply_to, self.reply_to));
        set(
            Fields::INTERNET_MESSAGE_ID,
            put(&mut message.internet_message_id, self.internet_message_id),
        );
        set(Fields::HEADERS, put(&mut message.headers, self.headers));
        if let Some(body) = self.body
            && (body.json != message.body.json || body.kind != message.body.kind)
        {
            message.body = body;
            set(
                Fields::BODY | Fields::BODY_PREVIEW | Fields::UNIQUE_BODY,
                true,
            );
        }
        for (id, value) in self.extended {
            message
                .extended
                .retain(|(known, _)| !known.eq_ignore_ascii_case(&id));
            message.extended.push((id, value));
            set(Fields::EXTENDED, true);
        }
        changed
    }
}

fn put<T: PartialEq>(place: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) if value != *place => {
            *place = value;
            true
        }
        _ => false,
    }
}

impl MailState {
    /// A message arrives from outside.
    pub fn deliver(
        &mut self,
        mut message: Message,
        folder: FolderKey,
        now: Timestamp,
        knobs: &Knobs,
    ) -> (MessageKey, Vec<Change>) {
        if knobs.created_visible_after_ms > 0 {
            let wait = std::time::Duration::from_millis(knobs.created_visible_after_ms);
            message.visible_at = Some(later(now, wait));
        }
        let key = self.insert(message, folder);
        (
            key,
            self.change(ChangeType::Created, key).into_iter().collect(),
        )
    }

    /// A draft is begun.
    pub fn create_draft(
        &mut self,
        mut message: Message,
        folder: FolderKey,
    ) -> (MessageKey, Vec<Change>) {
        message.is_draft = true;
        message.is_read = true;
        if message.internet_message_id.is_empty() {
            let number = self.rng().u128(..);
            message.internet_message_id = format!("<{number:032X}@{DOMAIN}>");
        }
        let key = self.insert(message, folder);
        (
            key,
            self.change(ChangeType::Created, key).into_iter().collect(),
        )
    }

    /// An edit (F5.14). An `isRead` change may leave `lastModifiedDateTime` (S23).
    pub fn update(
        &mut self,
        key: MessageKey,
        patch: MessagePatch,
        now: Timestamp,
        knobs: &Knobs,
    ) -> Result<Vec<Change>, GraphFault> {
        let message = self.message(key).ok_or_else(GraphFault::item_not_found)?;
        if patch.needs_draft() && !message.is_draft {
            return Err(GraphFault::bad_request(
                "ErrorInvalidPropertySet",
                "The property can only be set on a draft.",
            ));
        }
        let read_keeps_modified = knobs.read_keeps_modified;
        let changed = self.alter(key, |message| {
            let changed = patch.apply(message);
            if !(changed.is_empty() || (changed == Fields::IS_READ && read_keeps_modified)) {
                message.modified_at = now;
            }
            changed
        });
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.change(ChangeType::Updated, key).into_iter().collect())
    }

    /// Adds an attachment to a draft; its place among the attachments.
    pub fn attach(
        &mut self,
        key: MessageKey,
        mut attachment: Attachment,
        now: Timestamp,
    ) -> (usize, Vec<Change>) {
        attachment.suffix = self.mint.attachment_suffix();
        let mut place = 0;
        self.alter(key, |message| {
            place = message.attachments.len();
            message.attachments.push(attachment);
            message.modified_at = now;
            Fields::ATTACHMENTS
        });
        (
            place,
            self.change(ChangeType::Updated, key).into_iter().collect(),
        )
    }

    /// Takes an attachment away.
    pub fn detach(&mut self, key: MessageKey, place: usize, now: Timestamp) -> Vec<Change> {
        let changed = self.alter(key, |message| {
            if place >= message.attachments.len() {
                return Fields::NONE;
            }
            message.attachments.remove(place);
            message.modified_at = now;
            Fields::ATTACHMENTS
        });
        if changed.is_empty() {
            return Vec::new();
        }
        self.change(ChangeType::Updated, key).into_iter().collect()
    }

    /// A move (F5.15): announced as deleted and created, in either order (F10.22, S63).
    pub fn move_to(&mut self, key: MessageKey, to: FolderKey, now: Timestamp) -> Vec<Change> {
        let Some(message) = self.message(key) else {
            return Vec::new();
        };
        if message.folder == to {
            return Vec::new();
        }
        let deleted = self.change_of(ChangeType::Deleted, message);
        self.relocate(key, to, now);
        let mut changes = vec![deleted];
        changes.extend(self.change(ChangeType::Created, key));
        if self.rng().bool() {
            changes.reverse();
        }
        changes
    }

    /// A copy is an item of its own (S25).
    pub fn copy_to(
        &mut self,
        key: MessageKey,
        to: FolderKey,
        now: Timestamp,
    ) -> Result<(MessageKey, Vec<Change>), GraphFault> {
        let message = self.message(key).ok_or_else(GraphFault::item_not_found)?;
        let mut copy = message.clone();
        copy.created_at = now;
        copy.modified_at = now;
        copy.is_leaving = false;
        let copied = self.insert(copy, to);
        Ok((
            copied,
            self.change(ChangeType::Created, copied)
                .into_iter()
                .collect(),
        ))
    }

    /// `DELETE`: to Deleted Items, or for good from there (F5.16).
    pub fn delete(&mut self, key: MessageKey, now: Timestamp, knobs: &Knobs) -> Vec<Change> {
        let Some(message) = self.message(key) else {
            return Vec::new();
        };
        match (knobs.delete_lands_in, self.well_known("deleteditems")) {
            (DeleteLandsIn::DeletedItems, Some(bin)) if !self.is_within(message.folder, bin) => {
                self.move_to(key, bin, now)
            }
            _ => self.purge(key),
        }
    }

    /// Removes a message for good.
    pub fn purge(&mut self, key: MessageKey) -> Vec<Change> {
        let Some(message) = self.remove(key) else {
            return Vec::new();
        };
        vec![self.change_of(ChangeType::Deleted, &message)]
    }
}

/// The host in the Message-IDs the sandbox makes.
pub const DOMAIN: &str = "mail.contoso.example";

/// A flag from Graph's JSON; unknown states are refused by `None`.
pub fn flag_from(value: &Value) -> Option<Flag> {
    let status = value.get("flagStatus")?.as_str()?;
    let status = ["notFlagged", "flagged", "complete"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(status))?;
    let mut dates = BTreeMap::new();
    for name in ["startDateTime", "dueDateTime", "completedDateTime"] {
        if let Some(date) = value.get(name).filter(|date| date.is_object()) {
            dates.insert(name, date.clone());
        }
    }
    Some(Flag { status, dates })
}
