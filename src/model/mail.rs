//! Folders, messages, threads and attachments as rows.

use serde::{Deserialize, Serialize};

use super::blob::Stored;
use super::ids::GraphId;
use super::time::Timestamp;

/// A mail folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Graph's id; constant over rename and move (F5.21).
    pub external_id: GraphId,
    /// The parent's id.
    pub parent_external_id: Option<GraphId>,
    /// The localised name; may contain `/` (F5.19).
    pub display_name: String,
    /// `inbox`, `sentitems`, … when it is one of those (F5.18).
    pub well_known_name: Option<String>,
    /// Whether it is hidden.
    pub is_hidden: bool,
    /// Items Graph counts in it.
    pub total_item_count: i64,
    /// Unread items Graph counts in it.
    pub unread_item_count: i64,
    /// What Graph sent.
    pub raw: String,
}

/// A name and an address; either may be missing (F5.9).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Party {
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// One internet header of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Header {
    /// Its name.
    #[schema(example = "Received")]
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A message, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The immutable id.
    pub external_id: GraphId,
    /// The folder that Graph names (M39).
    pub folder_external_id: GraphId,
    /// The conversation; the thread's key.
    pub conversation_id: Option<GraphId>,
    /// Version (F5.10).
    pub change_key: Option<String>,
    /// The RFC 5322 Message-ID; not unique (F5.8).
    pub internet_message_id: Option<String>,
    /// `message`, `eventMessageRequest`, … without the namespace (F5.2).
    pub item_type: String,
    /// Subject.
    pub subject: Option<String>,
    /// From.
    pub from: Option<Party>,
    /// Sender, when other than from.
    pub sender: Option<Party>,
    /// To.
    pub to: Vec<Party>,
    /// Cc.
    pub cc: Vec<Party>,
    /// Bcc.
    pub bcc: Vec<Party>,
    /// Reply-To.
    pub reply_to: Vec<Party>,
    /// When it arrived.
    pub received_at: Option<Timestamp>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// `createdDateTime`.
    pub created_at: Option<Timestamp>,
    /// `lastModifiedDateTime`; not a version (F5.10).
    pub modified_at: Option<Timestamp>,
    /// Graph's flag; false for inline-only mail (F5.7).
    pub has_attachments: bool,
    /// Read or not.
    pub is_read: bool,
    /// Draft or not.
    pub is_draft: bool,
    /// `low`, `normal`, `high`, or what Graph invents next.
    pub importance: Option<String>,
    /// Categories.
    pub categories: Vec<String>,
    /// `notFlagged`, `flagged`, `complete`.
    pub flag_status: Option<String>,
    /// `focused` or `other`.
    pub inference: Option<String>,
    /// `text` or `html`.
    pub body_type: Option<String>,
    /// The body as Graph gave it.
    pub body: Option<String>,
    /// The first characters of the body.
    pub body_preview: Option<String>,
    /// Where Outlook shows it.
    pub web_link: Option<String>,
    /// All internet headers, in their order, where they are mirrored.
    pub internet_headers: Option<Vec<Header>>,
    /// What Graph sent, the body's content cut out because it stands in `body`.
    pub raw: String,
}

/// The keys of a delta object that were present (F6.5, M38): everything else stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartialMessage {
    /// The immutable id.
    pub external_id: Option<GraphId>,
    /// Version.
    pub change_key: Option<String>,
    /// When it was last changed, as Graph says.
    pub modified_at: Option<Timestamp>,
    /// The folder.
    pub folder_external_id: Option<GraphId>,
    /// Read or not.
    pub is_read: Option<bool>,
    /// Flag.
    pub flag_status: Option<String>,
    /// Categories.
    pub categories: Option<Vec<String>>,
    /// Importance.
    pub importance: Option<String>,
    /// Focused or other.
    pub inference: Option<String>,
    /// What Graph sent; merged into the row's raw object.
    pub raw: String,
}

/// What is known of an attachment without its bytes (F8.1, F8.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Graph's id.
    pub external_id: GraphId,
    /// File name.
    pub name: Option<String>,
    /// Declared content type.
    pub content_type: Option<String>,
    /// Bytes including overhead (F8.5).
    pub size: i64,
    /// Whether the body shows it.
    pub is_inline: bool,
    /// `file`, `item`, `reference`, or the unknown type's name.
    pub kind: String,
    /// The Content-ID by which a body shows it, where Graph tells it.
    pub content_id: Option<String>,
    /// Where a reference leads, where Graph tells it.
    pub url: Option<String>,
}

/// How the content of an attachment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContentState {
    /// Nobody has asked for it yet.
    Unfetched,
    /// It is kept.
    Stored,
    /// Microsoft cannot open it, for good (F8.12).
    Unreadable,
    /// It is larger than is taken.
    TooLarge,
    /// It is a link: what it leads to is not ours to fetch.
    Reference,
}

/// An attachment as it stands in the mirror, or a part of an attached item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttachment {
    /// What is known of it.
    pub attachment: Attachment,
    /// The attached item it is a part of; its own id is made here then.
    pub parent: Option<GraphId>,
    /// Its place among the parts of that item.
    pub position: Option<i64>,
    /// How its content stands.
    pub state: ContentState,
    /// The content, once stored.
    pub stored: Option<Stored>,
}
