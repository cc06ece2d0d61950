//! Folders (F5.17).

use super::mend::read_or_mend;
use super::raw::storable;
use super::{Unreadable, id, text};
use crate::graph::wire::FolderObject;
use crate::model::ids::GraphId;
use crate::model::mail::Folder;

/// A folder as a page brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderItem {
    /// Whole.
    Whole {
        /// The folder; its well-known name is not in it (F5.18).
        folder: Folder,
    },
    /// Some fields only: it must be fetched.
    Partial(GraphId),
    /// It left the tree, as far as this view knows (F6.6).
    Removed(GraphId),
    /// A search folder, which holds no messages of its own.
    Search(GraphId),
}

/// Reads an item of a list of folders or of their delta.
pub fn read(item: &str) -> Result<FolderItem, Unreadable> {
    read_or_mend(item, |text| {
        Some(understand(item, serde_json::from_str(text).ok()?))
    })
    .ok_or(Unreadable::Shape)?
}

fn understand(item: &str, object: FolderObject<'_>) -> Result<FolderItem, Unreadable> {
    let external_id = object
        .id
        .as_ref()
        .filter(|id| GraphId::is_possible(id))
        .map(|id| GraphId(id.as_str().to_owned()))
        .ok_or(Unreadable::Missing("id"))?;
    if object.removed.is_some() {
        return Ok(FolderItem::Removed(external_id));
    }
    if object.is_search_folder() {
        return Ok(FolderItem::Search(external_id));
    }
    let Some(display_name) = text(object.display_name) else {
        return Ok(FolderItem::Partial(external_id));
    };
    if !object.parent_folder_id.is_present() {
        return Ok(FolderItem::Partial(external_id));
    }
    Ok(FolderItem::Whole {
        folder: Folder {
            external_id,
            parent_external_id: id(object.parent_folder_id),
            display_name,
            well_known_name: None,
            is_hidden: object.is_hidden.into_option().unwrap_or(false),
            total_item_count: object.total_item_count.into_option().unwrap_or(0),
            unread_item_count: object.unread_item_count.into_option().unwrap_or(0),
            raw: storable(item.to_owned()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_a_name_with_a_slash() {
        // F5.19
        let item = r#"{"id":"F","displayName":"Büro/2026","parentFolderId":"R","childFolderCount":0,
            "unreadItemCount":2,"totalItemCount":9,"isHidden":true}"#;

        let FolderItem::Whole { folder } = read(item).expect("a folder") else {
            panic!("it is whole");
        };

        assert_eq!(folder.display_name, "Büro/2026");
        assert_eq!(folder.parent_external_id, Some(GraphId::from("R")));
        assert_eq!((folder.unread_item_count, folder.total_item_count), (2, 9));
        assert!(folder.is_hidden);
        assert_eq!(folder.raw, item);
    }

    #[test]
    fn search_folders_removals_and_parts_are_told_apart() {
        let id = || GraphId::from("F");
        let search =
            r##"{"@odata.type":"#microsoft.graph.mailSearchFolder","id":"F","displayName":"x"}"##;
        assert_eq!(read(search), Ok(FolderItem::Search(id())));
        let removed = r#"{"id":"F","@removed":{"reason":"deleted"}}"#;
        assert_eq!(read(removed), Ok(FolderItem::Removed(id())));
        let partial = r#"{"id":"F","totalItemCount":3}"#;
        assert_eq!(read(partial), Ok(FolderItem::Partial(id())));
        assert_eq!(read(r#"{"id":""}"#), Err(Unreadable::Missing("id")));
        assert_eq!(read("7"), Err(Unreadable::Shape));
    }
}
