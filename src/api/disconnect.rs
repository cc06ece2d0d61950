//! Disconnecting a mailbox.
//!
//! The mailbox's home does it, because only the home may speak to Graph for it: it deletes the subscriptions there, forgets
//! the grant and ends all work. What was copied is kept.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::{Code, Problem, ProblemBody};
use super::query::Parameters;
use super::state::Api;
use super::sync::StillRunning;
use crate::model::ids::MailboxId;
use crate::model::mailbox::MailboxState;
use crate::model::work::Wish;

/// The answer of `DELETE …/disconnect`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DisconnectedMailbox {
    /// The mailbox.
    pub mailbox_id: MailboxId,
    /// What it is in now.
    pub state: MailboxState,
}

/// Disconnects a mailbox; what was copied is kept.
#[utoipa::path(
    delete,
    path = "/api/v1/integrations/microsoft/disconnect",
    tag = "integration",
    security(("bearer" = [])),
    params(
        ("mailbox_id" = Option<MailboxId>, Query, description = "Which mailbox; needed when the owner has several."),
    ),
    responses(
        (status = OK, description = "It is disconnected; saying so again changes nothing.", body = DisconnectedMailbox),
        (status = ACCEPTED, description = "It takes longer than a request may wait, and goes on.", body = StillRunning),
        (status = BAD_REQUEST, description = "A parameter cannot be used.", body = ProblemBody, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No mailbox is connected, or not that one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = CONFLICT, description = "Several mailboxes are connected: name one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = BAD_GATEWAY, description = "The work failed.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn disconnect(
    State(api): State<Api>,
    caller: Caller,
    mut query: Parameters,
) -> Result<Response, Problem> {
    let named = query.mailbox("mailbox_id");
    query.finish()?;
    let mailbox = caller.only_mailbox(&api, named).await?;
    let done = || {
        Json(DisconnectedMailbox {
            mailbox_id: mailbox.id,
            state: MailboxState::Disconnected,
        })
        .into_response()
    };
    if mailbox.state == MailboxState::Disconnected {
        return Ok(done());
    }
    let now = api.clock.now();
    let command = api
        .store
        .command_add(mailbox.id, &Wish::Disconnect, now)
        .await?;
    match api
        .store
        .command_wait(mailbox.id, command, api.patience)
        .await?
    {
        Some(Ok(_)) => Ok(done()),
        Some(Err(detail)) => Err(Problem::new(Code::WorkFailed, detail).about(mailbox.id)),
        None => Ok(StillRunning::of(mailbox.id, command).into_response()),
    }
}
