//! Folders as Graph writes them (F5.17).

use super::MailState;
use super::folder::{Folder, FolderKey, Search};
use super::folder_fields::FolderFields;
use crate::sandbox::error::GraphFault;
use crate::sandbox::json::{Object, push_list, push_text};
use crate::sandbox::query::Query;

/// Which properties of folders are written.
#[derive(Debug, Clone)]
pub struct FolderView {
    fields: FolderFields,
    typed: bool,
    /// `$expand=childFolders`.
    children: bool,
}

impl Default for FolderView {
    fn default() -> Self {
        Self {
            fields: FolderFields::ALL,
            typed: false,
            children: false,
        }
    }
}

impl FolderView {
    /// What the query asks for.
    pub fn of(query: &Query) -> Result<Self, GraphFault> {
        Ok(Self {
            fields: FolderFields::selected(&query.select)?,
            typed: false,
            children: query.expands("childFolders").is_some(),
        })
    }

    /// The same with every item naming its type.
    #[must_use]
    pub fn typed(self) -> Self {
        Self {
            typed: true,
            ..self
        }
    }
}

/// Appends a folder (F5.17).
pub fn push_folder(out: &mut String, mail: &MailState, folder: &Folder, view: &FolderView) {
    let fields = view.fields;
    let mut object = Object::open(out);
    match &folder.search {
        Some(_) => object.text("@odata.type", "#microsoft.graph.mailSearchFolder"),
        None if view.typed => object.text("@odata.type", "#microsoft.graph.mailFolder"),
        None => {}
    }
    object.text("id", &folder.id);
    if fields.has(FolderFields::DISPLAY_NAME) {
        object.text("displayName", &folder.display_name);
    }
    if fields.has(FolderFields::PARENT) {
        object.text("parentFolderId", parent_id(mail, folder));
    }
    if fields.has(FolderFields::CHILD_COUNT) {
        object.number("childFolderCount", folder.children.len());
    }
    if fields.has(FolderFields::UNREAD_COUNT) {
        object.number("unreadItemCount", folder.unread());
    }
    if fields.has(FolderFields::TOTAL_COUNT) {
        object.number("totalItemCount", folder.total());
    }
    if fields.has(FolderFields::SIZE) {
        object.number("sizeInBytes", folder.total() * 24_000);
    }
    if fields.has(FolderFields::IS_HIDDEN) {
        object.flag("isHidden", folder.is_hidden);
    }
    if let Some(search) = &folder.search {
        write_search(&mut object, mail, search, fields);
    }
    if view.children {
        let inner = FolderView {
            children: false,
            ..*view
        };
        let children = folder
            .children
            .iter()
            .filter_map(|child| mail.folder(*child))
            .filter(|child| !child.is_hidden);
        push_list(object.key("childFolders"), children, |out, child| {
            push_folder(out, mail, child, &inner);
        });
    }
    object.close();
}

/// What a search folder has beyond a folder.
fn write_search(object: &mut Object<'_>, mail: &MailState, search: &Search, fields: FolderFields) {
    if fields.has(FolderFields::IS_SUPPORTED) {
        object.flag("isSupported", true);
    }
    if fields.has(FolderFields::INCLUDE_NESTED) {
        object.flag("includeNestedFolders", true);
    }
    if fields.has(FolderFields::SOURCES) {
        push_list(
            object.key("sourceFolderIds"),
            &search.sources,
            |out, source| {
                push_text(out, mail.folder_id(*source));
            },
        );
    }
    if fields.has(FolderFields::FILTER_QUERY) {
        object.text("filterQuery", &search.filter);
    }
}

fn parent_id<'m>(mail: &'m MailState, folder: &'m Folder) -> &'m str {
    // The root's parent is nothing a client can reach; it names itself.
    folder
        .parent
        .map_or(folder.id.as_str(), |parent: FolderKey| {
            mail.folder_id(parent)
        })
}
