//! Messages and their attachments' metadata (F5.1, F8.1).

use super::mend::{read_mended, read_or_mend};
use super::raw::{storable, without_content};
use super::time::instant;
use super::{Unreadable, id, possible, text, type_name, version};
use crate::graph::wire::message::{AddressObject, FlagObject, HeaderObject, RecipientObject};
use crate::graph::wire::{AttachmentObject, Field, MessageObject, Text};
use crate::model::ids::GraphId;
use crate::model::mail::{Attachment, Header, Message, PartialMessage, Party};

/// A message as a page or a GET brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageItem {
    /// Whole.
    Whole(Box<Message>),
    /// Some fields only (F6.5). `suffices` when merging them leaves nothing open: no field beyond those that merge, and a
    /// version to go with them; otherwise the message must be fetched too (M38).
    Partial {
        /// What was there.
        message: Box<PartialMessage>,
        /// Whose.
        external_id: GraphId,
        /// Whether merging is enough.
        suffices: bool,
    },
    /// It left this view (F6.6): a suspicion, no more (M4).
    Removed(GraphId),
}

/// Reads an item of a list of messages, of a delta, or a message by itself.
pub fn read(item: &str) -> Result<MessageItem, Unreadable> {
    let read = |text: &str| Some(understand(item, serde_json::from_str(text).ok()?));
    if let Some(shown) = read(item) {
        return shown;
    }
    let mut shown = read_mended(item, read).ok_or(Unreadable::Shape)??;
    if let MessageItem::Partial { suffices, .. } = &mut shown {
        // What could not be read is open.
        *suffices = false;
    }
    Ok(shown)
}

fn understand(item: &str, object: MessageObject) -> Result<MessageItem, Unreadable> {
    let external_id = object
        .id
        .as_ref()
        .filter(|id| GraphId::is_possible(id))
        .map(|id| GraphId(id.as_str().to_owned()))
        .ok_or(Unreadable::Missing("id"))?;
    if object.removed.is_some() {
        return Ok(MessageItem::Removed(external_id));
    }
    if is_whole(&object) {
        whole(item, external_id, object).map(|message| MessageItem::Whole(Box::new(message)))
    } else {
        Ok(partial(item, external_id, object))
    }
}

/// Fields that every whole message has, even if null.
fn is_whole(object: &MessageObject) -> bool {
    object.parent_folder_id.as_option().is_some()
        && object.body.is_present()
        && object.subject.is_present()
        && object.is_read.is_present()
        && object.received_date_time.is_present()
}

fn whole(item: &str, external_id: GraphId, object: MessageObject) -> Result<Message, Unreadable> {
    let received_at = instant(&object.received_date_time);
    let sent_at = instant(&object.sent_date_time);
    let created_at = instant(&object.created_date_time);
    let modified_at = instant(&object.last_modified_date_time);
    let item_type = type_name(object.odata_type.as_ref(), "message").to_owned();
    let change_key = text(object.change_key).or_else(|| version(object.etag.as_ref()));
    let (body_type, body) = object
        .body
        .into_option()
        .map_or((None, None), |body| (body.content_type, body.content));
    Ok(Message {
        external_id,
        folder_external_id: id(object.parent_folder_id)
            .ok_or(Unreadable::Missing("parentFolderId"))?,
        conversation_id: id(object.conversation_id),
        change_key,
        internet_message_id: text(object.internet_message_id),
        item_type,
        subject: text(object.subject),
        from: object.from.into_option().and_then(party),
        sender: object.sender.into_option().and_then(party),
        to: parties(object.to_recipients),
        cc: parties(object.cc_recipients),
        bcc: parties(object.bcc_recipients),
        reply_to: parties(object.reply_to),
        received_at,
        sent_at,
        created_at,
        modified_at,
        has_attachments: object.has_attachments.into_option().unwrap_or(false),
        is_read: object.is_read.into_option().unwrap_or(false),
        is_draft: object.is_draft.into_option().unwrap_or(false),
        importance: text(object.importance),
        categories: texts(object.categories).unwrap_or_default(),
        flag_status: flag(object.flag),
        inference: text(object.inference_classification),
        body_type: body_type.map(Text::into_string),
        body: body.map(Text::into_string),
        body_preview: text(object.body_preview),
        web_link: text(object.web_link),
        internet_headers: headers(object.internet_message_headers),
        raw: storable(without_content(item)),
    })
}

fn partial(item: &str, external_id: GraphId, object: MessageObject) -> MessageItem {
    let change_key = text(object.change_key).or_else(|| version(object.etag.as_ref()));
    let beyond = object.subject.is_present()
        || object.body.is_present()
        || object.received_date_time.is_present()
        || object.sent_date_time.is_present()
        || object.has_attachments.is_present()
        || object.is_draft.is_present()
        || object.from.is_present()
        || object.sender.is_present()
        || object.to_recipients.is_present()
        || object.cc_recipients.is_present()
        || object.bcc_recipients.is_present()
        || object.reply_to.is_present()
        || object.conversation_id.is_present()
        || object.internet_message_id.is_present()
        || object.web_link.is_present()
        || object.created_date_time.is_present();
    let nulled = matches!(object.importance, Field::Null)
        || matches!(object.flag, Field::Null)
        || matches!(object.inference_classification, Field::Null);
    // Graph mostly leaves the time of a read flip out, and mostly it does not move (F5.10); whether it did, only the whole
    // message tells.
    let modified_at = instant(&object.last_modified_date_time);
    let suffices = change_key.is_some() && modified_at.is_some() && !beyond && !nulled;
    MessageItem::Partial {
        external_id: external_id.clone(),
        suffices,
        message: Box::new(PartialMessage {
            external_id: Some(external_id),
            change_key,
            modified_at,
            folder_external_id: id(object.parent_folder_id),
            is_read: object.is_read.into_option(),
            flag_status: flag(object.flag),
            categories: texts(object.categories),
            importance: text(object.importance),
            inference: text(object.inference_classification),
            raw: storable(without_content(item)),
        }),
    }
}

fn flag(field: Field<FlagObject<'_>>) -> Option<String> {
    field
        .into_option()
        .and_then(|flag| flag.flag_status)
        .map(Text::into_string)
}

fn texts(field: Field<Vec<Text<'_>>>) -> Option<Vec<String>> {
    field
        .into_option()
        .map(|texts| texts.into_iter().map(Text::into_string).collect())
}

fn headers(field: Field<Vec<HeaderObject<'_>>>) -> Option<Vec<Header>> {
    let headers = field.into_option()?.into_iter();
    Some(
        headers
            .filter_map(|header| {
                Some(Header {
                    name: header.name?.into_string(),
                    value: header.value.map(Text::into_string).unwrap_or_default(),
                })
            })
            .collect(),
    )
}

fn parties(field: Field<Vec<RecipientObject<'_>>>) -> Vec<Party> {
    field
        .into_option()
        .unwrap_or_default()
        .into_iter()
        .filter_map(party)
        .collect()
}

/// Somebody; none when neither name nor address is there (F5.9).
pub(super) fn party(recipient: RecipientObject<'_>) -> Option<Party> {
    let AddressObject { name, address } = recipient.email_address?;
    if name.is_none() && address.is_none() {
        return None;
    }
    Some(Party {
        name: name.map(Text::into_string),
        address: address.map(Text::into_string),
    })
}

/// Whether a message may have attachments: Graph's flag passes over inline ones, which only the body gives
/// away (F5.7, M40).
pub fn may_have_attachments(message: &Message) -> bool {
    message.has_attachments
        || message.body.as_deref().is_some_and(|body| {
            message.body_type.as_deref() != Some("text") && body.contains("cid:")
        })
}

/// Reads an attachment's metadata.
pub fn read_attachment(item: &str) -> Result<Attachment, Unreadable> {
    read_or_mend(item, |text| {
        Some(understand_attachment(serde_json::from_str(text).ok()?))
    })
    .ok_or(Unreadable::Shape)?
}

fn understand_attachment(object: AttachmentObject<'_>) -> Result<Attachment, Unreadable> {
    let name = type_name(object.odata_type.as_ref(), "fileAttachment");
    let kind = name.strip_suffix("Attachment").unwrap_or(name).to_owned();
    Ok(Attachment {
        external_id: possible(object.id).ok_or(Unreadable::Missing("id"))?,
        name: object.name.map(Text::into_string),
        content_type: object.content_type.map(Text::into_string),
        size: object.size.unwrap_or(0),
        is_inline: object.is_inline.unwrap_or(false),
        kind,
        content_id: object.content_id.map(Text::into_string),
        url: object.source_url.map(Text::into_string),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"@odata.etag":"W/\"CK2\"","id":"AAkA/1==","createdDateTime":"2026-01-09T08:00:00Z",
        "lastModifiedDateTime":"2026-01-09T08:00:01Z","changeKey":"CK2","categories":["Red"],
        "receivedDateTime":"2026-01-09T08:00:00Z","sentDateTime":"2026-01-09T07:59:58Z","hasAttachments":false,
        "internetMessageId":"<a@b>","subject":"Grüße","bodyPreview":"Hi","importance":"normal","parentFolderId":"F1",
        "conversationId":"T1","isRead":false,"isDraft":false,"webLink":"https://outlook.office.com/x",
        "inferenceClassification":"focused","body":{"contentType":"html","content":"<img src=\"cid:1\">"},
        "sender":{"emailAddress":{"name":"A","address":"a@b.example"}},
        "from":{"emailAddress":{"name":"A","address":"a@b.example"}},
        "toRecipients":[{"emailAddress":{"name":"B","address":null}},{"emailAddress":null},{}],
        "ccRecipients":[],"bccRecipients":[],"replyTo":[],"flag":{"flagStatus":"notFlagged"},"new":{"x":[1]}}"#;

    fn whole(item: &str) -> Message {
        match read(item) {
            Ok(MessageItem::Whole(message)) => *message,
            other => panic!("not whole: {other:?}"),
        }
    }

    #[test]
    fn a_whole_message_becomes_a_row() {
        let message = whole(WHOLE);

        assert_eq!(message.external_id, GraphId::from("AAkA/1=="));
        assert_eq!(message.folder_external_id, GraphId::from("F1"));
        assert_eq!(message.change_key.as_deref(), Some("CK2"));
        assert_eq!(message.body.as_deref(), Some("<img src=\"cid:1\">"));
        assert_eq!(
            message.to.len(),
            1,
            "a recipient without name and address is nobody"
        );
        assert_eq!(message.to[0].address, None);
        assert_eq!(message.item_type, "message");
        assert!(message.raw.contains(r#""content":null"#));
        assert!(
            message.raw.contains(r#""new":{"x":[1]}"#),
            "unknown fields are kept"
        );
        assert!(
            may_have_attachments(&message),
            "an inline image has no flag (F5.7)"
        );
    }

    #[test]
    fn a_draft_without_from_and_a_placeholder_time_are_read() {
        // F5.9
        let item = WHOLE
            .replace(
                r#""from":{"emailAddress":{"name":"A","address":"a@b.example"}},"#,
                "",
            )
            .replace("2026-01-09T07:59:58Z", "0001-01-01T00:00:00Z");

        let message = whole(&item);

        assert_eq!(message.from, None);
        assert_eq!(message.sent_at, None);
    }

    #[test]
    fn meeting_mail_keeps_its_type() {
        let item = WHOLE.replace(
            r#"{"@odata.etag""#,
            r##"{"@odata.type":"#microsoft.graph.eventMessageRequest","@odata.etag""##,
        );

        assert_eq!(whole(&item).item_type, "eventMessageRequest");
    }

    #[test]
    fn a_read_flip_is_partial_and_suffices_only_with_its_version_and_time() {
        // F6.5, M38
        let bare = r#"{"id":"X","isRead":true,"parentFolderId":"F"}"#;
        let Ok(MessageItem::Partial {
            message, suffices, ..
        }) = read(bare)
        else {
            panic!("it is partial");
        };
        assert_eq!(message.is_read, Some(true));
        assert_eq!(message.categories, None);
        assert!(!suffices);

        let timeless = r#"{"@odata.etag":"W/\"K\"","id":"X","isRead":true}"#;
        assert!(matches!(
            read(timeless),
            Ok(MessageItem::Partial {
                suffices: false,
                ..
            })
        ));

        let tagged = r#"{"@odata.etag":"W/\"K\"","id":"X","isRead":true,"lastModifiedDateTime":"2026-01-09T08:00:00Z"}"#;
        let Ok(MessageItem::Partial {
            message, suffices, ..
        }) = read(tagged)
        else {
            panic!("it is partial");
        };
        assert_eq!(message.change_key.as_deref(), Some("K"));
        assert!(suffices);

        let more = r#"{"@odata.etag":"W/\"K\"","id":"X","subject":"new"}"#;
        assert!(matches!(
            read(more),
            Ok(MessageItem::Partial {
                suffices: false,
                ..
            })
        ));
    }

    #[test]
    fn a_removal_is_told_whatever_else_is_there() {
        let item = r#"{"id":"X","@removed":{"reason":"changed"},"subject":"x"}"#;
        assert_eq!(read(item), Ok(MessageItem::Removed(GraphId::from("X"))));
    }

    #[test]
    fn foreign_input_is_an_error_and_no_panic() {
        assert_eq!(read("[1]"), Err(Unreadable::Shape));
        assert_eq!(read(r#"{"subject":"x"}"#), Err(Unreadable::Missing("id")));
        let endless = WHOLE.replace("AAkA/1==", &"A".repeat(2_000));
        assert_eq!(read(&endless), Err(Unreadable::Missing("id")));
    }

    #[test]
    fn a_field_that_cannot_be_read_costs_the_message_no_more_than_itself() {
        let odd = WHOLE
            .replace(r#""isRead":false"#, r#""isRead":"no""#)
            .replace("2026-01-09T08:00:00Z", "é");

        let message = whole(&odd);

        assert!(!message.is_read);
        assert_eq!(message.received_at, None);
        assert_eq!(message.subject.as_deref(), Some("Grüße"));
        assert!(
            message.raw.contains(r#""isRead":"no""#),
            "the raw text says what came"
        );
        let partial = r#"{"@odata.etag":"W/\"K\"","id":"X","isRead":"yes"}"#;
        assert!(matches!(
            read(partial),
            Ok(MessageItem::Partial {
                suffices: false,
                ..
            })
        ));
    }

    #[test]
    fn attachments_are_told_by_their_type() {
        // F8.1
        let file = r##"{"@odata.type":"#microsoft.graph.fileAttachment","id":"A","name":"a.pdf","size":12,"isInline":false}"##;
        let attachment = read_attachment(file).expect("an attachment");
        assert_eq!(attachment.kind, "file");
        let other = r##"{"@odata.type":"#microsoft.graph.holographic","id":"A"}"##;
        assert_eq!(
            read_attachment(other).expect("an attachment").kind,
            "holographic"
        );
    }
}
