//! Messages and attachments as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::content::file_name;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::{ContentState, Header, Message, Party, StoredAttachment};
use crate::model::time::Timestamp;

/// Somebody in a message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PartyView {
    /// The display name.
    pub name: Option<String>,
    /// The address.
    #[schema(example = "anna@example.org")]
    pub address: Option<String>,
}

/// A body in three forms.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BodyView {
    /// `text` or `html`: what Graph gave.
    pub content_type: Option<String>,
    /// As Graph gave it. Foreign: never show it in a browser as it is.
    pub raw: Option<String>,
    /// As HTML without anything that acts or loads; pictures that came with the message are shown from here. Absent for plain text.
    pub html: Option<String>,
    /// As plain text.
    pub text: Option<String>,
}

/// A message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageView {
    /// The mailbox.
    pub mailbox_id: MailboxId,
    /// Graph's immutable id.
    pub id: String,
    /// The folder it lies in.
    pub folder_id: String,
    /// The conversation it belongs to.
    pub thread_id: Option<String>,
    /// Graph's version of it.
    pub change_key: Option<String>,
    /// The Message-ID header.
    pub internet_message_id: Option<String>,
    /// `message`, `eventMessageRequest` and so on.
    pub item_type: String,
    /// Subject.
    pub subject: Option<String>,
    /// From.
    pub from: Option<PartyView>,
    /// Sender.
    pub sender: Option<PartyView>,
    /// To.
    pub to: Vec<PartyView>,
    /// Cc.
    pub cc: Vec<PartyView>,
    /// Bcc.
    pub bcc: Vec<PartyView>,
    /// Reply-To.
    pub reply_to: Vec<PartyView>,
    /// When it was received.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub received_at: Option<Timestamp>,
    /// When it was sent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sent_at: Option<Timestamp>,
    /// Whether it is read.
    pub is_read: bool,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// Graph's flag; false when all attachments are inline.
    pub has_attachments: bool,
    /// `low`, `normal`, `high`.
    pub importance: Option<String>,
    /// Categories.
    pub categories: Vec<String>,
    /// `notFlagged`, `flagged`, `complete`.
    pub flag_status: Option<String>,
    /// The body.
    pub body: BodyView,
    /// All internet headers, where they are mirrored (`INTERNET_HEADERS`).
    pub internet_headers: Option<Vec<Header>>,
}

impl MessageView {
    pub(super) fn of(
        mailbox: MailboxId,
        message: Message,
        html: Option<String>,
        text: Option<String>,
    ) -> Self {
        Self {
            mailbox_id: mailbox,
            id: message.external_id.0,
            folder_id: message.folder_external_id.0,
            thread_id: message.conversation_id.map(|id| id.0),
            change_key: message.change_key,
            internet_message_id: message.internet_message_id,
            item_type: message.item_type,
            subject: message.subject,
            from: message.from.map(party),
            sender: message.sender.map(party),
            to: parties(message.to),
            cc: parties(message.cc),
            bcc: parties(message.bcc),
            reply_to: parties(message.reply_to),
            received_at: message.received_at,
            sent_at: message.sent_at,
            is_read: message.is_read,
            is_draft: message.is_draft,
            has_attachments: message.has_attachments,
            importance: message.importance,
            categories: message.categories,
            flag_status: message.flag_status,
            internet_headers: message.internet_headers,
            body: BodyView {
                content_type: message.body_type,
                raw: message.body,
                html,
                text,
            },
        }
    }
}

fn party(party: Party) -> PartyView {
    PartyView {
        name: party.name,
        address: party.address,
    }
}

fn parties(parties: Vec<Party>) -> Vec<PartyView> {
    parties.into_iter().map(party).collect()
}

/// An attachment, or a part of an attached item.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttachmentView {
    /// Its id: Graph's, or ours for a part of an attached item.
    pub id: String,
    /// `file`, `item`, `reference`, or what Graph calls it.
    pub kind: String,
    /// The file's name without anything that lies about where or what it is.
    pub name: String,
    /// The declared content type.
    pub content_type: Option<String>,
    /// Bytes as Graph counts them, overhead included.
    pub size: i64,
    /// Whether the body shows it.
    pub is_inline: bool,
    /// The Content-ID by which the body shows it.
    pub content_id: Option<String>,
    /// Where a reference leads, where Graph tells it.
    pub url: Option<String>,
    /// How its content stands.
    pub content_state: ContentState,
    /// SHA-256 of the content, once it is kept.
    pub digest: Option<String>,
    /// Bytes of the content, once it is kept.
    pub stored_size: Option<u64>,
    /// The parts of an attached item, once its content was asked for.
    #[schema(no_recursion)]
    pub parts: Vec<AttachmentView>,
}

impl AttachmentView {
    /// The attachments of a message as a tree.
    pub(super) fn tree(stored: &[StoredAttachment]) -> Vec<Self> {
        Self::below(None, stored)
    }

    /// One of them with what is inside of it.
    pub(super) fn of(one: &StoredAttachment, all: &[StoredAttachment]) -> Self {
        let attachment = &one.attachment;
        Self {
            id: attachment.external_id.0.clone(),
            kind: attachment.kind.clone(),
            name: file_name::clean(attachment.name.as_deref()),
            content_type: attachment.content_type.clone(),
            size: attachment.size,
            is_inline: attachment.is_inline,
            content_id: attachment.content_id.clone(),
            url: attachment.url.clone(),
            content_state: one.state,
            digest: one.stored.map(|stored| stored.digest.to_string()),
            stored_size: one.stored.map(|stored| stored.size),
            parts: Self::below(Some(&attachment.external_id), all),
        }
    }

    /// Parts nest no deeper than they are unpacked, so that this ends.
    fn below(parent: Option<&GraphId>, all: &[StoredAttachment]) -> Vec<Self> {
        let mut parts: Vec<&StoredAttachment> = all
            .iter()
            .filter(|one| one.parent.as_ref() == parent)
            .collect();
        parts.sort_by_key(|part| part.position);
        parts.into_iter().map(|part| Self::of(part, all)).collect()
    }
}
