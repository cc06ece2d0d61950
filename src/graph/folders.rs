//! Mail folders.

use super::answer::Answer;
use super::batch::{BatchAnswer, BatchPart};
use super::error::GraphError;
use super::links::{Target, segment};
use super::mailbox::MailboxGraph;
use super::prefer::Prefer;
use crate::model::ids::GraphId;
use crate::model::work::Lane;

/// The names that stand for a folder's id in a path (F5.18). Responses carry ids and localised names only, so which folder is
/// which is found by asking for each name.
pub const WELL_KNOWN: &[&str] = &[
    "archive",
    "clutter",
    "conflicts",
    "conversationhistory",
    "deleteditems",
    "drafts",
    "inbox",
    "junkemail",
    "localfailures",
    "msgfolderroot",
    "outbox",
    "recoverableitemsdeletions",
    "scheduled",
    "searchfolders",
    "sentitems",
    "serverfailures",
    "syncissues",
];

const FOLDER_SELECT: &str =
    "id,displayName,parentFolderId,childFolderCount,unreadItemCount,totalItemCount,isHidden";

impl MailboxGraph {
    /// One folder, by id or well-known name.
    pub async fn folder(&self, lane: Lane, id: &GraphId) -> Result<Answer, GraphError> {
        let path = self.folder_path(&segment(id));
        self.get_json(lane, &path, Prefer::IDS).await
    }

    /// The same question as a part of a batch.
    pub fn folder_part(&self, id: &GraphId) -> BatchPart {
        self.part(self.folder_path(&segment(id)), Prefer::IDS)
    }

    /// The first page of a full round over the folder tree, all depths in one stream (F6.16). Not to be had in China (F2.2).
    pub fn folders_delta(&self) -> Target {
        Target::Path(self.path(&format!("/mailFolders/delta?$select={FOLDER_SELECT}")))
    }

    /// The children of the root, hidden ones too (F4.5).
    pub fn folders_top(&self) -> Target {
        Target::Path(self.path("/mailFolders?includeHiddenFolders=true&$top=100"))
    }

    /// The children of a folder, hidden ones too (F4.5).
    pub fn folders_below(&self, parent: &GraphId) -> Target {
        Target::Path(self.path(&format!(
            "/mailFolders/{}/childFolders?includeHiddenFolders=true&$top=100",
            segment(parent)
        )))
    }

    /// Asks for every well-known name; a 404 means the mailbox has no such folder (yet).
    pub async fn folders_well_known(&self, lane: Lane) -> Vec<(&'static str, BatchAnswer)> {
        let parts: Vec<BatchPart> = WELL_KNOWN
            .iter()
            .map(|name| {
                self.part(
                    self.path(&format!("/mailFolders/{name}?$select=id")),
                    Prefer::IDS,
                )
            })
            .collect();
        let answers = self.batch(lane, &parts).await;
        WELL_KNOWN.iter().copied().zip(answers).collect()
    }

    fn folder_path(&self, id: &str) -> String {
        self.path(&format!("/mailFolders/{id}?$select={FOLDER_SELECT}"))
    }
}
