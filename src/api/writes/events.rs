//! Events: made, changed, called off, answered.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::problem::Problem;
use super::{Asking, Wanted, Written, WrittenWithBody};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::write::{EventFields, Response as Answered, Write};

/// What is said when a meeting is called off.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancelling {
    /// What the attendees read.
    pub comment: Option<String>,
}

/// What is said with an answer to an invitation.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Responding {
    /// What the organizer reads.
    pub comment: Option<String>,
    /// Whether the organizer is told; yes when nothing is said.
    pub notify_organizer: Option<bool>,
}

fn respond(id: GraphId, response: Answered, wanted: Responding) -> Write {
    Write::RespondEvent {
        id,
        response,
        comment: wanted.comment,
        notify_organizer: wanted.notify_organizer.unwrap_or(true),
    }
}

/// Makes an event once, and invites whoever it names.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/events",
    tag = "writing",
    security(("bearer" = [])),
    request_body = EventFields,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("calendar" = Option<String>, Query, description = "In which calendar, by its id; the default one when nothing is said."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn create(
    mut asking: Asking,
    Wanted(wanted): Wanted<EventFields>,
) -> Result<Response, Problem> {
    let calendar = asking.query.text("calendar").map(GraphId::from);
    let write = Write::CreateEvent {
        event: Box::new(wanted),
        calendar,
    };
    asking.write(write).await
}

/// Makes an event once in the owner's mailbox.
#[utoipa::path(
    post,
    path = "/api/v1/integrations/microsoft/events",
    tag = "writing",
    security(("bearer" = [])),
    request_body = EventFields,
    params(
        ("mailbox_id" = Option<MailboxId>, Query, description = "Which mailbox; needed when the owner has several."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("calendar" = Option<String>, Query, description = "In which calendar, by its id; the default one when nothing is said."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn integration_create(
    mut asking: Asking,
    Wanted(wanted): Wanted<EventFields>,
) -> Result<Response, Problem> {
    let calendar = asking.query.text("calendar").map(GraphId::from);
    let write = Write::CreateEvent {
        event: Box::new(wanted),
        calendar,
    };
    asking.write(write).await
}

/// Changes an event, one occurrence or a series.
#[utoipa::path(
    patch,
    path = "/api/v1/mailboxes/{id}/events/{event_id}",
    tag = "writing",
    security(("bearer" = [])),
    request_body = EventFields,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("event_id" = String, Path, description = "The id of the event, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
        ("If-Match" = Option<String>, Header, description = "The version (`change_key`) that must be the present one."),
    ),
    responses(WrittenWithBody),
)]
pub async fn update(
    asking: Asking,
    Wanted(wanted): Wanted<EventFields>,
) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::UpdateEvent {
        id,
        changes: Box::new(wanted),
        if_match: asking.if_match(),
    };
    asking.write(write).await
}

/// Deletes an event, one occurrence or a series.
#[utoipa::path(
    delete,
    path = "/api/v1/mailboxes/{id}/events/{event_id}",
    tag = "writing",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("event_id" = String, Path, description = "The id of the event, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
        ("If-Match" = Option<String>, Header, description = "The version (`change_key`) that must be the present one."),
    ),
    responses(Written),
)]
pub async fn delete(asking: Asking) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::DeleteEvent {
        id,
        if_match: asking.if_match(),
    };
    asking.write(write).await
}

/// Calls a meeting off, or one occurrence of it, and tells the attendees.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/events/{event_id}/cancel",
    tag = "writing",
    security(("bearer" = [])),
    request_body = Cancelling,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("event_id" = String, Path, description = "The id of the event, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn cancel(
    asking: Asking,
    Wanted(wanted): Wanted<Cancelling>,
) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::CancelEvent {
        id,
        comment: wanted.comment,
    };
    asking.write(write).await
}

/// Accepts an invitation.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/events/{event_id}/accept",
    tag = "writing",
    security(("bearer" = [])),
    request_body = Responding,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("event_id" = String, Path, description = "The id of the event, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn accept(
    asking: Asking,
    Wanted(wanted): Wanted<Responding>,
) -> Result<Response, Problem> {
    let id = asking.item();
    let write = respond(id, Answered::Accept, wanted);
    asking.write(write).await
}

/// Declines an invitation.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/events/{event_id}/decline",
    tag = "writing",
    security(("bearer" = [])),
    request_body = Responding,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("event_id" = String, Path, description = "The id of the event, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn decline(
    asking: Asking,
    Wanted(wanted): Wanted<Responding>,
) -> Result<Response, Problem> {
    let id = asking.item();
    let write = respond(id, Answered::Decline, wanted);
    asking.write(write).await
}

/// Accepts an invitation with a perhaps.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/events/{event_id}/tentatively-accept",
    tag = "writing",
    security(("bearer" = [])),
    request_body = Responding,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("event_id" = String, Path, description = "The id of the event, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn tentatively_accept(
    asking: Asking,
    Wanted(wanted): Wanted<Responding>,
) -> Result<Response, Problem> {
    let id = asking.item();
    let write = respond(id, Answered::TentativelyAccept, wanted);
    asking.write(write).await
}
