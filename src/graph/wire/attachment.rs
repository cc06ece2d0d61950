//! An attachment without its bytes (F8.1, F8.2).

use serde::Deserialize;

use super::field::Text;

/// A file, item or reference attachment, told by its type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AttachmentObject<'a> {
    /// The id; immutable-id aware (F8.6).
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// `#microsoft.graph.fileAttachment`, `…itemAttachment`, `…referenceAttachment`.
    #[serde(borrow, rename = "@odata.type")]
    pub odata_type: Option<Text<'a>>,
    /// The name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// The declared type.
    #[serde(borrow)]
    pub content_type: Option<Text<'a>>,
    /// Bytes, overhead included (F8.5).
    pub size: Option<i64>,
    /// Whether the body shows it.
    pub is_inline: Option<bool>,
    /// The `cid:` it is shown by, when Graph gives it.
    #[serde(borrow)]
    pub content_id: Option<Text<'a>>,
    /// Where a reference leads.
    #[serde(borrow)]
    pub source_url: Option<Text<'a>>,
    /// When it was changed.
    #[serde(borrow)]
    pub last_modified_date_time: Option<Text<'a>>,
}
