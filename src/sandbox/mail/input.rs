//! Messages and attachments as clients write them.

use std::sync::Arc;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::item::{Inner, MOST_LEVELS};
use super::message::{Attachment, AttachmentKind, Importance, Message, MessageBody, Recipient};
use super::operations::{MessagePatch, flag_from};
use crate::model::time::Timestamp;
use crate::sandbox::error::GraphFault;
use crate::sandbox::prefer::BodyType;

/// From this many bytes on a file is attached by an upload session, and not otherwise (F8.8).
pub const UPLOADED_FROM: usize = 3 * 1024 * 1024;

/// What an attachment weighs beyond its bytes (F8.5).
pub const OVERHEAD: usize = 150;

/// A message in a request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageInput {
    is_read: Option<bool>,
    categories: Option<Vec<String>>,
    flag: Option<Value>,
    importance: Option<String>,
    inference_classification: Option<String>,
    is_delivery_receipt_requested: Option<bool>,
    is_read_receipt_requested: Option<bool>,
    single_value_extended_properties: Option<Vec<ExtendedInput>>,
    subject: Option<String>,
    body: Option<BodyInput>,
    from: Option<RecipientInput>,
    sender: Option<RecipientInput>,
    to_recipients: Option<Vec<RecipientInput>>,
    cc_recipients: Option<Vec<RecipientInput>>,
    bcc_recipients: Option<Vec<RecipientInput>>,
    reply_to: Option<Vec<RecipientInput>>,
    internet_message_id: Option<String>,
    internet_message_headers: Option<Vec<HeaderInput>>,
    attachments: Option<Vec<AttachmentInput>>,
}

#[derive(Debug, Deserialize)]
struct ExtendedInput {
    id: String,
    value: String,
}

impl ExtendedInput {
    /// Id and value; an id is a type, a property set or none, and a name or a number.
    fn checked(self) -> Result<(String, String), GraphFault> {
        let mut words = self.id.splitn(4, ' ');
        let kind = words.next().unwrap_or_default();
        let set = words.next().unwrap_or_default();
        let is_tag = |tag: &str| {
            let digits = tag.strip_prefix("0x").unwrap_or_default();
            u32::from_str_radix(digits, 16).is_ok()
        };
        let is_set = |set: &str| {
            let guid = set.strip_prefix('{').and_then(|set| set.strip_suffix('}'));
            guid.is_some_and(|guid| uuid::Uuid::try_parse(guid).is_ok())
        };
        let is_kind = EXTENDED_KINDS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(kind));
        let is_known = match (words.next(), words.next()) {
            (None, None) => is_tag(set),
            (Some("Name"), Some(name)) => is_set(set) && !name.trim().is_empty(),
            (Some("Id"), Some(tag)) => is_set(set) && is_tag(tag),
            _ => false,
        };
        if is_kind && is_known {
            return Ok((self.id, self.value));
        }
        Err(GraphFault::bad_request(
            "ErrorInvalidProperty",
            "The id of the extended property is invalid.",
        ))
    }
}

/// What an extended property of one value may be.
const EXTENDED_KINDS: &[&str] = &[
    "ApplicationTime",
    "Binary",
    "Boolean",
    "CLSID",
    "Currency",
    "Double",
    "Float",
    "Integer",
    "Long",
    "Short",
    "String",
    "SystemTime",
];

#[derive(Debug, Deserialize)]
struct HeaderInput {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BodyInput {
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    content: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecipientInput {
    email_address: AddressInput,
}

#[derive(Debug, Deserialize)]
struct AddressInput {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    address: Option<String>,
}

/// An attachment in a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentInput {
    #[serde(rename = "@odata.type", default)]
    item_type: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    content_bytes: Option<String>,
    #[serde(default)]
    content_id: Option<String>,
    #[serde(default)]
    is_inline: bool,
    #[serde(default)]
    item: Option<Value>,
    #[serde(default)]
    source_url: Option<String>,
}

impl From<RecipientInput> for Recipient {
    fn from(input: RecipientInput) -> Self {
        let address = input.email_address.address;
        Self {
            name: input
                .email_address
                .name
                .or_else(|| address.clone())
                .unwrap_or_default(),
            address,
        }
    }
}

fn invalid(what: &str) -> GraphFault {
    GraphFault::bad_request(
        "ErrorInvalidRequest",
        format!("The value of {what} is invalid."),
    )
}

impl MessageInput {
    /// Everything but the attachments as a patch, and the attachments.
    pub fn into_patch(self, now: Timestamp) -> Result<(MessagePatch, Vec<Attachment>), GraphFault> {
        let people = |list: Option<Vec<RecipientInput>>| {
            list.map(|list| list.into_iter().map(Recipient::from).collect::<Vec<_>>())
        };
        let attachments = self
            .attachments
            .unwrap_or_default()
            .into_iter()
            .map(|attachment| attachment.into_attachment(now))
            .collect::<Result<_, _>>()?;
        let headers = self.internet_message_headers.map(|headers| {
            headers
                .into_iter()
                .map(|header| (header.name, header.value))
                .collect::<Vec<_>>()
        });
        if let Some(headers) = &headers {
            check_headers(headers)?;
        }
        let patch = MessagePatch {
            is_read: self.is_read,
            categories: self.categories,
            flag: self
                .flag
                .map(|flag| flag_from(&flag).ok_or_else(|| invalid("flag")))
                .transpose()?,
            importance: self
                .importance
                .map(|name| Importance::parse(&name).ok_or_else(|| invalid("importance")))
                .transpose()?,
            is_focused: self
                .inference_classification
                .map(|name| match name.to_ascii_lowercase().as_str() {
                    "focused" => Ok(true),
                    "other" => Ok(false),
                    _ => Err(invalid("inferenceClassification")),
                })
                .transpose()?,
            wants_delivery_receipt: self.is_delivery_receipt_requested,
            wants_read_receipt: self.is_read_receipt_requested,
            extended: self
                .single_value_extended_properties
                .unwrap_or_default()
                .into_iter()
                .map(ExtendedInput::checked)
                .collect::<Result<_, _>>()?,
            subject: self.subject,
            body: self.body.map(BodyInput::into_body).transpose()?,
            from: self.from.map(|from| Some(from.into())),
            sender: self.sender.map(|sender| Some(sender.into())),
            to: people(self.to_recipients),
            cc: people(self.cc_recipients),
            bcc: people(self.bcc_recipients),
            reply_to: people(self.reply_to),
            internet_message_id: self.internet_message_id,
            headers,
        };
        let recipients = [&patch.to, &patch.cc, &patch.bcc]
            .into_iter()
            .flatten()
            .map(Vec::len)
            .sum::<usize>();
        check_count(recipients)?;
        Ok((patch, attachments))
    }

    /// Whether it says whom it goes to.
    pub fn has_recipients(&self) -> bool {
        self.to_recipients.is_some()
    }

    /// Whether a body was given.
    pub fn has_body(&self) -> bool {
        self.body.is_some()
    }
}

/// F11.3: recipients of all three kinds together.
pub fn check_count(recipients: usize) -> Result<(), GraphFault> {
    if recipients > 500 {
        return Err(GraphFault::bad_request(
            "ErrorTooManyRecipients",
            "A message has at most 500 recipients.",
        ));
    }
    Ok(())
}

/// F11.3: own headers begin with `x-`, and there are at most five.
fn check_headers(headers: &[(String, String)]) -> Result<(), GraphFault> {
    let own = |name: &str| name.to_ascii_lowercase().starts_with("x-");
    if headers.len() > 5 || !headers.iter().all(|(name, _)| own(name)) {
        return Err(GraphFault::bad_request(
            "InvalidInternetMessageHeader",
            "Internet message headers start with 'x-' or 'X-', at most five of them.",
        ));
    }
    Ok(())
}

impl BodyInput {
    fn into_body(self) -> Result<MessageBody, GraphFault> {
        let kind = match self
            .content_type
            .as_deref()
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            None | Some("text") => BodyType::Text,
            Some("html") => BodyType::Html,
            Some(_) => return Err(invalid("body.contentType")),
        };
        Ok(MessageBody::new(kind, &self.content.unwrap_or_default()))
    }
}

/// What an item attachment holds: a message is read as one, anything else is kept as it is.
fn inner_item(item: Value, now: Timestamp) -> Result<Inner, GraphFault> {
    let kind = item.get("@odata.type").and_then(Value::as_str);
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let inner = if kind.ends_with("graph.message") || kind.is_empty() {
        let input: MessageInput =
            serde_json::from_value(item).map_err(|_| invalid("attachment.item"))?;
        let (patch, attachments) = input.into_patch(now)?;
        let mut message = Message::blank(super::state::whole_seconds(now));
        let _all_of_it_is_new = patch.apply(&mut message);
        message.attachments = attachments;
        Inner::Message(Box::new(message))
    } else if kind.ends_with("graph.event") || kind.ends_with("graph.contact") {
        Inner::Other(item)
    } else {
        return Err(invalid("attachment.item"));
    };
    if inner.levels() > MOST_LEVELS {
        return Err(invalid("attachment.item"));
    }
    Ok(inner)
}

impl AttachmentInput {
    /// The attachment.
    pub fn into_attachment(self, now: Timestamp) -> Result<Attachment, GraphFault> {
        let name = self.name.ok_or_else(|| invalid("attachment.name"))?;
        let item_type = self
            .item_type
            .unwrap_or_default()
            .trim_start_matches('#')
            .to_ascii_lowercase();
        let (kind, size, content_type) = match item_type.as_str() {
            "microsoft.graph.fileattachment" => {
                let text = self.content_bytes.unwrap_or_default();
                let content = STANDARD
                    .decode(text.as_bytes())
                    .map_err(|_| invalid("attachment.contentBytes"))?;
                if content.len() >= UPLOADED_FROM {
                    return Err(GraphFault::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "ErrorMessageSizeExceeded",
                        "The attachment is too large for one call; use an upload session.",
                    ));
                }
                let size = content.len() + OVERHEAD;
                let kind = AttachmentKind::File {
                    content: Bytes::from(content),
                    content_id: self.content_id,
                    unreadable: false,
                };
                let content_type = self.content_type;
                (kind, size, content_type)
            }
            "microsoft.graph.itemattachment" => {
                let item = self.item.ok_or_else(|| invalid("attachment.item"))?;
                let inner = inner_item(item, now)?;
                let size = inner.size();
                (AttachmentKind::Item(Arc::new(inner)), size, None)
            }
            "microsoft.graph.referenceattachment" => {
                let url = self.source_url.unwrap_or_default();
                let size = url.len();
                (AttachmentKind::Reference { url }, size, None)
            }
            _ => return Err(invalid("attachment.@odata.type")),
        };
        Ok(Attachment {
            suffix: String::new(),
            name,
            content_type: content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
            size,
            is_inline: self.is_inline,
            modified_at: now,
            kind,
        })
    }
}
