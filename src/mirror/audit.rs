//! Comparing mirror and mailbox.
//!
//! Everything is listed on both sides, by id and version (design §5). A listing may skip or repeat items while the mailbox
//! changes (F4.3), and a change may be on its way to us, so what differs is looked at again by id, both sides anew, before
//! it counts. What still differs is written down, and healed the way everything is: by a suspicion that a GET settles.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tracing::{info, warn};

use super::Mirror;
use super::audit_events::EventSide;
use super::convert::folder::{FolderItem, read as read_folder};
use super::convert::message::{MessageItem, read};
use super::error::{MirrorError, concerns_the_mailbox};
use super::folders::suspicion;
use super::lists::Go;
use crate::graph::wire::MessageObject;
use crate::graph::{GraphError, Prefer};
use crate::model::feed::{Audit, Difference, ItemKind};
use crate::model::ids::GraphId;
use crate::model::mail::Folder;
use crate::model::time::later;
use crate::model::work::{CursorScope, Lane, NoticeKind};
use crate::store::{CursorFilter, MailboxMark, Priority};
use crate::telemetry::metrics::table;

/// Ids read from the database at once.
const PAGE: u32 = 1_000;
/// Items asked for by id at once.
const BATCH: usize = 20;
/// Looks at what differs before it counts.
const LOOKS: usize = 3;
/// Between two looks a change that is on its way may arrive.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// Differences that are written down in full.
const FIRST: usize = 10;

/// A message on one side, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MessageSide {
    folder: GraphId,
    change_key: Option<String>,
}

impl Mirror {
    /// Compares the mirror with the mailbox and records the outcome; with `repair`, what differs becomes suspect and is
    /// healed by the next [`refresh_repairs`](Self::refresh_repairs).
    pub async fn audit(&self, repair: bool) -> Result<Audit, MirrorError> {
        let as_of = self.clock.now();
        let mut differences = self.audit_folders().await?;
        let (messages, of_messages) = self.audit_messages().await?;
        differences.extend(of_messages);
        let (events, of_events) = self.audit_events().await?;
        differences.extend(of_events);
        let audit = Audit {
            mailbox: self.mailbox,
            as_of,
            equal: differences.is_empty(),
            difference_count: i64::try_from(differences.len()).unwrap_or(i64::MAX),
            differences: differences.iter().take(FIRST).cloned().collect(),
            messages,
            events,
        };
        self.record(&audit, &differences, repair).await?;
        let outcome = if audit.equal { "equal" } else { "different" };
        table::AUDITS.count(&[outcome]);
        let healed = if repair { "yes" } else { "no" };
        table::DIFFERENCES.add_all(differences.len(), &[healed]);
        if audit.equal {
            info!(mailbox.id = %self.mailbox, "mailbox {} and its mirror are equal", self.mailbox);
        } else {
            warn!(
                mailbox.id = %self.mailbox, items = audit.difference_count,
                "mailbox {} and its mirror differ in {} places", self.mailbox, audit.difference_count
            );
        }
        Ok(audit)
    }

    async fn record(
        &self,
        audit: &Audit,
        differences: &[Difference],
        repair: bool,
    ) -> Result<(), MirrorError> {
        let now = self.clock.now();
        let mut tx = self.store.write(Priority::Bulk).await?;
        tx.fence(&self.fence).await?;
        tx.audit_add(audit).await?;
        let next = later(now, self.settings.audit_every);
        tx.mailbox_mark(self.mailbox, &[MailboxMark::AuditAt(Some(next))], now)
            .await?;
        if repair && !differences.is_empty() {
            let suspects: BTreeSet<(bool, &GraphId)> = differences
                .iter()
                .filter_map(|difference| match difference.kind {
                    ItemKind::Message => Some((true, &difference.external_id)),
                    ItemKind::Event => Some((false, &difference.external_id)),
                    ItemKind::Folder | ItemKind::Calendar | ItemKind::Thread => None,
                })
                .collect();
            let notices: Vec<_> = suspects
                .into_iter()
                .map(|(is_message, id)| {
                    let kind = if is_message {
                        NoticeKind::Message
                    } else {
                        NoticeKind::Event
                    };
                    suspicion(kind, id.clone(), now)
                })
                .collect();
            tx.notices_add(self.mailbox, &notices, now).await?;
            let of = |kind| differences.iter().any(|difference| difference.kind == kind);
            if of(ItemKind::Folder) {
                let filter = CursorFilter::Scope(&CursorScope::Folders);
                tx.cursors_reset(self.mailbox, filter, now).await?;
                table::RESYNCS.count(&["audit"]);
            }
            if of(ItemKind::Calendar) {
                self.memory.want_calendars();
            }
            tx.wake(self.mailbox);
        }
        tx.commit().await?;
        Ok(())
    }

    /// Folders by name and place.
    async fn audit_folders(&self) -> Result<Vec<Difference>, MirrorError> {
        let mut differences = Vec::new();
        for look in 0..LOOKS {
            self.pause(look).await;
            let theirs = self.folders_there().await?;
            let ours = self.store.folders_list(self.mailbox).await?;
            differences.clear();
            for stored in &ours {
                let ours = &stored.folder;
                match theirs.get(&ours.external_id) {
                    Some(theirs) => differences.extend(folder_fields(ours, theirs)),
                    // The tree from the root may leave out what the delta shows; the folder itself knows.
                    None => {
                        if self.is_folder_gone(&ours.external_id).await? {
                            differences.push(one_sided(ItemKind::Folder, &ours.external_id, true));
                        }
                    }
                }
            }
            let known: HashSet<&GraphId> = ours
                .iter()
                .map(|stored| &stored.folder.external_id)
                .collect();
            let missing = theirs.keys().filter(|id| !known.contains(id));
            differences.extend(missing.map(|id| one_sided(ItemKind::Folder, id, false)));
            if differences.is_empty() {
                break;
            }
        }
        Ok(differences)
    }

    async fn is_folder_gone(&self, id: &GraphId) -> Result<bool, MirrorError> {
        match self.graph.folder(Lane::Audit, id).await {
            Ok(_) => Ok(false),
            Err(error) if error.status() == Some(404) && !concerns_the_mailbox(&error) => Ok(true),
            Err(error) => Err(refused(error)),
        }
    }

    async fn folders_there(&self) -> Result<HashMap<GraphId, Folder>, MirrorError> {
        let mut found = HashMap::new();
        let mut waiting: Vec<Option<GraphId>> = vec![None];
        while let Some(parent) = waiting.pop() {
            let target = match &parent {
                None => self.graph.folders_top(),
                Some(parent) => self.graph.folders_below(parent),
            };
            let listed = self
                .list(Lane::Audit, target, Prefer::IDS, |item, _| {
                    if let Ok(FolderItem::Whole { folder }) = read_folder(item.get())
                        && !found.contains_key(&folder.external_id)
                    {
                        if super::folder_walk::has_children(item) {
                            waiting.push(Some(folder.external_id.clone()));
                        }
                        found.insert(folder.external_id.clone(), folder);
                    }
                    Go::On
                })
                .await;
            match listed {
                Ok(_) => {}
                Err(error) if parent.is_some() && error.status() == Some(404) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(found)
    }

    /// Messages by folder and version. How many were compared, and what differs.
    async fn audit_messages(&self) -> Result<(i64, Vec<Difference>), MirrorError> {
        let mut theirs: HashMap<GraphId, MessageSide> = HashMap::new();
        for stored in self.store.folders_list(self.mailbox).await? {
            let target = self.graph.messages_versions(&stored.folder.external_id);
            let folder = &stored.folder.external_id;
            let listed = self
                .list(Lane::Audit, target, Prefer::IDS, |item, _| {
                    if let Some((id, side)) = version(item.get(), folder) {
                        theirs.insert(id, side);
                    }
                    Go::On
                })
                .await;
            match listed {
                Ok(_) => {}
                // The folder went meanwhile; its messages are asked for one by one.
                Err(error) if error.status() == Some(404) && !concerns_the_mailbox(&error) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        let ours = self.messages_here().await?;
        let mut suspects: BTreeSet<GraphId> = BTreeSet::new();
        suspects.extend(
            theirs
                .iter()
                .filter(|(id, side)| ours.get(*id) != Some(*side))
                .map(|(id, _)| id.clone()),
        );
        suspects.extend(ours.keys().filter(|id| !theirs.contains_key(*id)).cloned());
        let compared = i64::try_from(ours.len().max(theirs.len())).unwrap_or(i64::MAX);
        let mut differences = Vec::new();
        for look in 0..LOOKS {
            if suspects.is_empty() {
                break;
            }
            self.pause(look).await;
            differences = self.compare_messages(&suspects).await?;
            suspects = differences
                .iter()
                .map(|difference| difference.external_id.clone())
                .collect();
        }
        Ok((compared, differences))
    }

    async fn messages_here(&self) -> Result<HashMap<GraphId, MessageSide>, MirrorError> {
        let mut ours = HashMap::new();
        let mut after: Option<GraphId> = None;
        loop {
            let keys = self
                .store
                .messages_keys(self.mailbox, after.as_ref(), PAGE)
                .await?;
            let Some(last) = keys.last() else {
                return Ok(ours);
            };
            after = Some(last.external_id.clone());
            ours.extend(keys.into_iter().map(|key| {
                let side = MessageSide {
                    folder: key.folder_external_id,
                    change_key: key.change_key,
                };
                (key.external_id, side)
            }));
        }
    }

    /// Asks for messages by id, then reads our rows: a row that changed since the answer agrees with nothing older.
    async fn compare_messages(
        &self,
        ids: &BTreeSet<GraphId>,
    ) -> Result<Vec<Difference>, MirrorError> {
        let folders = self.known_folders().await?;
        let mut differences = Vec::new();
        let ids: Vec<GraphId> = ids.iter().cloned().collect();
        for chunk in ids.chunks(BATCH) {
            let answers = self.ask_for_messages(Lane::Audit, chunk).await;
            let ours = self.heads(chunk).await?;
            for (id, answer) in chunk.iter().zip(answers) {
                let theirs = match answer {
                    Ok(answer) => {
                        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
                        match read(text) {
                            Ok(MessageItem::Whole(message)) => Some(MessageSide {
                                folder: message.folder_external_id,
                                change_key: message.change_key,
                            }),
                            _ => continue,
                        }
                    }
                    Err(error) if concerns_the_mailbox(&error) => return Err(refused(error)),
                    Err(error) if error.status() == Some(404) => None,
                    // What cannot be read cannot be compared; it is listed as quarantined.
                    Err(_) => continue,
                };
                // What lies outside of the tree is not mirrored.
                let theirs = theirs.filter(|side| folders.contains(&side.folder));
                let ours = ours.get(id).map(|head| MessageSide {
                    folder: head.folder_external_id.clone(),
                    change_key: head.change_key.clone(),
                });
                differences.extend(message_difference(id, ours.as_ref(), theirs.as_ref()));
            }
        }
        Ok(differences)
    }

    /// Before every look but the first, time for what is on its way. A clock that stands still must not keep us.
    pub(crate) async fn pause(&self, look: usize) {
        if look == 0 {
            return;
        }
        tokio::select! {
            () = self.clock.sleep(BETWEEN_LOOKS) => {}
            () = tokio::time::sleep(BETWEEN_LOOKS) => {}
        }
    }

    /// Events by version, occurrences by their place in time.
    async fn audit_events(&self) -> Result<(i64, Vec<Difference>), MirrorError> {
        let mut compared = 0;
        let mut differences = self.audit_calendars().await?;
        for calendar in self.store.calendars_list(self.mailbox).await? {
            let calendar = calendar.external_id;
            let mut of_calendar: Vec<Difference> = Vec::new();
            for look in 0..LOOKS {
                self.pause(look).await;
                let Some(theirs) = self.events_there(&calendar).await? else {
                    of_calendar.clear();
                    break;
                };
                let ours = self.events_here(&calendar).await?;
                let found = EventSide::differences(&ours, &theirs);
                if look == 0 {
                    compared += i64::try_from(ours.len().max(theirs.len())).unwrap_or(i64::MAX);
                    of_calendar = found;
                } else {
                    // Only what differs in every look counts.
                    let again: HashSet<GraphId> =
                        found.iter().map(|one| one.external_id.clone()).collect();
                    let before: HashSet<GraphId> = of_calendar
                        .iter()
                        .map(|one| one.external_id.clone())
                        .collect();
                    of_calendar = found
                        .into_iter()
                        .filter(|one| {
                            before.contains(&one.external_id) && again.contains(&one.external_id)
                        })
                        .collect();
                }
                if of_calendar.is_empty() {
                    break;
                }
            }
            differences.extend(of_calendar);
        }
        Ok((compared, differences))
    }
}

fn version(item: &str, folder: &GraphId) -> Option<(GraphId, MessageSide)> {
    let object: MessageObject<'_> = serde_json::from_str(item).ok()?;
    let id = object.id?.into_string();
    let side = MessageSide {
        folder: object
            .parent_folder_id
            .into_option()
            .map_or_else(|| folder.clone(), |id| GraphId(id.into_string())),
        change_key: object.change_key.into_option().map(Into::into),
    };
    Some((GraphId(id), side))
}

fn message_difference(
    id: &GraphId,
    ours: Option<&MessageSide>,
    theirs: Option<&MessageSide>,
) -> Option<Difference> {
    let (ours, theirs) = match (ours, theirs) {
        (None, None) => return None,
        (Some(_), None) => return Some(one_sided(ItemKind::Message, id, true)),
        (None, Some(_)) => return Some(one_sided(ItemKind::Message, id, false)),
        (Some(ours), Some(theirs)) => (ours, theirs),
    };
    let (field, ours, theirs) = if ours.folder != theirs.folder {
        (
            "folder",
            Some(ours.folder.to_string()),
            Some(theirs.folder.to_string()),
        )
    } else if ours.change_key != theirs.change_key {
        (
            "change_key",
            ours.change_key.clone(),
            theirs.change_key.clone(),
        )
    } else {
        return None;
    };
    Some(Difference {
        kind: ItemKind::Message,
        external_id: id.clone(),
        field: field.to_owned(),
        ours,
        theirs,
    })
}

/// Something that only one side has.
pub(crate) fn one_sided(kind: ItemKind, id: &GraphId, is_ours: bool) -> Difference {
    let there = Some("present".to_owned());
    Difference {
        kind,
        external_id: id.clone(),
        field: "row".to_owned(),
        ours: there.clone().filter(|_| is_ours),
        theirs: there.filter(|_| !is_ours),
    }
}

fn folder_fields(ours: &Folder, theirs: &Folder) -> Option<Difference> {
    let parent = |folder: &Folder| folder.parent_external_id.as_ref().map(ToString::to_string);
    let (field, ours_is, theirs_is) = if ours.display_name != theirs.display_name {
        (
            "display_name",
            Some(ours.display_name.clone()),
            Some(theirs.display_name.clone()),
        )
    } else if ours.parent_external_id != theirs.parent_external_id {
        ("parent_external_id", parent(ours), parent(theirs))
    } else {
        return None;
    };
    Some(Difference {
        kind: ItemKind::Folder,
        external_id: ours.external_id.clone(),
        field: field.to_owned(),
        ours: ours_is,
        theirs: theirs_is,
    })
}

pub(crate) fn refused(source: GraphError) -> MirrorError {
    MirrorError::Graph {
        what: "what is to be compared",
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(folder: &str, change_key: &str) -> MessageSide {
        MessageSide {
            folder: GraphId::from(folder),
            change_key: Some(change_key.to_owned()),
        }
    }

    #[test]
    fn a_difference_names_what_stands_on_both_sides() {
        let id = GraphId::from("X");
        let ours = side("A", "1");

        assert_eq!(message_difference(&id, Some(&ours), Some(&ours)), None);
        assert_eq!(message_difference(&id, None, None), None);
        let moved =
            message_difference(&id, Some(&ours), Some(&side("B", "2"))).expect("it differs");
        assert_eq!(moved.field, "folder");
        assert_eq!(
            (moved.ours.as_deref(), moved.theirs.as_deref()),
            (Some("A"), Some("B"))
        );
        let edited =
            message_difference(&id, Some(&ours), Some(&side("A", "2"))).expect("it differs");
        assert_eq!(edited.field, "change_key");
        let missing = message_difference(&id, None, Some(&ours)).expect("it differs");
        assert_eq!((missing.field.as_str(), missing.ours), ("row", None));
    }
}
