//! Walking the folder tree.
//!
//! The whole round is held in memory and written at its end: there are hundreds of folders at most, parents may come after
//! their children (F6.18), and a crash costs one more walk.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::value::RawValue;

use super::Mirror;
use super::convert::folder::{FolderItem, read};
use super::error::{MirrorError, concerns_the_mailbox};
use super::findings::Findings;
use super::folders::refused;
use super::lists::Go;
use super::pace::Pace;
use super::plan::{self, Ask, Leads, Setback};
use super::round::note_resync;
use crate::graph::wire::{ItemHead, Page};
use crate::graph::{Advice, Answer, GraphError, Prefer, Target};
use crate::model::ids::GraphId;
use crate::model::mail::Folder;
use crate::model::time::Timestamp;
use crate::model::work::{Cursor, Lane};

/// Deeper trees than this are not walked for hidden folders; Graph's own limit is 300 levels.
const MOST_FOLDERS: usize = 20_000;

/// What a walk of the tree showed.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Where the cursor stands after it.
    pub cursor: Cursor,
    pub began_at: Timestamp,
    /// Whether it was a full round: what it did not show may be gone.
    pub is_whole: bool,
    pub folders: HashMap<GraphId, Folder>,
    pub removed: HashSet<GraphId>,
    /// Search folders, which hold no messages of their own (F5.17).
    pub searches: HashSet<GraphId>,
    /// Well-known names, if they were asked for.
    pub names: Option<HashMap<GraphId, &'static str>>,
}

impl Tree {
    fn begin(cursor: Cursor) -> Self {
        Self {
            began_at: cursor.round_started_at.unwrap_or(cursor.due_at),
            is_whole: cursor.is_full,
            cursor,
            folders: HashMap::new(),
            removed: HashSet::new(),
            searches: HashSet::new(),
            names: None,
        }
    }

    /// Whether a folder is one of the tree's.
    pub(crate) fn is_mail_folder(&self, id: &GraphId) -> bool {
        !self.searches.contains(id)
    }

    /// The folder of an answer about one.
    pub(crate) fn read_folder(answer: &Answer) -> Option<Folder> {
        let text = std::str::from_utf8(&answer.body).ok()?;
        match read(text) {
            Ok(FolderItem::Whole { folder }) => Some(folder),
            _ => None,
        }
    }

    /// The id of an answer about a folder.
    pub(crate) fn read_id(answer: &Answer) -> Option<GraphId> {
        answer
            .json::<ItemHead<'_>>()
            .ok()?
            .id
            .map(|id| GraphId(id.into_string()))
    }

    /// Takes in an item; gives back the id of one that must be asked for.
    fn take(&mut self, item: &RawValue) -> Option<GraphId> {
        match read(item.get()) {
            Ok(FolderItem::Whole { folder }) => {
                let id = folder.external_id.clone();
                self.removed.remove(&id);
                self.folders.insert(id, folder);
                None
            }
            Ok(FolderItem::Partial(id)) => (!self.folders.contains_key(&id)).then_some(id),
            Ok(FolderItem::Removed(id)) => {
                self.folders.remove(&id);
                self.removed.insert(id);
                None
            }
            Ok(FolderItem::Search(id)) => {
                self.searches.insert(id);
                None
            }
            Err(_) => super::convert::id_of(item),
        }
    }
}

impl Mirror {
    /// Walks the tree from where its cursor stands to the end of a round. None when the walk was put off.
    pub(crate) async fn walk_tree(&self, mut cursor: Cursor) -> Result<Option<Tree>, MirrorError> {
        let mut stride = Pace::from_size(cursor.page_size, self.settings.page_limit());
        let mut tree: Option<Tree> = None;
        let mut partial: HashSet<GraphId> = HashSet::new();
        loop {
            let target = match plan::ask(&cursor) {
                Ask::Follow(link) => Target::Link(link),
                Ask::First => self.graph.folders_delta(),
            };
            let prefer = Prefer::IDS.pages_of(stride.size());
            let answer = match self.graph.page(Lane::Repair, &target, prefer).await {
                Ok(answer) => answer,
                Err(error) => {
                    let now = self.clock.now();
                    // A mailbox that shows no folders is closed to us as a whole.
                    let is_wide =
                        concerns_the_mailbox(&error) || error.advice() == Advice::Forbidden;
                    note_resync(&cursor, &error);
                    match plan::setback(&cursor, &error.advice(), is_wide, now) {
                        Setback::Smaller(same) => {
                            stride.refused();
                            cursor = same;
                            cursor.page_size = i64::from(stride.size());
                        }
                        Setback::Restart(empty) => {
                            tree = None;
                            cursor = empty;
                        }
                        // A mailbox without a folder tree is no mailbox: what it says is for the home to judge.
                        Setback::HandOn | Setback::LookAtTheTree(_) => return Err(refused(error)),
                        Setback::Rest(resting) => {
                            // A half-walked round is walked anew.
                            let kept = plan::reset(&resting, resting.due_at);
                            let findings = Findings {
                                cursor: Some(Cursor {
                                    failures: resting.failures,
                                    ..kept
                                }),
                                ..Findings::default()
                            };
                            self.apply(Lane::Repair, findings).await?;
                            return Ok(None);
                        }
                    }
                    continue;
                }
            };
            cursor = plan::begin(&cursor, answer.sent_at);
            let tree = tree.get_or_insert_with(|| Tree::begin(cursor.clone()));
            let page: Page<'_> = answer.json().map_err(refused)?;
            partial.extend(page.value.iter().filter_map(|item| tree.take(item)));
            let leads = page
                .delta()
                .map(Leads::ToTheEnd)
                .or_else(|| page.next().map(Leads::On));
            let leads = leads.ok_or(MirrorError::Unreadable { what: "folders" })?;
            let is_end = matches!(leads, Leads::ToTheEnd(_));
            let poll_after = self.poll_after().await?;
            let items = page.value.len();
            cursor = plan::advance(&cursor, leads, items, self.clock.now(), poll_after);
            if is_end {
                break;
            }
        }
        let Some(mut tree) = tree else {
            return Ok(None);
        };
        tree.cursor = cursor;
        self.complete(&mut tree, partial).await?;
        Ok(Some(tree))
    }

    /// Adds what the delta left out.
    async fn complete(
        &self,
        tree: &mut Tree,
        partial: HashSet<GraphId>,
    ) -> Result<(), MirrorError> {
        if tree.is_whole {
            self.walk_hidden(tree).await.map_err(refused)?;
            tree.names = Some(self.well_known(tree).await?);
        }
        let partial: Vec<GraphId> = partial
            .into_iter()
            .filter(|id| !tree.folders.contains_key(id) && tree.is_mail_folder(id))
            .collect();
        let parts: Vec<_> = partial
            .iter()
            .map(|id| self.graph.folder_part(id))
            .collect();
        let answers = self.graph.batch(Lane::Repair, &parts).await;
        for (id, answer) in partial.into_iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    if let Some(folder) = Tree::read_folder(&answer) {
                        tree.folders.insert(id, folder);
                    }
                }
                Err(error) if concerns_the_mailbox(&error) => return Err(refused(error)),
                Err(_) => {
                    tree.removed.insert(id);
                }
            }
        }
        Ok(())
    }

    /// Walks the tree from its root, hidden folders included (F4.5, F6.16).
    async fn walk_hidden(&self, tree: &mut Tree) -> Result<(), GraphError> {
        let mut waiting: VecDeque<Option<GraphId>> = VecDeque::from([None]);
        let mut seen: HashSet<GraphId> = HashSet::new();
        while let Some(parent) = waiting.pop_front() {
            let target = match &parent {
                None => self.graph.folders_top(),
                Some(parent) => self.graph.folders_below(parent),
            };
            let listed = self
                .list(Lane::Repair, target, Prefer::IDS, |item, _| {
                    tree.take(item);
                    if let Ok(FolderItem::Whole { folder }) = read(item.get())
                        && has_children(item)
                        && seen.len() < MOST_FOLDERS
                        && seen.insert(folder.external_id.clone())
                    {
                        waiting.push_back(Some(folder.external_id));
                    }
                    Go::On
                })
                .await;
            match listed {
                Ok(_) => {}
                // A folder that went while we walked.
                Err(error) if parent.is_some() && error.status() == Some(404) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether a folder says that it has children; one that says nothing may.
pub(crate) fn has_children(item: &RawValue) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Counted {
        #[serde(default)]
        child_folder_count: Option<i64>,
    }
    serde_json::from_str::<Counted>(item.get())
        .ok()
        .and_then(|counted| counted.child_folder_count)
        .is_none_or(|count| count > 0)
}
