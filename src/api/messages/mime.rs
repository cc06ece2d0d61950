//! The original of a message.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::super::caller::Caller;
use super::super::problem::{Problem, ProblemBody};
use super::super::state::Api;
use super::super::sync::StillRunning;
use super::fetch::{self, Got};
use super::found;
use super::serve::{Manner, bytes};
use crate::content::file_name;
use crate::model::ids::MailboxId;

/// Gives the original of a message as MIME (RFC 5322). What is not here yet is fetched first.
#[utoipa::path(
    get,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/mime",
    tag = "messages",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "`external_id` of the message."),
        ("Range" = Option<String>, Header, description = "One range of bytes."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what the caller has; it is the digest."),
    ),
    responses(
        (status = OK, description = "The message as MIME.", body = String, content_type = "message/rfc822"),
        (status = ACCEPTED, description = "It takes longer than a request may wait, and goes on: ask again.", body = StillRunning),
        (status = PARTIAL_CONTENT, description = "The range that was asked for.", body = String, content_type = "message/rfc822"),
        (status = NOT_MODIFIED, description = "The caller has it."),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No such mailbox or message, or Microsoft has no original of it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = CONFLICT, description = "The original is not here, and the mailbox must be connected again.", body = ProblemBody, content_type = "application/problem+json"),
        (status = RANGE_NOT_SATISFIABLE, description = "The original ends before the range.", body = ProblemBody, content_type = "application/problem+json"),
        (status = BAD_GATEWAY, description = "It could not be fetched.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database or the place for contents is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn original(
    State(api): State<Api>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (mailbox, message) = found(&api, &caller, &id, &message).await?;
    let kept = api
        .store
        .message_original(mailbox, &message.external_id)
        .await?;
    let stored = match kept {
        Some(stored) if api.blobs.holds(stored.digest).await? => stored,
        _ => match fetch::mime(&api, mailbox, &message.external_id).await? {
            Got::Here(stored) => stored,
            Got::Running(running) => return Ok(running.into_response()),
        },
    };
    let name = match message.subject.as_deref().map(str::trim) {
        Some(subject) if !subject.is_empty() => {
            format!("{}.eml", subject.replace(['/', '\\'], "-"))
        }
        _ => "message.eml".to_owned(),
    };
    let manner = Manner {
        content_type: "message/rfc822".to_owned(),
        disposition: file_name::disposition("attachment", Some(&name)),
    };
    bytes(&api, stored, manner, &headers).await
}
