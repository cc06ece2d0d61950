//! Messages as Graph writes them, straight from the structs.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::MailState;
use super::attachment_view::{AttachmentView, push_attachment};
use super::fields::Fields;
use super::message::{Meeting, Message, MessageBody, Recipient};
use super::plain_text;
use crate::sandbox::error::GraphFault;
use crate::sandbox::json::{Object, push_escaped, push_list, push_text};
use crate::sandbox::prefer::{BodyType, Prefer};
use crate::sandbox::query::{Expand, Query, encode};
use crate::sandbox::stamp;

/// How the messages of one answer are written.
#[derive(Debug, Clone)]
pub struct MessageView {
    /// The properties.
    pub fields: Fields,
    /// The id format.
    pub immutable: bool,
    /// The body's format.
    pub body_type: BodyType,
    /// `$expand=attachments`.
    pub attachments: Option<AttachmentView>,
    /// `$expand=singleValueExtendedProperties`: the ids in its filter.
    pub extended: Option<Vec<String>>,
    /// Whether every item names its type, as delta does.
    pub typed: bool,
}

impl MessageView {
    /// What the query and the preferences of a call ask for.
    pub fn of(query: &Query, prefer: &Prefer) -> Result<Self, GraphFault> {
        let attachments = query
            .expands("attachments")
            .map(AttachmentView::expanded)
            .transpose()?;
        for expand in &query.expand {
            let known = ["attachments", "extensions", "singleValueExtendedProperties"];
            let bare = expand.navigation.rsplit('/').next().unwrap_or_default();
            if !known.iter().any(|known| known.eq_ignore_ascii_case(bare)) && bare != "event" {
                return Err(GraphFault::bad_request(
                    "RequestBroker--ParseUri",
                    format!(
                        "Could not find a property named '{bare}' on type 'Microsoft.OutlookServices.Message'."
                    ),
                ));
            }
        }
        Ok(Self {
            fields: Fields::selected(&query.select)?,
            immutable: prefer.immutable_ids,
            body_type: prefer.body_type.unwrap_or(BodyType::Html),
            attachments,
            extended: query
                .expands("singleValueExtendedProperties")
                .map(Expand::quoted),
            typed: false,
        })
    }

    /// Everything, with immutable ids: the truth (S72).
    pub fn truth() -> Self {
        Self {
            fields: Fields::DEFAULT,
            immutable: true,
            body_type: BodyType::Html,
            attachments: Some(AttachmentView::metadata()),
            extended: None,
            typed: true,
        }
    }
}

/// Appends a message.
pub fn push_message(out: &mut String, mail: &MailState, message: &Message, view: &MessageView) {
    let mut object = Object::open(out);
    write_head(&mut object, message, view.typed);
    object.text("id", message.id(view.immutable));
    write_fields(&mut object, mail.folder_id(message.folder), message, view);
    if let Some(attachments) = &view.attachments {
        let id = message.id(view.immutable);
        push_list(
            object.key("attachments"),
            &message.attachments,
            |out, attachment| {
                push_attachment(out, attachment, id, attachments);
            },
        );
    }
    if let Some(wanted) = &view.extended {
        write_extended(&mut object, message, wanted);
    }
    object.close();
}

/// Appends a message within a message: it has no id and stands in no folder (F8.4). `attachment_id` is
/// that of the attachment that holds it, `levels` how many more may follow.
pub fn push_nested(out: &mut String, message: &Message, attachment_id: &str, levels: usize) {
    let view = MessageView {
        fields: Fields::DEFAULT.without(Fields::PARENT_FOLDER | Fields::CONVERSATION),
        typed: true,
        ..MessageView::truth()
    };
    let mut object = Object::open(out);
    write_head(&mut object, message, view.typed);
    object.text("id", "");
    write_fields(&mut object, "", message, &view);
    let view = AttachmentView::within(levels);
    push_list(
        object.key("attachments"),
        message.attachments.iter().enumerate(),
        |out, (nth, part)| {
            let id = format!("{attachment_id}{nth:02}");
            push_attachment(out, part, &id, &view);
        },
    );
    object.close();
}

/// Appends `{id, isRead, parentFolderId}`, all that an `isRead` flip may bring (F6.5, S35).
pub fn push_read_change(out: &mut String, mail: &MailState, message: &Message, view: &MessageView) {
    let mut object = Object::open(out);
    write_head(&mut object, message, view.typed);
    object.text("id", message.id(view.immutable));
    if view.fields.has(Fields::IS_READ) {
        object.flag("isRead", message.is_read);
    }
    if view.fields.has(Fields::PARENT_FOLDER) {
        object.text("parentFolderId", mail.folder_id(message.folder));
    }
    object.close();
}

fn write_head(object: &mut Object<'_>, message: &Message, typed: bool) {
    if typed || message.meeting.is_some() {
        let out = object.key("@odata.type");
        out.push_str("\"#microsoft.graph.");
        out.push_str(message.item_type());
        out.push('"');
    }
    let out = object.key("@odata.etag");
    out.push_str("\"W/\\\"");
    push_escaped(out, &message.change_key());
    out.push_str("\\\"\"");
}

fn write_fields(object: &mut Object<'_>, folder_id: &str, message: &Message, view: &MessageView) {
    let fields = view.fields;
    if fields.has(Fields::CREATED) {
        object.instant("createdDateTime", message.created_at);
    }
    if fields.has(Fields::MODIFIED) {
        object.instant("lastModifiedDateTime", message.modified_at);
    }
    if fields.has(Fields::CHANGE_KEY) {
        object.text("changeKey", &message.change_key());
    }
    if fields.has(Fields::CATEGORIES) {
        push_list(
            object.key("categories"),
            &message.categories,
            |out, text| {
                push_text(out, text);
            },
        );
    }
    if fields.has(Fields::RECEIVED) {
        object.instant("receivedDateTime", message.received_at);
    }
    if fields.has(Fields::SENT) {
        object.instant("sentDateTime", message.sent_at);
    }
    if fields.has(Fields::HAS_ATTACHMENTS) {
        object.flag("hasAttachments", message.has_attachments());
    }
    if fields.has(Fields::INTERNET_MESSAGE_ID) {
        object.text("internetMessageId", &message.internet_message_id);
    }
    if fields.has(Fields::SUBJECT) {
        object.text("subject", &message.subject);
    }
    if fields.has(Fields::BODY_PREVIEW) {
        object.text("bodyPreview", &message.body.preview);
    }
    if fields.has(Fields::IMPORTANCE) {
        object.text("importance", message.importance.name());
    }
    if fields.has(Fields::PARENT_FOLDER) {
        object.text("parentFolderId", folder_id);
    }
    if fields.has(Fields::CONVERSATION) {
        object.text("conversationId", &message.conversation_id);
    }
    if fields.has(Fields::CONVERSATION_INDEX) {
        let out = object.key("conversationIndex");
        out.push('"');
        STANDARD.encode_string(&message.conversation_index, out);
        out.push('"');
    }
    write_state(object, message, view);
    if fields.has(Fields::BODY) {
        write_body(object, "body", &message.body, view.body_type);
    }
    write_people(object, message, fields);
    if fields.has(Fields::FLAG) {
        write_flag(object, message);
    }
    write_on_demand(object, message, view);
    if let Some(meeting) = &message.meeting
        && fields.has(Fields::MEETING)
    {
        write_meeting(object, meeting);
    }
}

/// The many small ones between conversation and body.
fn write_state(object: &mut Object<'_>, message: &Message, view: &MessageView) {
    let fields = view.fields;
    if fields.has(Fields::DELIVERY_RECEIPT) {
        object.flag("isDeliveryReceiptRequested", message.wants_delivery_receipt);
    }
    if fields.has(Fields::READ_RECEIPT) {
        object.flag("isReadReceiptRequested", message.wants_read_receipt);
    }
    if fields.has(Fields::IS_READ) {
        object.flag("isRead", message.is_read);
    }
    if fields.has(Fields::IS_DRAFT) {
        object.flag("isDraft", message.is_draft);
    }
    if fields.has(Fields::WEB_LINK) {
        let out = object.key("webLink");
        out.push_str("\"https://outlook.office365.com/owa/?ItemID=");
        out.push_str(&encode(message.id(view.immutable)));
        out.push_str("&exvsurl=1&viewmodel=ReadMessageItem\"");
    }
    if fields.has(Fields::CLASSIFICATION) {
        let name = if message.is_focused {
            "focused"
        } else {
            "other"
        };
        object.text("inferenceClassification", name);
    }
}

/// What comes only when it is selected (F5.5, S20).
fn write_on_demand(object: &mut Object<'_>, message: &Message, view: &MessageView) {
    let fields = view.fields;
    if fields.has(Fields::HEADERS) && !message.headers.is_empty() {
        push_list(
            object.key("internetMessageHeaders"),
            &message.headers,
            |out, (name, value)| {
                let mut header = Object::open(out);
                header.text("name", name);
                header.text("value", value);
                header.close();
            },
        );
    }
    if fields.has(Fields::UNIQUE_BODY) {
        let unique = unique_part(&message.body);
        write_body(object, "uniqueBody", &unique, view.body_type);
    }
}

fn write_people(object: &mut Object<'_>, message: &Message, fields: Fields) {
    // A draft without a sender has neither key (F5.9).
    if let Some(sender) = &message.sender
        && fields.has(Fields::SENDER)
    {
        push_recipient(object.key("sender"), sender);
    }
    if let Some(from) = &message.from
        && fields.has(Fields::FROM)
    {
        push_recipient(object.key("from"), from);
    }
    for (field, name, people) in [
        (Fields::TO, "toRecipients", &message.to),
        (Fields::CC, "ccRecipients", &message.cc),
        (Fields::BCC, "bccRecipients", &message.bcc),
        (Fields::REPLY_TO, "replyTo", &message.reply_to),
    ] {
        if fields.has(field) {
            push_list(object.key(name), people, push_recipient);
        }
    }
}

fn push_recipient(out: &mut String, recipient: &Recipient) {
    out.push_str("{\"emailAddress\":");
    let mut address = Object::open(out);
    address.text("name", &recipient.name);
    address.optional("address", recipient.address.as_deref());
    address.close();
    out.push('}');
}

/// HTML unless text is preferred (F5.6, S21).
fn write_body(object: &mut Object<'_>, name: &str, body: &MessageBody, wanted: BodyType) {
    let out = object.key(name);
    match (wanted, body.kind) {
        (BodyType::Html, _) => {
            out.push_str("{\"contentType\":\"html\",\"content\":");
            out.push_str(&body.html);
        }
        (BodyType::Text, BodyType::Text) => {
            out.push_str("{\"contentType\":\"text\",\"content\":");
            out.push_str(&body.json);
        }
        (BodyType::Text, BodyType::Html) => {
            out.push_str("{\"contentType\":\"text\",\"content\":");
            push_text(out, &plain_text::from_html(&body.content()));
        }
    }
    out.push('}');
}

/// Where the quoted part of a reply begins, in HTML and in text.
pub const QUOTE_MARKS: [&str; 2] = [
    "<div id=\"divRplyFwdMsg\"",
    "________________________________",
];

fn unique_part(body: &MessageBody) -> MessageBody {
    let content = body.content();
    let unique = QUOTE_MARKS
        .iter()
        .filter_map(|mark| content.split_once(mark))
        .map(|(before, _)| before)
        .min_by_key(|before| before.len())
        .unwrap_or(&content);
    MessageBody::new(body.kind, unique)
}

fn write_flag(object: &mut Object<'_>, message: &Message) {
    let mut flag = Object::open(object.key("flag"));
    flag.text("flagStatus", message.flag.status);
    write_dates(&mut flag, &message.flag.dates);
    flag.close();
}

fn write_dates(object: &mut Object<'_>, dates: &BTreeMap<&'static str, Value>) {
    for (name, date) in dates {
        object.raw(name, &date.to_string());
    }
}

fn write_meeting(object: &mut Object<'_>, meeting: &Meeting) {
    object.text("meetingMessageType", meeting.message_type);
    object.text("type", "singleInstance");
    object.flag("isOutOfDate", false);
    object.flag("isAllDay", false);
    object.flag("isDelegated", false);
    for (name, at) in [
        ("startDateTime", meeting.start),
        ("endDateTime", meeting.end),
    ] {
        let mut date = Object::open(object.key(name));
        let written = format!("{}.0000000", stamp::seconds_without_zone(at));
        date.text("dateTime", &written);
        date.text("timeZone", "UTC");
        date.close();
    }
    let mut location = Object::open(object.key("location"));
    location.text("displayName", &meeting.location);
    location.text("locationType", "default");
    location.close();
    object.raw("recurrence", "null");
    if meeting.item_type == "eventMessageRequest" {
        object.text("meetingRequestType", "newMeetingRequest");
        object.flag("responseRequested", true);
        object.flag("allowNewTimeProposals", true);
    }
}

fn write_extended(object: &mut Object<'_>, message: &Message, wanted: &[String]) {
    let found: Vec<_> = message
        .extended
        .iter()
        .filter(|(id, _)| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(id)))
        .collect();
    if found.is_empty() {
        return;
    }
    push_list(
        object.key("singleValueExtendedProperties"),
        found,
        |out, (id, value)| {
            let mut property = Object::open(out);
            property.text("id", id);
            property.text("value", value);
            property.close();
        },
    );
}
