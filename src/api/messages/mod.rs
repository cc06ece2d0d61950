//! A message whole: its row with its body, its attachments, its original.
//!
//! Rows can be read in SQL; what cannot is served here: contents that lie in a bucket or still at Microsoft, and bodies made fit to
//! be shown. What is not there yet is left as a wish for the mailbox's home and waited for. In reading order: `view` (shapes), this
//! file (the message), [`body`], [`attachments`], [`content`], [`mime`], `fetch` (waiting), `serve` (bytes).

pub mod attachments;
pub mod body;
pub mod content;
mod fetch;
pub mod mime;
mod serve;
pub mod view;

use axum::Json;
use axum::extract::{Path, State};

use super::caller::Caller;
use super::problem::{Code, Problem, ProblemBody};
use super::query::mailbox_in_path;
use super::state::Api;
use crate::content::text;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::Message;
use view::MessageView;

/// Shows a message with its body: as Graph gave it, made harmless, and as plain text.
#[utoipa::path(
    get,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}",
    tag = "messages",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "`external_id` of the message."),
    ),
    responses(
        (status = OK, description = "The message.", body = MessageView),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No such mailbox or message.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn detail(
    State(api): State<Api>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<Json<MessageView>, Problem> {
    let (mailbox, message) = found(&api, &caller, &id, &message).await?;
    let html = body::shown(&api, mailbox, &message).await?;
    let plain = plain_text(&message).await?;
    Ok(Json(MessageView::of(mailbox, message, html, plain)))
}

/// The message that a path names, for whoever may see it.
async fn found(
    api: &Api,
    caller: &Caller,
    mailbox: &str,
    message: &str,
) -> Result<(MailboxId, Message), Problem> {
    let mailbox = caller.mailbox(api, mailbox_in_path(mailbox)?).await?.id;
    let unknown = || {
        Problem::new(
            Code::MessageNotFound,
            "the mailbox has no message with that id",
        )
        .about(mailbox)
    };
    if !GraphId::is_possible(message) {
        return Err(unknown());
    }
    let stored = api.store.message_get(mailbox, &message.into()).await?;
    Ok((mailbox, stored.ok_or_else(unknown)?.message))
}

async fn plain_text(message: &Message) -> Result<Option<String>, Problem> {
    let Some(body) = message.body.clone() else {
        return Ok(None);
    };
    if message.body_type.as_deref() == Some("text") {
        return Ok(Some(body));
    }
    let text = aside(move || text::of_html(&body)).await?;
    Ok(Some(text))
}

/// Does long work on the side, so that no other request waits for it.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::internal(&error))
}
