//! Attachments as Graph writes them (F8.1 to F8.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::item::{Inner, MOST_LEVELS};
use super::message::{Attachment, AttachmentKind};
use super::render::push_nested;
use crate::sandbox::error::GraphFault;
use crate::sandbox::json::Object;
use crate::sandbox::query::Expand;

/// How attachments are written.
#[derive(Debug, Clone)]
pub struct AttachmentView {
    /// `$select`, in lower case; empty is everything.
    select: Vec<String>,
    /// Whether `contentBytes` comes (F8.2).
    content: bool,
    /// `$expand=microsoft.graph.itemAttachment/item`: how many levels of items are shown (F8.4).
    levels: usize,
}

impl Default for AttachmentView {
    fn default() -> Self {
        Self {
            select: Vec::new(),
            content: true,
            levels: 0,
        }
    }
}

impl AttachmentView {
    /// Everything but the bytes.
    pub fn metadata() -> Self {
        Self {
            content: false,
            ..Self::default()
        }
    }

    /// Everything, and items down to so many levels.
    pub fn within(levels: usize) -> Self {
        Self {
            levels,
            ..Self::default()
        }
    }

    /// What `$select` and `$expand` of an attachment call ask for. What only a derived type has
    /// needs the type before it (F8.2).
    pub fn new(select: &[String], expands_item: bool) -> Result<Self, GraphFault> {
        let mut names = Vec::new();
        for name in select {
            let (cast, property) = name.rsplit_once('/').unwrap_or(("", name));
            let lower = property.to_ascii_lowercase();
            let base = [
                "id",
                "name",
                "contenttype",
                "size",
                "isinline",
                "lastmodifieddatetime",
            ];
            let derived = ["contentid", "contentlocation", "contentbytes", "sourceurl"];
            if !base.contains(&lower.as_str())
                && (cast.is_empty() || !derived.contains(&lower.as_str()))
            {
                return Err(GraphFault::bad_request(
                    "RequestBroker--ParseUri",
                    format!(
                        "Could not find a property named '{property}' on type 'Microsoft.OutlookServices.Attachment'."
                    ),
                ));
            }
            names.push(lower);
        }
        let content = names.is_empty() || names.iter().any(|name| name == "contentbytes");
        Ok(Self {
            select: names,
            content,
            levels: if expands_item { MOST_LEVELS } else { 0 },
        })
    }

    /// The same out of `$expand=attachments(…)`.
    pub fn expanded(expand: &Expand) -> Result<Self, GraphFault> {
        Self::new(&expand.select, expands_item(&expand.options))
    }

    fn wants(&self, lower: &str) -> bool {
        self.select.is_empty() || self.select.iter().any(|name| name == lower)
    }
}

/// Whether an `$expand` names the item of an attachment (F8.4).
pub fn expands_item(expand: &str) -> bool {
    expand
        .to_ascii_lowercase()
        .contains("microsoft.graph.itemattachment/item")
}

/// Appends an attachment (F8.1); `message_id` gives the format of its id.
pub fn push_attachment(
    out: &mut String,
    attachment: &Attachment,
    message_id: &str,
    view: &AttachmentView,
) {
    let mut object = Object::open(out);
    let kind = match &attachment.kind {
        AttachmentKind::File { .. } => "#microsoft.graph.fileAttachment",
        AttachmentKind::Item(_) => "#microsoft.graph.itemAttachment",
        AttachmentKind::Reference { .. } => "#microsoft.graph.referenceAttachment",
    };
    object.text("@odata.type", kind);
    if matches!(attachment.kind, AttachmentKind::File { .. }) {
        object.text("@odata.mediaContentType", &attachment.content_type);
    }
    object.text("id", &attachment.id(message_id));
    if view.wants("lastmodifieddatetime") {
        object.instant("lastModifiedDateTime", attachment.modified_at);
    }
    if view.wants("name") {
        object.text("name", &attachment.name);
    }
    if view.wants("contenttype") {
        match attachment.kind {
            AttachmentKind::Item(_) => object.raw("contentType", "null"),
            _ => object.text("contentType", &attachment.content_type),
        }
    }
    if view.wants("size") {
        object.number("size", attachment.size);
    }
    if view.wants("isinline") {
        object.flag("isInline", attachment.is_inline);
    }
    match &attachment.kind {
        AttachmentKind::File {
            content,
            content_id,
            ..
        } => {
            if view.wants("contentid") {
                object.optional("contentId", content_id.as_deref());
            }
            if view.wants("contentlocation") {
                object.raw("contentLocation", "null");
            }
            if view.content {
                let out = object.key("contentBytes");
                out.push('"');
                STANDARD.encode_string(content, out);
                out.push('"');
            }
        }
        AttachmentKind::Item(inner) if view.levels > 0 => match &**inner {
            Inner::Message(message) => {
                let id = attachment.id(message_id);
                push_nested(object.key("item"), message, &id, view.levels - 1);
            }
            Inner::Other(value) => object.raw("item", &value.to_string()),
        },
        AttachmentKind::Item(_) => {}
        AttachmentKind::Reference { url } => {
            if view.wants("sourceurl") {
                object.text("sourceUrl", url);
                object.text("providerType", "other");
            }
        }
    }
    object.close();
}
