//! A message (F5.1).

use serde::Deserialize;

use super::field::{Field, Text};
use super::page::Removed;

/// A message, whole or partial; also meeting mail, told by its type (F5.2).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageObject<'a> {
    /// The id.
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// `#microsoft.graph.message`, `…eventMessageRequest`, …
    #[serde(borrow, rename = "@odata.type")]
    pub odata_type: Option<Text<'a>>,
    /// `W/"<changeKey>"` (F5.10).
    #[serde(borrow, rename = "@odata.etag")]
    pub etag: Option<Text<'a>>,
    /// Present when it left the view (F6.6).
    #[serde(borrow, rename = "@removed")]
    pub removed: Option<Removed<'a>>,
    /// When it was made.
    #[serde(borrow)]
    pub created_date_time: Field<Text<'a>>,
    /// Not a version (F5.10).
    #[serde(borrow)]
    pub last_modified_date_time: Field<Text<'a>>,
    /// The version.
    #[serde(borrow)]
    pub change_key: Field<Text<'a>>,
    /// Categories.
    #[serde(borrow)]
    pub categories: Field<Vec<Text<'a>>>,
    /// When it arrived.
    #[serde(borrow)]
    pub received_date_time: Field<Text<'a>>,
    /// When it was sent.
    #[serde(borrow)]
    pub sent_date_time: Field<Text<'a>>,
    /// False for inline-only mail (F5.7).
    pub has_attachments: Field<bool>,
    /// Not unique (F5.8).
    #[serde(borrow)]
    pub internet_message_id: Field<Text<'a>>,
    /// Only when selected (F5.5).
    #[serde(borrow)]
    pub internet_message_headers: Field<Vec<HeaderObject<'a>>>,
    /// Subject.
    #[serde(borrow)]
    pub subject: Field<Text<'a>>,
    /// Body.
    #[serde(borrow)]
    pub body: Field<BodyObject<'a>>,
    /// First characters of the body.
    #[serde(borrow)]
    pub body_preview: Field<Text<'a>>,
    /// Importance.
    #[serde(borrow)]
    pub importance: Field<Text<'a>>,
    /// The folder it is in (M39).
    #[serde(borrow)]
    pub parent_folder_id: Field<Text<'a>>,
    /// Sender; may be absent on drafts (F5.9).
    #[serde(borrow)]
    pub sender: Field<RecipientObject<'a>>,
    /// From; may be absent on drafts (F5.9).
    #[serde(borrow)]
    pub from: Field<RecipientObject<'a>>,
    /// To.
    #[serde(borrow)]
    pub to_recipients: Field<Vec<RecipientObject<'a>>>,
    /// Cc.
    #[serde(borrow)]
    pub cc_recipients: Field<Vec<RecipientObject<'a>>>,
    /// Bcc.
    #[serde(borrow)]
    pub bcc_recipients: Field<Vec<RecipientObject<'a>>>,
    /// Reply-To.
    #[serde(borrow)]
    pub reply_to: Field<Vec<RecipientObject<'a>>>,
    /// Conversation.
    #[serde(borrow)]
    pub conversation_id: Field<Text<'a>>,
    /// Base64.
    #[serde(borrow)]
    pub conversation_index: Field<Text<'a>>,
    /// Only when selected (F5.5).
    #[serde(borrow)]
    pub unique_body: Field<BodyObject<'a>>,
    /// Whether a delivery receipt is asked for.
    pub is_delivery_receipt_requested: Field<bool>,
    /// Whether a read receipt is asked for.
    pub is_read_receipt_requested: Field<bool>,
    /// Read or not.
    pub is_read: Field<bool>,
    /// Draft or not.
    pub is_draft: Field<bool>,
    /// Where Outlook shows it.
    #[serde(borrow)]
    pub web_link: Field<Text<'a>>,
    /// `focused` or `other`.
    #[serde(borrow)]
    pub inference_classification: Field<Text<'a>>,
    /// Flag.
    #[serde(borrow)]
    pub flag: Field<FlagObject<'a>>,
    /// Meeting mail only: `meetingRequest`, `meetingTenativelyAccepted`, … (F5.2).
    #[serde(borrow)]
    pub meeting_message_type: Field<Text<'a>>,
}

/// A body or a unique body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BodyObject<'a> {
    /// `text` or `html`.
    #[serde(borrow)]
    pub content_type: Option<Text<'a>>,
    /// The content.
    #[serde(borrow)]
    pub content: Option<Text<'a>>,
}

/// Somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecipientObject<'a> {
    /// Name and address.
    #[serde(borrow)]
    pub email_address: Option<AddressObject<'a>>,
}

/// A name and an address, either of which may be null (F5.9).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AddressObject<'a> {
    /// The name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// The address.
    #[serde(borrow)]
    pub address: Option<Text<'a>>,
}

/// A flag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FlagObject<'a> {
    /// `notFlagged`, `complete`, `flagged`.
    #[serde(borrow)]
    pub flag_status: Option<Text<'a>>,
    /// Start.
    #[serde(borrow)]
    pub start_date_time: Option<super::event::ZonedObject<'a>>,
    /// Due.
    #[serde(borrow)]
    pub due_date_time: Option<super::event::ZonedObject<'a>>,
    /// Completed.
    #[serde(borrow)]
    pub completed_date_time: Option<super::event::ZonedObject<'a>>,
}

/// A header of the mail as it came over the internet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct HeaderObject<'a> {
    /// Name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Value.
    #[serde(borrow)]
    pub value: Option<Text<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_flip_brings_three_fields_and_no_more() {
        // F6.5
        let text = r##"{"@odata.type":"#microsoft.graph.message","id":"X","isRead":true,"parentFolderId":"F"}"##;

        let message: MessageObject = serde_json::from_str(text).expect("a partial message");

        assert_eq!(message.is_read, Field::Value(true));
        assert!(message.parent_folder_id.is_present());
        assert!(!message.subject.is_present());
        assert!(!message.to_recipients.is_present());
    }

    #[test]
    fn nulls_and_unknown_fields_are_no_error() {
        // F5.2, F5.9, M14
        let text = r##"{"id":"X","@odata.type":"#microsoft.graph.eventMessageRequest","from":null,
            "sender":{"emailAddress":null},"toRecipients":[{"emailAddress":{"name":"A","address":null}},{}],
            "flag":{"flagStatus":"flagged","dueDateTime":{"dateTime":"2026-01-09T00:00:00.0000000","timeZone":"UTC"}},
            "meetingMessageType":"meetingTenativelyAccepted","startDateTime":{"x":1},"somethingNew":[1,2]}"##;

        let message: MessageObject = serde_json::from_str(text).expect("a message");

        assert_eq!(message.from, Field::Null);
        let to = message.to_recipients.into_option().expect("recipients");
        assert_eq!(to.len(), 2);
        assert_eq!(
            message.meeting_message_type.as_option().map(Text::as_str),
            Some("meetingTenativelyAccepted")
        );
    }
}
