//! Folders: the tree, its well-known members and what is done to it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::MailState;
use super::delta::LogEntry;
use super::folder_fields::{FolderFields, LastChanges};
use super::message::{Message, MessageKey};
use crate::model::time::Timestamp;
use crate::sandbox::error::GraphFault;
use crate::sandbox::world::Change;

/// Where a folder stands in its mailbox; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderKey(pub(super) usize);

impl FolderKey {
    /// `msgfolderroot`.
    pub const ROOT: Self = Self(0);
}

/// A search folder's definition; a mirror must skip it (F5.17, S26).
#[derive(Debug, Clone)]
pub struct Search {
    /// Where it looks.
    pub sources: Vec<FolderKey>,
    /// What it looks for.
    pub filter: String,
}

impl Search {
    /// Whether a message is among what it finds: what is unread, the only search there is.
    pub fn shows(&self, message: &Message) -> bool {
        self.sources.contains(&message.folder) && !message.is_read
    }
}

/// A folder.
#[derive(Debug)]
pub struct Folder {
    /// Its id, constant (F5.21).
    pub id: String,
    /// Its localised name.
    pub display_name: String,
    /// Where it is; the root has none.
    pub parent: Option<FolderKey>,
    /// What is in it.
    pub children: Vec<FolderKey>,
    /// Whether listings leave it out.
    pub is_hidden: bool,
    /// `inbox` and its kin (F5.18).
    pub well_known: Option<&'static str>,
    /// A search folder's definition.
    pub search: Option<Search>,
    /// Its messages, latest first.
    pub(super) items: BTreeSet<(Reverse<Timestamp>, MessageKey)>,
    /// How many of them are unread.
    pub(super) unread: usize,
    /// What happened to its messages, oldest first.
    pub(super) log: Vec<LogEntry>,
    /// The last changes of what the folder delta shows.
    pub(super) touched: LastChanges,
}

impl Folder {
    /// How many messages it has.
    pub fn total(&self) -> usize {
        self.items.len()
    }

    /// How many are unread.
    pub fn unread(&self) -> usize {
        self.unread
    }
}

impl MailState {
    /// The folder at a key.
    pub fn folder(&self, key: FolderKey) -> Option<&Folder> {
        self.folders.get(key.0)?.as_ref()
    }

    pub(super) fn folder_mut(&mut self, key: FolderKey) -> Option<&mut Folder> {
        self.folders.get_mut(key.0)?.as_mut()
    }

    /// Every folder below the root, at any depth, in the order they were made.
    pub fn folder_keys(&self) -> impl Iterator<Item = FolderKey> + '_ {
        self.folders
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(_, folder)| folder.is_some())
            .map(|(index, _)| FolderKey(index))
            .filter(|key| self.is_within(*key, FolderKey::ROOT))
    }

    /// The folder of a well-known name.
    pub fn well_known(&self, name: &str) -> Option<FolderKey> {
        self.well_known.get(&name.to_ascii_lowercase()).copied()
    }

    /// The folder an id or a well-known name stands for (S27).
    pub fn find_folder(&self, name: &str) -> Result<FolderKey, GraphFault> {
        self.folder_ids
            .get(name)
            .copied()
            .or_else(|| self.well_known(name))
            .ok_or_else(GraphFault::item_not_found)
    }

    /// Puts a folder into the tree without a trace in the logs, while the mailbox is seeded.
    pub fn plant_folder(
        &mut self,
        parent: Option<FolderKey>,
        display_name: &str,
        well_known: Option<&'static str>,
        is_hidden: bool,
    ) -> FolderKey {
        let key = FolderKey(self.folders.len());
        let id = self.mint.container_id();
        self.folder_ids.insert(id.clone(), key);
        if let Some(name) = well_known {
            self.well_known.insert(name.to_owned(), key);
        }
        if let Some(parent) = parent.and_then(|parent| self.folder_mut(parent)) {
            parent.children.push(key);
        }
        self.folders.push(Some(Folder {
            id,
            display_name: display_name.to_owned(),
            parent,
            children: Vec::new(),
            is_hidden,
            well_known,
            search: None,
            items: BTreeSet::new(),
            unread: 0,
            log: Vec::new(),
            touched: LastChanges::default(),
        }));
        key
    }

    /// Makes a folder a search folder.
    pub fn make_search_folder(&mut self, key: FolderKey, search: Search) {
        if let Some(folder) = self.folder_mut(key) {
            folder.search = Some(search);
        }
    }

    /// Makes a folder; a sibling of the same name is 409 (F5.19).
    pub fn create_folder(
        &mut self,
        parent: FolderKey,
        display_name: &str,
        is_hidden: bool,
    ) -> Result<FolderKey, GraphFault> {
        check_name(display_name)?;
        self.check_free(parent, display_name, None)?;
        let key = self.plant_folder(Some(parent), display_name, None, is_hidden);
        let sequence = self.next_sequence();
        if let Some(folder) = self.folder_mut(key) {
            folder.touched.made(sequence);
        }
        self.touch_folder(parent, FolderFields::CHILD_COUNT);
        Ok(key)
    }

    /// Renames a folder.
    pub fn rename_folder(&mut self, key: FolderKey, display_name: &str) -> Result<(), GraphFault> {
        check_name(display_name)?;
        let parent = self.parent_of(key)?;
        self.check_free(parent, display_name, Some(key))?;
        if let Some(folder) = self.folder_mut(key) {
            display_name.clone_into(&mut folder.display_name);
        }
        self.touch_folder(key, FolderFields::DISPLAY_NAME);
        Ok(())
    }

    /// Moves a folder with all it holds.
    pub fn move_folder(&mut self, key: FolderKey, to: FolderKey) -> Result<(), GraphFault> {
        let from = self.parent_of(key)?;
        self.check_not_well_known(key, "ErrorMoveDistinguishedFolder")?;
        if self.is_within(to, key) {
            return Err(GraphFault::bad_request(
                "ErrorMoveCopyFailed",
                "The folder cannot be moved into itself.",
            ));
        }
        let name = self.name_of(key);
        self.check_free(to, &name, Some(key))?;
        self.reparent(key, from, to);
        Ok(())
    }

    /// Deletes a folder: it moves to Deleted Items, or goes for good when it is there already
    /// (F6.19).
    pub fn delete_folder(
        &mut self,
        key: FolderKey,
        for_good: bool,
    ) -> Result<Vec<Change>, GraphFault> {
        self.check_not_well_known(key, "ErrorDeleteDistinguishedFolder")?;
        let deleted_items = self
            .well_known("deleteditems")
            .expect("Deleted Items cannot be deleted");
        if for_good || self.is_within(key, deleted_items) {
            return Ok(self.purge_folder(key));
        }
        let from = self.parent_of(key)?;
        let name = self.name_of(key);
        let mut free = name.clone();
        let mut number = 1;
        while self.check_free(deleted_items, &free, Some(key)).is_err() {
            free = format!("{name}{number}");
            number += 1;
        }
        if free != name {
            if let Some(folder) = self.folder_mut(key) {
                folder.display_name = free;
            }
            self.touch_folder(key, FolderFields::DISPLAY_NAME);
        }
        self.reparent(key, from, deleted_items);
        Ok(Vec::new())
    }

    fn purge_folder(&mut self, key: FolderKey) -> Vec<Change> {
        let mut changes = Vec::new();
        let children = self
            .folder(key)
            .map(|folder| folder.children.clone())
            .unwrap_or_default();
        for child in children {
            changes.extend(self.purge_folder(child));
        }
        let messages: Vec<_> = self
            .folder(key)
            .map(|folder| folder.items.iter().map(|(_, message)| *message).collect())
            .unwrap_or_default();
        for message in messages {
            changes.extend(self.purge(message));
        }
        let Some(folder) = self.folders.get_mut(key.0).and_then(Option::take) else {
            return changes;
        };
        self.folder_ids.remove(&folder.id);
        if let Some(parent) = folder.parent {
            if let Some(parent) = self.folder_mut(parent) {
                parent.children.retain(|child| *child != key);
            }
            self.touch_folder(parent, FolderFields::CHILD_COUNT);
        }
        let sequence = self.next_sequence();
        self.folders_removed.push((sequence, folder.id));
        changes
    }

    fn reparent(&mut self, key: FolderKey, from: FolderKey, to: FolderKey) {
        if let Some(parent) = self.folder_mut(from) {
            parent.children.retain(|child| *child != key);
        }
        if let Some(parent) = self.folder_mut(to) {
            parent.children.push(key);
        }
        if let Some(folder) = self.folder_mut(key) {
            folder.parent = Some(to);
        }
        self.touch_folder(key, FolderFields::PARENT);
        for parent in [from, to] {
            self.touch_folder(parent, FolderFields::CHILD_COUNT);
        }
    }

    /// Whether `key` is `ancestor` or anywhere below it.
    pub fn is_within(&self, key: FolderKey, ancestor: FolderKey) -> bool {
        let mut at = Some(key);
        while let Some(folder) = at {
            if folder == ancestor {
                return true;
            }
            at = self.folder(folder).and_then(|folder| folder.parent);
        }
        false
    }

    fn touch_folder(&mut self, key: FolderKey, changed: FolderFields) {
        let sequence = self.next_sequence();
        if let Some(folder) = self.folder_mut(key) {
            folder.touched.note(changed, sequence);
        }
    }

    fn parent_of(&self, key: FolderKey) -> Result<FolderKey, GraphFault> {
        let folder = self.folder(key).ok_or_else(GraphFault::item_not_found)?;
        folder.parent.ok_or_else(|| {
            GraphFault::bad_request(
                "ErrorMoveDistinguishedFolder",
                "The root cannot be changed.",
            )
        })
    }

    fn name_of(&self, key: FolderKey) -> String {
        self.folder(key)
            .map(|folder| folder.display_name.clone())
            .unwrap_or_default()
    }

    fn check_not_well_known(&self, key: FolderKey, code: &str) -> Result<(), GraphFault> {
        let folder = self.folder(key).ok_or_else(GraphFault::item_not_found)?;
        if folder.well_known.is_some() {
            return Err(GraphFault::bad_request(
                code,
                "Distinguished folders cannot be moved or deleted.",
            ));
        }
        Ok(())
    }

    fn check_free(
        &self,
        parent: FolderKey,
        name: &str,
        except: Option<FolderKey>,
    ) -> Result<(), GraphFault> {
        let parent = self.folder(parent).ok_or_else(GraphFault::item_not_found)?;
        let taken = parent.children.iter().any(|child| {
            Some(*child) != except
                && self
                    .folder(*child)
                    .is_some_and(|folder| folder.display_name.eq_ignore_ascii_case(name))
        });
        if taken {
            return Err(GraphFault::new(
                StatusCode::CONFLICT,
                "ErrorFolderExists",
                "A folder with the specified name already exists.",
            ));
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), GraphFault> {
    if name.trim().is_empty() || name.chars().count() > 255 {
        return Err(GraphFault::bad_request(
            "ErrorInvalidRequest",
            "The folder's name is empty or too long.",
        ));
    }
    Ok(())
}
