//! How work ended that took longer than the request that asked for it.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Caller;
use super::problem::{Code, Problem, ProblemBody};
use super::query::mailbox_in_path;
use super::state::Api;
use crate::model::ids::{CommandId, GraphId, MailboxId};
use crate::model::work::Command;

/// Whether work goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandStatus {
    /// It waits or goes on.
    Running,
    /// It is done.
    Done,
    /// It failed.
    Failed,
}

/// How work stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CommandView {
    /// The command.
    pub command_id: CommandId,
    /// The mailbox.
    pub mailbox_id: MailboxId,
    /// What kind of work it is.
    #[schema(example = "send")]
    pub kind: String,
    /// Whether it goes on.
    pub status: CommandStatus,
    /// How often it was begun.
    pub attempts: i64,
    /// Graph's id of the item that a write made or changed, once it is known.
    #[schema(value_type = Option<String>)]
    pub graph_id: Option<GraphId>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: crate::model::time::Timestamp,
    /// What it did, once it is done: for a sync, the counts.
    #[schema(value_type = Option<Object>)]
    pub outcome: Option<serde_json::Value>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// What kind of failure it was, for writes: a code of docs/reference/problems.md, or `mailbox_not_connected`, or `gave_up`.
    pub failure_code: Option<String>,
}

impl CommandView {
    /// How a command stands.
    pub fn of(command: &Command) -> Self {
        let (status, outcome, failure) = match &command.outcome {
            None => (CommandStatus::Running, None, None),
            Some(Ok(outcome)) => (CommandStatus::Done, Some(outcome.clone()), None),
            Some(Err(failure)) => (CommandStatus::Failed, None, Some(failure.clone())),
        };
        Self {
            command_id: command.id,
            mailbox_id: command.mailbox,
            kind: command.wish.kind().to_owned(),
            status,
            attempts: command.attempts,
            graph_id: command.graph_id.clone(),
            requested_at: command.requested_at,
            outcome,
            failure,
            failure_code: command.failure_code.map(|code| code.name().to_owned()),
        }
    }
}

/// Tells how work stands that was answered with 202.
#[utoipa::path(
    get,
    path = "/api/v1/mailboxes/{id}/commands/{command_id}",
    tag = "mailboxes",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("command_id" = CommandId, Path, description = "The command, as the 202 named it; kept for 30 days."),
    ),
    responses(
        (status = OK, description = "How it stands.", body = CommandView),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No such mailbox or command.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn detail(
    State(api): State<Api>,
    caller: Caller,
    Path((id, command)): Path<(String, String)>,
) -> Result<Json<CommandView>, Problem> {
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let unknown = || Problem::new(Code::NotFound, "the mailbox has no such command");
    let command = Uuid::parse_str(&command).map_err(|_| unknown())?;
    let command = api
        .store
        .command_get(mailbox.id, CommandId(command))
        .await?
        .ok_or_else(unknown)?;
    Ok(Json(CommandView::of(&command)))
}
