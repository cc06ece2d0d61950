//! Looks at a mailbox now, within bounds, and counts what that changed.
//!
//! The work is the home's: a command is left for it, and its outcome is waited for. The mirror itself needs no such
//! call; it is there for applications that know the integration this service took over.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::{Code, Problem, ProblemBody};
use super::query::Parameters;
use super::state::Api;
use crate::model::ids::{CommandId, MailboxId};
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::Timestamp;
use crate::model::work::Wish;

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncCounts {
    /// New rows.
    #[serde(default)]
    pub created: u64,
    /// Changed rows.
    #[serde(default)]
    pub updated: u64,
    /// Rows that were the same already.
    #[serde(default)]
    pub unchanged: u64,
    /// Rows that turned out to be gone.
    #[serde(default)]
    pub deleted: u64,
}

/// What a home says of a sync of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessagesSynced {
    /// What became of the messages that were looked at.
    #[serde(flatten)]
    pub counts: SyncCounts,
    /// Messages that were passed over because they lie in folders that are not mirrored, Teams chats for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u64>,
}

/// What a home says of a sync of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventsSynced {
    /// What became of the events that were looked at.
    #[serde(flatten)]
    pub counts: SyncCounts,
    /// Where the range begins that was looked at; absent when nothing of what was asked for is mirrored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start: Option<Timestamp>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end: Option<Timestamp>,
    /// Whether that is less than was asked for: events are mirrored in a rolling window only, and a row outside of it would
    /// not be kept true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_to_mirrored_window: Option<bool>,
}

/// The answer of `POST …/sync/outlook`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MessageSync {
    /// The mailbox.
    pub mailbox_id: MailboxId,
    /// What became of the messages that were looked at.
    #[serde(flatten)]
    pub messages: MessagesSynced,
}

/// The answer of `POST …/sync/calendar`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventSync {
    /// The mailbox.
    pub mailbox_id: MailboxId,
    /// What became of the events that were looked at.
    #[serde(flatten)]
    pub events: EventsSynced,
}

/// The answer when the work takes longer than a request may wait: it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StillRunning {
    /// The mailbox.
    pub mailbox_id: MailboxId,
    /// The command that goes on.
    pub command_id: CommandId,
    /// Always `running`.
    #[schema(example = "running")]
    pub status: String,
}

/// The most that one call looks at.
const MAX_RESULTS: u32 = 1_000;
/// How much it looks at unless told.
const DEFAULT_RESULTS: u32 = 100;

/// Fetches the latest messages of the mailbox and writes them to the mirror.
#[utoipa::path(
    post,
    path = "/api/v1/integrations/microsoft/sync/outlook",
    tag = "integration",
    security(("bearer" = [])),
    params(
        ("max_results" = Option<u32>, Query, description = "Look at so many messages at most, the latest first; 1 to 1000, default 100."),
        ("since_date" = Option<String>, Query, description = "Only messages received at or after this instant or date (UTC)."),
        ("mailbox_id" = Option<MailboxId>, Query, description = "Which mailbox; needed when the owner has several."),
    ),
    responses(
        (status = OK, description = "Done; what became of the messages.", body = MessageSync),
        (status = ACCEPTED, description = "It takes longer than a request may wait, and goes on.", body = StillRunning),
        (status = BAD_REQUEST, description = "A parameter cannot be used.", body = ProblemBody, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No mailbox is connected, or not that one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = CONFLICT, description = "The mailbox must be connected again, or several are connected.", body = ProblemBody, content_type = "application/problem+json"),
        (status = BAD_GATEWAY, description = "The work failed.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn messages(
    State(api): State<Api>,
    caller: Caller,
    mut query: Parameters,
) -> Result<Response, Problem> {
    let max_results = query
        .number("max_results", 1, MAX_RESULTS)
        .unwrap_or(DEFAULT_RESULTS);
    let since = query.instant("since_date");
    let named = query.mailbox("mailbox_id");
    query.finish()?;
    let mailbox = caller.only_mailbox(&api, named).await?;
    let wish = Wish::SyncMessages { max_results, since };
    Ok(match fulfil(&api, &mailbox, &wish).await? {
        Fulfilled::Done(messages) => Json(MessageSync {
            mailbox_id: mailbox.id,
            messages,
        })
        .into_response(),
        Fulfilled::Running(running) => running.into_response(),
    })
}

/// Fetches events of the mailbox and writes them to the mirror.
#[utoipa::path(
    post,
    path = "/api/v1/integrations/microsoft/sync/calendar",
    tag = "integration",
    security(("bearer" = [])),
    params(
        ("max_results" = Option<u32>, Query, description = "Look at so many events at most; 1 to 1000, default 100."),
        ("start_time" = Option<String>, Query, description = "Only events that end after this instant or date (UTC)."),
        ("end_time" = Option<String>, Query, description = "Only events that start before this instant or date (UTC)."),
        ("mailbox_id" = Option<MailboxId>, Query, description = "Which mailbox; needed when the owner has several."),
    ),
    responses(
        (status = OK, description = "Done; what became of the events, and which range was looked at.", body = EventSync),
        (status = ACCEPTED, description = "It takes longer than a request may wait, and goes on.", body = StillRunning),
        (status = BAD_REQUEST, description = "A parameter cannot be used.", body = ProblemBody, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No mailbox is connected, or not that one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = CONFLICT, description = "The mailbox must be connected again, or several are connected.", body = ProblemBody, content_type = "application/problem+json"),
        (status = BAD_GATEWAY, description = "The work failed.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn events(
    State(api): State<Api>,
    caller: Caller,
    mut query: Parameters,
) -> Result<Response, Problem> {
    let max_results = query
        .number("max_results", 1, MAX_RESULTS)
        .unwrap_or(DEFAULT_RESULTS);
    let start = query.instant("start_time");
    let end = query.instant("end_time");
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        query.wrong("end_time", "it must be later than start_time");
    }
    let named = query.mailbox("mailbox_id");
    query.finish()?;
    let mailbox = caller.only_mailbox(&api, named).await?;
    let wish = Wish::SyncEvents {
        max_results,
        start,
        end,
    };
    Ok(match fulfil(&api, &mailbox, &wish).await? {
        Fulfilled::Done(events) => Json(EventSync {
            mailbox_id: mailbox.id,
            events,
        })
        .into_response(),
        Fulfilled::Running(running) => running.into_response(),
    })
}

/// How waiting for a wish ended.
pub(super) enum Fulfilled<T> {
    Done(T),
    Running(StillRunning),
}

impl StillRunning {
    /// The work of this command goes on.
    pub(super) fn of(mailbox: MailboxId, command: CommandId) -> Self {
        Self {
            mailbox_id: mailbox,
            command_id: command,
            status: "running".to_owned(),
        }
    }
}

impl IntoResponse for StillRunning {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self)).into_response()
    }
}

/// Leaves a wish for the mailbox's home and waits for its outcome, as long as a request may.
pub(super) async fn fulfil<T: serde::de::DeserializeOwned>(
    api: &Api,
    mailbox: &Mailbox,
    wish: &Wish,
) -> Result<Fulfilled<T>, Problem> {
    if mailbox.state != MailboxState::Connected {
        return Err(Problem::state(
            mailbox.id,
            mailbox.state,
            mailbox.state_reason,
        ));
    }
    let command = api
        .store
        .command_add(mailbox.id, wish, api.clock.now())
        .await?;
    match api
        .store
        .command_wait(mailbox.id, command, api.patience)
        .await?
    {
        None => Ok(Fulfilled::Running(StillRunning::of(mailbox.id, command))),
        Some(Ok(value)) => serde_json::from_value(value)
            .map(Fulfilled::Done)
            .map_err(|error| Problem::internal(&error)),
        Some(Err(detail)) => Err(failure(api, mailbox.id, detail).await?),
    }
}

/// A failure may have put the mailbox into a state that says more than the failure itself.
async fn failure(api: &Api, mailbox: MailboxId, detail: String) -> Result<Problem, Problem> {
    let state = api.store.mailbox_get(mailbox).await?;
    Ok(match state {
        Some(mailbox) if mailbox.state != MailboxState::Connected => {
            Problem::state(mailbox.id, mailbox.state, mailbox.state_reason)
        }
        _ => Problem::new(Code::WorkFailed, detail).about(mailbox),
    })
}
