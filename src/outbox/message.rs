//! Messages that change where they lie, move, are copied, go and come back.

use serde_json::json;

use super::failure::unseen;
use super::{Done, Job, Stop, Went};
use crate::graph::MessageSight;
use crate::model::feed::ItemKind;
use crate::model::ids::GraphId;
use crate::model::write::{Fault, FaultCode, MessageChanges, Write};

impl Job<'_> {
    pub(super) async fn message(&mut self) -> Result<Went, Stop> {
        match self.write {
            Write::UpdateMessage {
                id,
                changes,
                if_match,
            } => self.update(id, changes, if_match.as_deref()).await,
            Write::Copy { id, folder } => self.copy(id, folder).await,
            Write::Move { id, folder } => self.place(id, folder).await,
            Write::Restore { id, folder } => {
                let inbox = GraphId::from("inbox");
                self.place(id, folder.as_ref().unwrap_or(&inbox)).await
            }
            Write::Delete {
                id, permanently, ..
            } if *permanently => self.purge(id).await,
            Write::Delete {
                id,
                if_match: Some(version),
                ..
            } => self.delete(id, version).await,
            // Moving there twice is moving there once; deleting twice would be deleting for good.
            Write::Delete { id, .. } => self.place(id, &GraphId::from("deleteditems")).await,
            _ => Ok(Went::Failed(Fault::new(FaultCode::InvalidRequest, ""))),
        }
    }

    async fn update(
        &mut self,
        id: &GraphId,
        changes: &MessageChanges,
        if_match: Option<&str>,
    ) -> Result<Went, Stop> {
        let again = self.begin_write().await?;
        let graph = self.graph().clone();
        if let (true, Some(version)) = (again, if_match) {
            // Our own change would stand in our way: only where the version is the old one it was not made.
            match self.outbox.call(graph.message_sight(id)).await? {
                Ok(None) => return Ok(Went::Failed(gone())),
                Ok(Some(sight)) if sight.change_key.as_deref() != Some(version) => {
                    return Ok(Went::Failed(untold()));
                }
                Ok(Some(_)) => {}
                Err(error) => return unseen(error, self.progress.looks),
            }
        }
        let patch = graph.message_patch(id, changes, if_match);
        match self.outbox.call(patch).await? {
            Ok(sight) => Ok(changed(id, &sight)),
            Err(error) => self.failed(error).await,
        }
    }

    async fn place(&mut self, id: &GraphId, folder: &GraphId) -> Result<Went, Stop> {
        self.begin_write().await?;
        let graph = self.graph().clone();
        let moved = graph.message_place(id, folder, false);
        match self.outbox.call(moved).await? {
            Ok(sight) => Ok(changed(id, &sight)),
            Err(error) => self.failed(error).await,
        }
    }

    async fn copy(&mut self, id: &GraphId, folder: &GraphId) -> Result<Went, Stop> {
        let graph = self.graph().clone();
        if !self.progress.counted {
            let named = match self.outbox.call(graph.message_sight(id)).await? {
                Ok(Some(sight)) => sight.internet_message_id,
                Ok(None) => return Ok(Went::Failed(gone())),
                Err(error) => return unseen(error, 0),
            };
            if let Some(named) = &named {
                match self
                    .outbox
                    .call(graph.messages_named(folder, named))
                    .await?
                {
                    Ok(there) => {
                        self.progress.known = there.into_iter().map(|one| one.id).collect();
                    }
                    Err(error) => return unseen(error, 0),
                }
            }
            self.progress.before = named;
            self.progress.counted = true;
        }
        if self.begin_write().await? {
            let Some(named) = self.progress.before.clone() else {
                return Ok(Went::Failed(untold()));
            };
            match self
                .outbox
                .call(graph.messages_named(folder, &named))
                .await?
            {
                Ok(there) => {
                    let known = &self.progress.known;
                    let new = there.into_iter().find(|one| !known.contains(&one.id));
                    if let Some(new) = new {
                        return Ok(copied(&new));
                    }
                }
                Err(error) => return unseen(error, self.progress.looks),
            }
        }
        let copy = graph.message_place(id, folder, true);
        match self.outbox.call(copy).await? {
            Ok(sight) => Ok(copied(&sight)),
            Err(error) => self.failed(error).await,
        }
    }

    async fn purge(&mut self, id: &GraphId) -> Result<Went, Stop> {
        let again = self.begin_write().await?;
        let graph = self.graph().clone();
        let done = Done::of(ItemKind::Message, id, None).made_or_gone();
        match self.outbox.call(graph.message_purge(id)).await? {
            Ok(()) => Ok(Went::Done(done)),
            Err(error) if again && error.status() == Some(404) => Ok(Went::Done(done)),
            Err(error) => self.failed(error).await,
        }
    }

    async fn delete(&mut self, id: &GraphId, version: &str) -> Result<Went, Stop> {
        let again = self.begin_write().await?;
        let graph = self.graph().clone();
        let done = Done::of(ItemKind::Message, id, None).made_or_gone();
        if again {
            match self.outbox.call(graph.message_sight(id)).await? {
                Ok(None) => return Ok(Went::Done(done)),
                Ok(Some(sight)) if sight.change_key.as_deref() != Some(version) => {
                    let bin = GraphId::from("deleteditems");
                    return match self.outbox.call(graph.folder_id(&bin)).await? {
                        Ok(bin) if sight.parent_folder_id.as_ref() == Some(&bin) => {
                            Ok(changed(id, &sight))
                        }
                        Ok(_) => Ok(Went::Failed(untold())),
                        Err(error) => unseen(error, self.progress.looks),
                    };
                }
                Ok(Some(_)) => {}
                Err(error) => return unseen(error, self.progress.looks),
            }
        }
        let deleted = graph.message_delete(id, Some(version));
        match self.outbox.call(deleted).await? {
            Ok(()) => Ok(Went::Done(done)),
            Err(error) => self.failed(error).await,
        }
    }
}

fn changed(id: &GraphId, sight: &MessageSight) -> Went {
    let done = Done::of(ItemKind::Message, &sight.id, sight.change_key.clone());
    let told = json!({ "change_key": sight.change_key, "folder": sight.parent_folder_id });
    let done = done.telling(told);
    Went::Done(if sight.id == *id {
        done
    } else {
        done.made_or_gone()
    })
}

fn copied(sight: &MessageSight) -> Went {
    let done = Done::of(ItemKind::Message, &sight.id, sight.change_key.clone());
    let told = json!({ "change_key": sight.change_key, "folder": sight.parent_folder_id });
    Went::Done(done.made_or_gone().telling(told))
}

pub(super) fn gone() -> Fault {
    Fault::new(
        FaultCode::ItemGone,
        "what it is about is not there any more",
    )
}

/// A write for one version whose answer was lost, and the version is another one now.
pub(super) fn untold() -> Fault {
    Fault::new(
        FaultCode::OutcomeUnknown,
        "no answer came, and the item is at another version now: whether by this write or by somebody else's cannot be told. \
         Read it again",
    )
}
