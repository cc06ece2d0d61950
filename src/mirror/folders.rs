//! The folder tree: what it holds, what is new in it, what is gone from it (M46).
//!
//! The tree has a delta of its own; walked whole now and then, together with what that delta may leave out: hidden
//! folders and the names that never change (F6.16, F5.18). A folder that is gone takes its cursor with it; its messages
//! become suspects one by one, because they may have been moved before it went.

use std::collections::{HashMap, HashSet};

use tracing::info;

use super::Mirror;
use super::error::{MirrorError, concerns_the_mailbox};
use super::folder_walk::Tree;
use super::plan;
use super::report::StructureReport;
use crate::graph::{Advice, GraphError};
use crate::model::feed::{ChangeKind, ItemKind};
use crate::model::ids::GraphId;
use crate::model::time::{Timestamp, later};
use crate::model::work::{ChangeHint, CursorScope, Lane, NoticeKind};
use crate::store::{
    CursorFilter, FolderWrite, MailboxMark, NewChange, NewNotice, Priority, StoredFolder,
};

/// Suspicions written at once.
const SLICE: usize = 500;

impl Mirror {
    /// Brings the structure up to date where it is due: the folder tree and the list of calendars, with a cursor for each
    /// folder and for each calendar's window. Call it before [`rounds_due`](Self::rounds_due).
    pub async fn structure(&self) -> Result<StructureReport, MirrorError> {
        let mut report = StructureReport::default();
        self.heed_selection().await?;
        self.folders_due(&mut report).await?;
        self.calendars_due(&mut report).await?;
        Ok(report)
    }

    async fn folders_due(&self, report: &mut StructureReport) -> Result<(), MirrorError> {
        let now = self.clock.now();
        let Some(claim) = self.memory.claim(&CursorScope::Folders) else {
            return Ok(());
        };
        let mailbox = self.store.mailbox_get(self.mailbox).await?;
        let walked_at = mailbox.and_then(|mailbox| mailbox.folders_at);
        let stored = self
            .store
            .cursor_get(self.mailbox, &CursorScope::Folders)
            .await?;
        let mut cursor = stored
            .unwrap_or_else(|| plan::fresh(CursorScope::Folders, self.settings.first_page, now));
        let is_old =
            walked_at.is_none_or(|at| later(at, self.settings.folders_afresh_every) <= now);
        if is_old && cursor.failures == 0 {
            cursor = plan::reset(&cursor, now);
        }
        if cursor.due_at > now {
            return Ok(());
        }
        let tree = self.walk_tree(cursor).await?;
        if let Some(tree) = tree {
            report.folders_walked = true;
            self.keep_tree(tree, report).await?;
        }
        drop(claim);
        Ok(())
    }

    /// Makes the rows and cursors those of the tree.
    async fn keep_tree(
        &self,
        mut tree: Tree,
        report: &mut StructureReport,
    ) -> Result<(), MirrorError> {
        let stored: HashMap<GraphId, StoredFolder> = self
            .store
            .folders_list(self.mailbox)
            .await?
            .into_iter()
            .map(|stored| (stored.folder.external_id.clone(), stored))
            .collect();
        let has_news = tree.folders.keys().any(|id| !stored.contains_key(id));
        if has_news && tree.names.is_none() {
            tree.names = Some(self.well_known(&tree).await?);
        }
        for folder in tree.folders.values_mut() {
            folder.well_known_name = match &tree.names {
                Some(names) => names
                    .get(&folder.external_id)
                    .map(|name| (*name).to_owned()),
                None => stored
                    .get(&folder.external_id)
                    .and_then(|stored| stored.folder.well_known_name.clone()),
            };
        }
        let gone = self.confirm_gone(&mut tree, &stored).await?;
        let now = self.clock.now();
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        let writes: Vec<FolderWrite<'_>> = tree
            .folders
            .values()
            .map(|folder| FolderWrite {
                folder,
                fetched_at: tree.began_at,
                round: tree.is_whole.then_some(tree.cursor.round),
            })
            .collect();
        let mut changes = Vec::new();
        for (external_id, effect) in tx.folders_upsert(self.mailbox, &writes, now).await? {
            report.rows.count(effect);
            changes.extend(ChangeKind::of(effect).map(|change| NewChange {
                kind: ItemKind::Folder,
                external_id,
                change,
            }));
        }
        for external_id in tx
            .folders_delete(self.mailbox, &gone, tree.began_at, now)
            .await?
        {
            report.rows.deleted += 1;
            changes.push(NewChange {
                kind: ItemKind::Folder,
                external_id,
                change: ChangeKind::Deleted,
            });
        }
        if !changes.is_empty() {
            tx.changes_append(self.mailbox, &changes, now).await?;
        }
        for folder in tree.folders.keys().filter(|id| !stored.contains_key(*id)) {
            let scope = CursorScope::Messages {
                folder: folder.clone(),
            };
            // Messages may have been written before their folder was known; a cursor never.
            let cursor = plan::fresh(scope, self.settings.first_page, now);
            tx.cursor_save(self.mailbox, &cursor, now).await?;
            report.cursors_made += 1;
        }
        tx.cursor_save(self.mailbox, &tree.cursor, now).await?;
        if tree.is_whole {
            tx.mailbox_mark(self.mailbox, &[MailboxMark::FoldersAt(tree.began_at)], now)
                .await?;
        }
        tx.commit().await?;
        self.suspect_folders(&gone).await?;
        let known = stored
            .into_keys()
            .chain(tree.folders.into_keys())
            .filter(|id| !gone.contains(id))
            .collect::<HashSet<_>>();
        self.drop_strays(&known, report).await?;
        self.memory.folders_are(known);
        Ok(())
    }

    /// Folders that the tree has no more. Each is asked for by id: only a 404 counts (M4); one that answers is put back
    /// into the tree.
    async fn confirm_gone(
        &self,
        tree: &mut Tree,
        stored: &HashMap<GraphId, StoredFolder>,
    ) -> Result<Vec<GraphId>, MirrorError> {
        let mut suspects: Vec<GraphId> = tree
            .removed
            .iter()
            .filter(|id| stored.contains_key(*id) && !tree.folders.contains_key(*id))
            .cloned()
            .collect();
        if tree.is_whole {
            let unseen = stored
                .keys()
                .filter(|id| !tree.folders.contains_key(*id) && !tree.removed.contains(*id));
            suspects.extend(unseen.cloned());
        }
        let mut gone = Vec::new();
        let parts: Vec<_> = suspects
            .iter()
            .map(|id| self.graph.folder_part(id))
            .collect();
        let answers = self.graph.batch(Lane::Repair, &parts).await;
        for (id, answer) in suspects.into_iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    if let Some(mut folder) = Tree::read_folder(&answer) {
                        let before = stored.get(&id).map(|stored| &stored.folder);
                        folder.well_known_name =
                            before.and_then(|before| before.well_known_name.clone());
                        tree.folders.insert(id, folder);
                    }
                }
                Err(error) if concerns_the_mailbox(&error) => return Err(refused(error)),
                Err(error) if matches!(error.advice(), Advice::Gone | Advice::ContainerGone) => {
                    gone.push(id);
                }
                // Kept as it is; the next whole walk asks again.
                Err(_) => {}
            }
        }
        Ok(gone)
    }

    /// The messages of folders that are gone are suspects (M46).
    async fn suspect_folders(&self, gone: &[GraphId]) -> Result<(), MirrorError> {
        for folder in gone {
            info!(mailbox.id = %self.mailbox, "a folder of mailbox {} is gone", self.mailbox);
            let keys = self.store.messages_in_folder(self.mailbox, folder).await?;
            for chunk in keys.chunks(SLICE) {
                let now = self.clock.now();
                let notices: Vec<NewNotice> = chunk
                    .iter()
                    .map(|key| suspicion(NoticeKind::Message, key.external_id.clone(), now))
                    .collect();
                let mut tx = self.store.write(Priority::Bulk).await?;
                tx.fence(&self.fence).await?;
                tx.notices_add(self.mailbox, &notices, now).await?;
                tx.wake(self.mailbox);
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// Drops cursors of folders that the tree has no more; one that is being walked goes the next time. Before that its
    /// messages are suspected once more: what a walk wrote after the folder went must not stay.
    async fn drop_strays(
        &self,
        known: &HashSet<GraphId>,
        report: &mut StructureReport,
    ) -> Result<(), MirrorError> {
        for cursor in self.store.cursors_list(self.mailbox).await? {
            let CursorScope::Messages { folder } = &cursor.scope else {
                continue;
            };
            if known.contains(folder) {
                continue;
            }
            let Some(claim) = self.memory.claim(&cursor.scope) else {
                continue;
            };
            self.suspect_folders(std::slice::from_ref(folder)).await?;
            let mut tx = self.store.write(Priority::Live).await?;
            tx.fence(&self.fence).await?;
            tx.cursors_delete(self.mailbox, CursorFilter::Scope(&cursor.scope))
                .await?;
            tx.commit().await?;
            drop(claim);
            report.cursors_dropped += 1;
        }
        Ok(())
    }

    /// Which folder has which well-known name (F5.18).
    pub(crate) async fn well_known(
        &self,
        tree: &Tree,
    ) -> Result<HashMap<GraphId, &'static str>, MirrorError> {
        let mut names = HashMap::new();
        for (name, answer) in self.graph.folders_well_known(Lane::Repair).await {
            match answer {
                Ok(answer) => {
                    if let Some(id) = Tree::read_id(&answer)
                        && tree.is_mail_folder(&id)
                    {
                        names.insert(id, name);
                    }
                }
                Err(error) if concerns_the_mailbox(&error) => return Err(refused(error)),
                // There is no such folder, or not yet.
                Err(_) => {}
            }
        }
        Ok(names)
    }
}

/// Something that must be asked for by id.
pub(crate) fn suspicion(kind: NoticeKind, external_id: GraphId, now: Timestamp) -> NewNotice {
    NewNotice {
        kind,
        external_id,
        lane: Lane::Repair,
        hint: ChangeHint::Suspected,
        due_at: now,
        trace: None,
    }
}

pub(crate) fn refused(source: GraphError) -> MirrorError {
    MirrorError::Graph {
        what: "the folders",
        source,
    }
}
