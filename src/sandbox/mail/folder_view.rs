//! Folders as Graph writes them (F5.17).

use super::MailState;
use super::folder::{Folder, FolderKey};
use crate::sandbox::error::GraphFault;
use crate::sandbox::json::{Object, push_list, push_text};
use crate::sandbox::query::Query;

/// Which properties of folders are written.
#[derive(Debug, Clone, Default)]
pub struct FolderView {
    select: Vec<String>,
    typed: bool,
    /// `$expand=childFolders`.
    children: bool,
}

impl FolderView {
    /// What the query asks for.
    pub fn of(query: &Query) -> Result<Self, GraphFault> {
        let known = [
            "id",
            "displayname",
            "parentfolderid",
            "childfoldercount",
            "unreaditemcount",
            "totalitemcount",
            "sizeinbytes",
            "ishidden",
        ];
        let mut select = Vec::new();
        for name in &query.select {
            let lower = name.to_ascii_lowercase();
            if !known.contains(&lower.as_str()) {
                return Err(GraphFault::bad_request(
                    "RequestBroker--ParseUri",
                    format!(
                        "Could not find a property named '{name}' on type 'Microsoft.OutlookServices.MailFolder'."
                    ),
                ));
            }
            select.push(lower);
        }
        Ok(Self {
            select,
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

    fn wants(&self, lower: &str) -> bool {
        self.select.is_empty() || self.select.iter().any(|name| name == lower)
    }
}

/// Appends a folder (F5.17).
pub fn push_folder(out: &mut String, mail: &MailState, folder: &Folder, view: &FolderView) {
    let mut object = Object::open(out);
    match &folder.search {
        Some(_) => object.text("@odata.type", "#microsoft.graph.mailSearchFolder"),
        None if view.typed => object.text("@odata.type", "#microsoft.graph.mailFolder"),
        None => {}
    }
    object.text("id", &folder.id);
    if view.wants("displayname") {
        object.text("displayName", &folder.display_name);
    }
    if view.wants("parentfolderid") {
        object.text("parentFolderId", parent_id(mail, folder));
    }
    if view.wants("childfoldercount") {
        object.number("childFolderCount", folder.children.len());
    }
    if view.wants("unreaditemcount") {
        object.number("unreadItemCount", folder.unread());
    }
    if view.wants("totalitemcount") {
        object.number("totalItemCount", folder.total());
    }
    if view.wants("sizeinbytes") {
        object.number("sizeInBytes", folder.total() * 24_000);
    }
    if view.wants("ishidden") {
        object.flag("isHidden", folder.is_hidden);
    }
    if let Some(search) = &folder.search {
        object.flag("isSupported", true);
        object.flag("includeNestedFolders", true);
        push_list(
            object.key("sourceFolderIds"),
            &search.sources,
            |out, source| {
                push_text(out, mail.folder_id(*source));
            },
        );
        object.text("filterQuery", &search.filter);
    }
    if view.children {
        let inner = FolderView {
            children: false,
            ..view.clone()
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

fn parent_id<'m>(mail: &'m MailState, folder: &'m Folder) -> &'m str {
    // The root's parent is nothing a client can reach; it names itself.
    folder
        .parent
        .map_or(folder.id.as_str(), |parent: FolderKey| {
            mail.folder_id(parent)
        })
}
