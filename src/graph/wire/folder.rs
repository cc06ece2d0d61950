//! A mail folder (F5.17).

use serde::Deserialize;

use super::field::{Field, Text};
use super::page::Removed;

/// A folder, whole or partial.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FolderObject<'a> {
    /// The id; constant over rename and move (F5.21).
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// `#microsoft.graph.mailSearchFolder` for search folders, which the mirror passes over.
    #[serde(borrow, rename = "@odata.type")]
    pub odata_type: Option<Text<'a>>,
    /// Present when it left the view (F6.6).
    #[serde(borrow, rename = "@removed")]
    pub removed: Option<Removed<'a>>,
    /// The localised name.
    #[serde(borrow)]
    pub display_name: Field<Text<'a>>,
    /// The parent.
    #[serde(borrow)]
    pub parent_folder_id: Field<Text<'a>>,
    /// How many folders are in it.
    pub child_folder_count: Field<i64>,
    /// How many unread items.
    pub unread_item_count: Field<i64>,
    /// How many items.
    pub total_item_count: Field<i64>,
    /// Whether it is hidden.
    pub is_hidden: Field<bool>,
    /// Search folders only.
    pub is_supported: Field<bool>,
    /// Search folders only.
    pub include_nested_folders: Field<bool>,
    /// Search folders only.
    #[serde(borrow)]
    pub source_folder_ids: Field<Vec<Text<'a>>>,
    /// Search folders only.
    #[serde(borrow)]
    pub filter_query: Field<Text<'a>>,
}

impl FolderObject<'_> {
    /// Whether it is a search folder, which holds no messages of its own.
    pub fn is_search_folder(&self) -> bool {
        self.odata_type
            .as_ref()
            .is_some_and(|name| name.to_ascii_lowercase().ends_with("mailsearchfolder"))
    }
}
