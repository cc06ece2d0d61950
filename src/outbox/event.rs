//! Events: made, changed, called off, deleted, answered.

use serde_json::json;

use super::failure::{is_made_already, pause, unseen};
use super::message::{gone, untold};
use super::{Done, Job, Stop, Went};
use crate::graph::{GraphError, Version};
use crate::model::feed::ItemKind;
use crate::model::ids::GraphId;
use crate::model::write::{EventFields, Fault, FaultCode, Response, Write};

/// Looks for an event that Graph says it has made, each after a longer while: it may be made and not yet be shown.
const LOOKS: u32 = 5;

impl Job<'_> {
    pub(super) async fn event(&mut self) -> Result<Went, Stop> {
        match self.write {
            Write::CreateEvent { event, calendar } => {
                self.create_event(event, calendar.as_ref()).await
            }
            Write::UpdateEvent {
                id,
                changes,
                if_match,
            } => self.update_event(id, changes, if_match.as_deref()).await,
            Write::DeleteEvent { id, if_match } => self.delete_event(id, if_match.as_deref()).await,
            Write::CancelEvent { id, comment } => {
                let comment = comment.as_deref().unwrap_or_default();
                self.cancel_event(id, comment).await
            }
            Write::RespondEvent {
                id,
                response,
                comment,
                notify_organizer,
            } => {
                let comment = comment.as_deref().unwrap_or_default();
                self.respond(id, *response, (comment, *notify_organizer))
                    .await
            }
            _ => Ok(Went::Failed(Fault::new(FaultCode::InvalidRequest, ""))),
        }
    }

    async fn create_event(
        &mut self,
        event: &EventFields,
        calendar: Option<&GraphId>,
    ) -> Result<Went, Stop> {
        let again = self.begin_write().await?;
        let graph = self.graph().clone();
        let made = graph.event_create(calendar, event, self.command.id);
        match self.outbox.call(made).await? {
            Ok(made) => Ok(Went::Done(created(&made))),
            Err(error) if is_made_already(&error, again) => self.made_before(calendar).await,
            Err(error) => self.failed(error).await,
        }
    }

    /// The same transaction was carried out before: the event is there, and is known by the command that it carries.
    async fn made_before(&mut self, calendar: Option<&GraphId>) -> Result<Went, Stop> {
        let graph = self.graph().clone();
        let looked = graph.events_of(calendar, self.command.id);
        match self.outbox.call(looked).await? {
            Ok(found) => Ok(match found.first() {
                Some(made) => Went::Done(created(made)),
                None if self.progress.looks < LOOKS => Went::Later(pause(self.progress.looks)),
                // Somebody has deleted it meanwhile, or moved it to another calendar: the mirror tells.
                None => Went::Done(Done {
                    item: None,
                    made_or_gone: true,
                    told: json!({ "made": true }),
                }),
            }),
            Err(error) => unseen(error, self.progress.looks),
        }
    }

    async fn update_event(
        &mut self,
        id: &GraphId,
        changes: &EventFields,
        if_match: Option<&str>,
    ) -> Result<Went, Stop> {
        let graph = self.graph().clone();
        // A second patch would tell everybody a second time: which version it was made on tells whether it was made.
        if self.progress.before.is_none() {
            match (if_match, self.outbox.call(graph.event_sight(id)).await?) {
                (_, Ok(None)) => return Ok(Went::Failed(gone())),
                (Some(version), Ok(_)) => self.progress.before = Some(version.to_owned()),
                (None, Ok(Some(sight))) => self.progress.before = sight.change_key,
                (_, Err(error)) => return unseen(error, 0),
            }
        }
        if self.begin_write().await? {
            match self.outbox.call(graph.event_sight(id)).await? {
                Ok(None) => return Ok(Went::Failed(gone())),
                Ok(Some(sight)) if sight.change_key != self.progress.before => {
                    if if_match.is_some() {
                        return Ok(Went::Failed(untold()));
                    }
                    let done = Done::of(ItemKind::Event, id, sight.change_key.clone());
                    return Ok(Went::Done(
                        done.telling(json!({ "change_key": sight.change_key })),
                    ));
                }
                Ok(Some(_)) => {}
                Err(error) => return unseen(error, self.progress.looks),
            }
        }
        let patch = graph.event_patch(id, changes, if_match);
        match self.outbox.call(patch).await? {
            Ok(version) => {
                let done = Done::of(ItemKind::Event, &version.id, version.change_key.clone());
                let told = json!({ "change_key": version.change_key });
                Ok(Went::Done(done.telling(told)))
            }
            Err(error) => self.failed(error).await,
        }
    }

    async fn delete_event(&mut self, id: &GraphId, if_match: Option<&str>) -> Result<Went, Stop> {
        let again = self.begin_write().await?;
        let graph = self.graph().clone();
        let done = Done::of(ItemKind::Event, id, None).made_or_gone();
        match self.outbox.call(graph.event_delete(id, if_match)).await? {
            Ok(()) => Ok(Went::Done(done)),
            Err(error) if again && error.status() == Some(404) => Ok(Went::Done(done)),
            Err(error) => self.failed(error).await,
        }
    }

    async fn cancel_event(&mut self, id: &GraphId, comment: &str) -> Result<Went, Stop> {
        let again = self.begin_write().await?;
        let graph = self.graph().clone();
        let done = Done::of(ItemKind::Event, id, None).made_or_gone();
        if again {
            match self.outbox.call(graph.event_sight(id)).await? {
                Ok(None) => return Ok(Went::Done(done)),
                Ok(Some(sight)) if sight.is_cancelled => return Ok(Went::Done(done)),
                Ok(Some(_)) => {}
                Err(error) => return unseen(error, self.progress.looks),
            }
        }
        match self.outbox.call(graph.event_cancel(id, comment)).await? {
            Ok(()) => Ok(Went::Done(done)),
            Err(error) => self.not_theirs(id, error, Role::Attendee).await,
        }
    }

    /// Graph's code for what only the other side of a meeting may do is that of any wrong request: the event tells.
    async fn not_theirs(
        &mut self,
        id: &GraphId,
        error: GraphError,
        role: Role,
    ) -> Result<Went, Stop> {
        if let Some(refused) = error.refused().filter(|refused| refused.status == 400) {
            let graph = self.graph().clone();
            let sight = self.outbox.call(graph.event_sight(id)).await?;
            let is_organizer = sight.ok().flatten().and_then(|sight| sight.is_organizer);
            if is_organizer == Some(role == Role::Organizer) {
                let detail = format!("{} ({refused})", role.barred_from());
                return Ok(Went::Failed(Fault::new(FaultCode::WriteRefused, detail)));
            }
        }
        self.failed(error).await
    }

    async fn respond(
        &mut self,
        id: &GraphId,
        response: Response,
        (comment, notify): (&str, bool),
    ) -> Result<Went, Stop> {
        let again = self.begin_write().await?;
        let graph = self.graph().clone();
        let gone_is_done = response == Response::Decline;
        let done = Done::of(ItemKind::Event, id, None);
        let done = if gone_is_done {
            done.made_or_gone()
        } else {
            done
        };
        if again {
            match self.outbox.call(graph.event_sight(id)).await? {
                Ok(None) if gone_is_done => return Ok(Went::Done(done)),
                Ok(Some(sight)) if sight.has_answered(response) => return Ok(Went::Done(done)),
                Ok(_) => {}
                Err(error) => return unseen(error, self.progress.looks),
            }
        }
        let answered = graph.event_respond(id, response, comment, notify);
        match self.outbox.call(answered).await? {
            Ok(()) => Ok(Went::Done(done)),
            Err(error) => self.not_theirs(id, error, Role::Organizer).await,
        }
    }
}

/// An event was made.
fn created(made: &Version) -> Done {
    let done = Done::of(ItemKind::Event, &made.id, made.change_key.clone());
    let told = json!({ "change_key": made.change_key });
    done.made_or_gone().telling(told)
}

/// What a mailbox is in a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Organizer,
    Attendee,
}

impl Role {
    /// What it may not do, and what it may.
    const fn barred_from(self) -> &'static str {
        match self {
            Self::Organizer => {
                "the mailbox is the meeting's organizer, who does not answer the own invitation; change the meeting, or cancel it"
            }
            Self::Attendee => {
                "only the meeting's organizer can cancel it; decline it instead, or delete it from this calendar"
            }
        }
    }
}
