//! A message and what belongs to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::folder::FolderKey;
use super::item::Inner;
use crate::model::time::Timestamp;
use crate::sandbox::ids::{change_key, etag};
use crate::sandbox::json;
use crate::sandbox::prefer::BodyType;

/// Where a message stands in its mailbox; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey(pub(super) usize);

/// A name and an address; an address may be missing (F5.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The display name.
    pub name: String,
    /// The address.
    pub address: Option<String>,
}

impl Recipient {
    /// A recipient with both.
    pub fn new(name: &str, address: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: Some(address.to_owned()),
        }
    }
}

/// A body, kept as the JSON strings it is sent as, so that no page has to escape it again.
#[derive(Debug, Clone)]
pub struct MessageBody {
    /// What it was written in: HTML or text.
    pub kind: BodyType,
    /// The content as written, a JSON string with its quotes.
    pub json: Arc<str>,
    /// The content as HTML, which is what comes unless text is preferred (F5.6); the same.
    pub html: Arc<str>,
    /// The first 255 characters of the text.
    pub preview: Arc<str>,
}

impl MessageBody {
    /// A body of `content`.
    pub fn new(kind: BodyType, content: &str) -> Self {
        let text = match kind {
            BodyType::Text => content.to_owned(),
            BodyType::Html => super::plain_text::from_html(content),
        };
        let mut preview = String::with_capacity(255);
        for word in text.split_whitespace() {
            if preview.chars().count() + word.chars().count() >= 255 {
                break;
            }
            if !preview.is_empty() {
                preview.push(' ');
            }
            preview.push_str(word);
        }
        let json: Arc<str> = json::text(content).into();
        let html = match kind {
            BodyType::Html => Arc::clone(&json),
            BodyType::Text => json::text(&super::plain_text::to_html(content)).into(),
        };
        Self {
            kind,
            json,
            html,
            preview: preview.into(),
        }
    }

    /// An empty one.
    pub fn empty() -> Self {
        Self::new(BodyType::Text, "")
    }

    /// The content as written.
    pub fn content(&self) -> String {
        serde_json::from_str(&self.json).expect("a body is kept as the JSON string it was made")
    }
}

/// Importance (F5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// `low`
    Low,
    /// `normal`
    Normal,
    /// `high`
    High,
}

impl Importance {
    /// As it stands on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// From the wire.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Low, Self::Normal, Self::High]
            .into_iter()
            .find(|importance| importance.name().eq_ignore_ascii_case(name))
    }
}

/// What an attachment is.
#[derive(Debug, Clone)]
pub enum AttachmentKind {
    /// A file.
    File {
        /// Its bytes.
        content: Bytes,
        /// What `cid:` names it by.
        content_id: Option<String>,
        /// Its bytes cannot be read: `ErrorCannotOpenFileAttachment` (S30, F8.12).
        unreadable: bool,
    },
    /// An item within the message (F8.4).
    Item(Arc<Inner>),
    /// A link to a file elsewhere.
    Reference {
        /// Where.
        url: String,
    },
}

/// An attachment.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// The end of its id; the beginning is the message's (F8.6).
    pub suffix: String,
    /// File name.
    pub name: String,
    /// Media type.
    pub content_type: String,
    /// Size with encoding overhead (F8.5).
    pub size: usize,
    /// Whether it is shown within the body.
    pub is_inline: bool,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// What it is.
    pub kind: AttachmentKind,
}

impl Attachment {
    /// An item as an attachment.
    pub fn of_item(name: &str, inner: Inner, at: Timestamp) -> Self {
        Self {
            suffix: String::new(),
            name: name.to_owned(),
            content_type: "message/rfc822".to_owned(),
            size: inner.size(),
            is_inline: false,
            modified_at: at,
            kind: AttachmentKind::Item(Arc::new(inner)),
        }
    }

    /// A link as an attachment; its size is that of what is known of it (F8.1).
    pub fn of_link(name: &str, url: &str, at: Timestamp) -> Self {
        Self {
            suffix: String::new(),
            name: name.to_owned(),
            content_type: "application/octet-stream".to_owned(),
            size: url.len() + 320,
            is_inline: false,
            modified_at: at,
            kind: AttachmentKind::Reference {
                url: url.to_owned(),
            },
        }
    }

    /// Its id, given the id of its message in the same format.
    pub fn id(&self, message_id: &str) -> String {
        format!("{}{}", message_id.trim_end_matches('='), self.suffix)
    }
}

/// A follow-up flag; the dates are kept as the client gave them (F5.4).
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// `notFlagged`, `flagged` or `complete`.
    pub status: &'static str,
    /// `startDateTime`, `dueDateTime`, `completedDateTime`.
    pub dates: BTreeMap<&'static str, Value>,
}

impl Default for Flag {
    fn default() -> Self {
        Self {
            status: "notFlagged",
            dates: BTreeMap::new(),
        }
    }
}

/// What meeting mail carries beyond a message (F5.2).
#[derive(Debug, Clone)]
pub struct Meeting {
    /// `eventMessage`, `eventMessageRequest` or `eventMessageResponse`.
    pub item_type: &'static str,
    /// `meetingRequest`, `meetingAccepted`, `meetingCancelled` …
    pub message_type: &'static str,
    /// Begin.
    pub start: Timestamp,
    /// End.
    pub end: Timestamp,
    /// Where.
    pub location: String,
}

/// A message, whole.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its number, for change keys.
    pub serial: u64,
    /// Counts its changes.
    pub version: u64,
    /// The id that stays.
    pub immutable_id: String,
    /// The id that changes with each move.
    pub default_id: String,
    /// Where it is.
    pub folder: FolderKey,
    /// `createdDateTime`.
    pub created_at: Timestamp,
    /// `lastModifiedDateTime`.
    pub modified_at: Timestamp,
    /// `receivedDateTime`.
    pub received_at: Timestamp,
    /// `sentDateTime`.
    pub sent_at: Timestamp,
    /// Subject.
    pub subject: String,
    /// Body.
    pub body: MessageBody,
    /// Importance.
    pub importance: Importance,
    /// The conversation.
    pub conversation_id: Arc<str>,
    /// 22 bytes and 5 more for each reply.
    pub conversation_index: Vec<u8>,
    /// Message-ID.
    pub internet_message_id: String,
    /// Read.
    pub is_read: bool,
    /// Draft.
    pub is_draft: bool,
    /// A delivery receipt was asked for.
    pub wants_delivery_receipt: bool,
    /// A read receipt was asked for.
    pub wants_read_receipt: bool,
    /// `focused` or, when false, `other`.
    pub is_focused: bool,
    /// Flag.
    pub flag: Flag,
    /// Categories.
    pub categories: Vec<String>,
    /// Sender.
    pub sender: Option<Recipient>,
    /// From.
    pub from: Option<Recipient>,
    /// To.
    pub to: Vec<Recipient>,
    /// Cc.
    pub cc: Vec<Recipient>,
    /// Bcc.
    pub bcc: Vec<Recipient>,
    /// Reply-To.
    pub reply_to: Vec<Recipient>,
    /// Internet headers.
    pub headers: Vec<(String, String)>,
    /// Extended properties: id and value.
    pub extended: Vec<(String, String)>,
    /// Attachments.
    pub attachments: Vec<Attachment>,
    /// Present in meeting mail.
    pub meeting: Option<Meeting>,
    /// GET answers 500 `ErrorCorruptData` while the knob is on (S30).
    pub is_poisoned: bool,
    /// It has been sent and leaves soon.
    pub is_leaving: bool,
    /// GET answers 404 until then (S62).
    pub visible_at: Option<Timestamp>,
}

impl Message {
    /// A message with nothing in it; ids are given when it enters a mailbox.
    pub fn blank(now: Timestamp) -> Self {
        Self {
            serial: 0,
            version: 0,
            immutable_id: String::new(),
            default_id: String::new(),
            folder: FolderKey::ROOT,
            created_at: now,
            modified_at: now,
            received_at: now,
            sent_at: now,
            subject: String::new(),
            body: MessageBody::empty(),
            importance: Importance::Normal,
            conversation_id: "".into(),
            conversation_index: Vec::new(),
            internet_message_id: String::new(),
            is_read: false,
            is_draft: false,
            wants_delivery_receipt: false,
            wants_read_receipt: false,
            is_focused: true,
            flag: Flag::default(),
            categories: Vec::new(),
            sender: None,
            from: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            headers: Vec::new(),
            extended: Vec::new(),
            attachments: Vec::new(),
            meeting: None,
            is_poisoned: false,
            is_leaving: false,
            visible_at: None,
        }
    }

    /// Its id in the format asked for.
    pub fn id(&self, immutable: bool) -> &str {
        if immutable {
            &self.immutable_id
        } else {
            &self.default_id
        }
    }

    /// Its version (F5.10).
    pub fn change_key(&self) -> String {
        change_key(self.serial, self.version)
    }

    /// Its etag.
    pub fn etag(&self) -> String {
        etag(self.serial, self.version)
    }

    /// Inline attachments do not count (F5.7, S22).
    pub fn has_attachments(&self) -> bool {
        self.attachments
            .iter()
            .any(|attachment| !attachment.is_inline)
    }

    /// The type without the namespace.
    pub fn item_type(&self) -> &'static str {
        self.meeting
            .as_ref()
            .map_or("message", |meeting| meeting.item_type)
    }
}
