//! Writing into a mailbox: a request becomes a command, and its outcome is waited for when that is wished.
//!
//! Handlers here say what is wanted; whether it may be (the mailbox, the permissions, everything that can be seen to be wrong)
//! is found out before a command is left, so that nothing is half done. Nothing here speaks to Graph.

mod asking;
pub mod events;
pub mod messages;

use asking::Manner;
pub use asking::{Asking, Wanted};

use std::time::Duration;

use axum::Json;
use axum::extract::DefaultBodyLimit;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::commands::CommandView;
use super::problem::{Code, Problem, ProblemBody};
use super::state::Api;
use crate::model::ids::{MailboxId, UploadId};
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::later;
use crate::model::work::{Command, Wish};
use crate::model::write::{Answer, Fault, FaultCode, NewAttachment, Write};
use crate::outbox::check::check;
use crate::secrets::hash;
use crate::store::{Asked, NewCommand, Priority};

/// The largest request: about what Graph takes in one (F8.13). Files go by `POST …/uploads`.
const BODY_LIMIT: usize = 4 << 20;

/// An upload that a command needs is kept so long from then on.
const HELD: Duration = Duration::from_hours(24);

/// The endpoints.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(messages::send))
        .routes(routes!(messages::integration_send))
        .routes(routes!(messages::update, messages::delete))
        .routes(routes!(messages::reply))
        .routes(routes!(messages::reply_all))
        .routes(routes!(messages::forward))
        .routes(routes!(messages::send_draft))
        .routes(routes!(messages::relocate))
        .routes(routes!(messages::copy))
        .routes(routes!(messages::restore))
        .routes(routes!(events::create))
        .routes(routes!(events::integration_create))
        .routes(routes!(events::update, events::delete))
        .routes(routes!(events::cancel))
        .routes(routes!(events::accept))
        .routes(routes!(events::decline))
        .routes(routes!(events::tentatively_accept))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

/// What every write without a body is answered.
#[derive(IntoResponses)]
pub enum Written {
    /// It is done: `wait` was given, and the outcome came.
    #[response(status = 200)]
    Done(CommandView),
    /// It waits for its turn, or goes on; `Location` is where to ask.
    #[response(status = 202)]
    Accepted(CommandView),
    /// Something is wrong with it; nothing was written.
    #[response(status = 400, content_type = "application/problem+json")]
    Wrong(ProblemBody),
    /// No key, or an unknown one.
    #[response(status = 401, content_type = "application/problem+json")]
    Unknown(ProblemBody),
    /// The permission lacks: in the configuration, or in the consent, which `consent_url` adds.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// No such mailbox, or the item is gone.
    #[response(status = 404, content_type = "application/problem+json")]
    Gone(ProblemBody),
    /// The mailbox must be connected again, or the Idempotency-Key came with another body before.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemBody),
    /// The item is at another version than `If-Match` names.
    #[response(status = 412, content_type = "application/problem+json")]
    Version(ProblemBody),
    /// Microsoft refused it, or nobody can tell what became of it.
    #[response(status = 502, content_type = "application/problem+json")]
    Failed(ProblemBody),
    /// The database is away or busy.
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(ProblemBody),
}

/// The same for a write with a body.
#[derive(IntoResponses)]
pub enum WrittenWithBody {
    /// It is done: `wait` was given, and the outcome came.
    #[response(status = 200)]
    Done(CommandView),
    /// It waits for its turn, or goes on; `Location` is where to ask.
    #[response(status = 202)]
    Accepted(CommandView),
    /// Something is wrong with it, each with a code of its own; nothing was written.
    #[response(status = 400, content_type = "application/problem+json")]
    Wrong(ProblemBody),
    /// No key, or an unknown one.
    #[response(status = 401, content_type = "application/problem+json")]
    Unknown(ProblemBody),
    /// The permission lacks: in the configuration, or in the consent, which `consent_url` adds.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// No such mailbox, or the item is gone.
    #[response(status = 404, content_type = "application/problem+json")]
    Gone(ProblemBody),
    /// The mailbox must be connected again, or the Idempotency-Key came with another body before.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemBody),
    /// The item is at another version than `If-Match` names.
    #[response(status = 412, content_type = "application/problem+json")]
    Version(ProblemBody),
    /// The body is over 4 MB, or a text or a file too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// Microsoft refused it, or nobody can tell what became of it.
    #[response(status = 502, content_type = "application/problem+json")]
    Failed(ProblemBody),
    /// The database is away or busy.
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(ProblemBody),
}

/// Leaves the write for the mailbox's home, once everything that can be known says that it may.
async fn ask(
    api: &Api,
    caller: &Caller,
    mailbox: &Mailbox,
    write: Write,
    manner: Manner,
) -> Result<Response, Problem> {
    if mailbox.state != MailboxState::Connected {
        return Err(Problem::state(
            mailbox.id,
            mailbox.state,
            mailbox.state_reason,
        ));
    }
    if let Some(problem) = Problem::faults(check(&write)) {
        return Err(problem.about(mailbox.id));
    }
    may_write(api, caller, mailbox, &write).await?;
    hold_uploads(api, mailbox.id, &write).await?;
    let digest = serde_json::to_string(&write).map_err(|error| Problem::internal(&error))?;
    let new = NewCommand {
        wish: Wish::Write(Box::new(write)),
        owner: Some(caller.owner.clone()),
        key: manner.key.map(|key| (key, hash(&digest))),
    };
    let now = api.clock.now();
    let id = match api.store.command_ask(mailbox.id, &new, now).await? {
        Asked::New(id) => id,
        Asked::Same(command) => command.id,
        Asked::Other => {
            let detail = "this Idempotency-Key came before, with another request";
            return Err(Problem::new(Code::IdempotencyKeyReused, detail).about(mailbox.id));
        }
    };
    if let Some(patience) = manner.wait {
        api.store.command_wait(mailbox.id, id, patience).await?;
    }
    let command = api.store.command_get(mailbox.id, id).await?;
    let command = command.ok_or_else(|| Problem::new(Code::NotFound, "the command is gone"))?;
    Ok(told(&command))
}

/// How a command stands, as an answer.
fn told(command: &Command) -> Response {
    let mut response = match &command.outcome {
        None => (StatusCode::ACCEPTED, Json(CommandView::of(command))).into_response(),
        Some(Ok(_)) => Json(CommandView::of(command)).into_response(),
        Some(Err(detail)) => {
            let code = command.failure_code.map_or(Code::WorkFailed, Code::from);
            let problem = Problem::new(code, detail.clone());
            problem.about(command.mailbox).into_response()
        }
    };
    let place = format!(
        "/api/v1/mailboxes/{}/commands/{}",
        command.mailbox, command.id
    );
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(LOCATION, place);
    }
    response
}

/// Whether configuration and consent allow it.
async fn may_write(
    api: &Api,
    caller: &Caller,
    mailbox: &Mailbox,
    write: &Write,
) -> Result<(), Problem> {
    let names = |scopes: Vec<&str>| scopes.join(" and ");
    let needs = write.needs();
    let lacking = needs.iter().filter(|scope| !api.writing.contains(scope));
    let lacking: Vec<&str> = lacking.map(|scope| scope.name()).collect();
    if !lacking.is_empty() {
        let detail = format!(
            "this needs {}, which MICROSOFT_WRITE_SCOPES does not name",
            names(lacking)
        );
        return Err(Problem::new(Code::WritingNotConfigured, detail).about(mailbox.id));
    }
    let grant = api.store.grant_get(mailbox.id).await?;
    let granted = grant.map(|grant| grant.scopes).unwrap_or_default();
    let lacking = needs.iter().filter(|scope| !scope.is_granted(&granted));
    let lacking: Vec<&str> = lacking.map(|scope| scope.name()).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let begun = api
        .connections
        .begin(&caller.owner, Some(&mailbox.address))
        .await?;
    let detail = format!("the mailbox has not granted {}", names(lacking));
    let problem = Problem::new(Code::ConsentMissing, detail).about(mailbox.id);
    Err(problem.consenting_at(begun.auth_url.as_str()))
}

/// Uploads that are needed must be there, and stay.
async fn hold_uploads(api: &Api, mailbox: MailboxId, write: &Write) -> Result<(), Problem> {
    let files: &[NewAttachment] = match write {
        Write::Send { message } => &message.attachments,
        Write::Reply { answer, .. }
        | Write::ReplyAll { answer, .. }
        | Write::Forward { answer, .. } => {
            let Answer { attachments, .. } = answer;
            attachments
        }
        _ => &[],
    };
    let until = later(api.clock.now(), HELD);
    let mut faults = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let Some(id) = file.upload_id else { continue };
        let mut tx = api.store.write(Priority::Live).await?;
        let is_there = tx.upload_hold(mailbox, UploadId(id), until).await?;
        tx.commit().await?;
        if !is_there {
            faults.push(Fault::of(
                FaultCode::AttachmentUnknown,
                format!("attachments[{number}].upload_id"),
                "the mailbox has no such upload, or not any more: upload the file again",
            ));
        }
    }
    match Problem::faults(faults) {
        Some(problem) => Err(problem.about(mailbox)),
        None => Ok(()),
    }
}
