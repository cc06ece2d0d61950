//! Messages: sent, answered, changed, moved.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::problem::Problem;
use super::super::query::{Parameters, mailbox_in_path};
use super::super::state::Api;
use super::{Manner, Wanted, Written, WrittenWithBody, ask};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::write::{Answer, MessageChanges, NewMessage, Write};

/// Where a message goes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The folder: its id, or a well-known name such as `archive`, `inbox` or `junkemail`.
    #[schema(value_type = String, example = "archive")]
    pub folder: GraphId,
}

/// Where a message comes back to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestorePlace {
    /// The folder; the Inbox when nothing is said.
    #[schema(value_type = Option<String>)]
    pub folder: Option<GraphId>,
}

/// Sends a new message once, or makes a draft of it.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/messages",
    tag = "writing",
    security(("bearer" = [])),
    request_body = NewMessage,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn send(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    mut query: Parameters,
    headers: HeaderMap,
    Wanted(wanted): Wanted<NewMessage>,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let write = Write::Send { message: wanted };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Sends a new message once from the owner's mailbox.
#[utoipa::path(
    post,
    path = "/api/v1/integrations/microsoft/send",
    tag = "writing",
    security(("bearer" = [])),
    request_body = NewMessage,
    params(
        ("mailbox_id" = Option<MailboxId>, Query, description = "Which mailbox; needed when the owner has several."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn integration_send(
    State(api): State<Api>,
    caller: Caller,
    mut query: Parameters,
    headers: HeaderMap,
    Wanted(wanted): Wanted<NewMessage>,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    let named = query.mailbox("mailbox_id");
    query.finish()?;
    let mailbox = caller.only_mailbox(&api, named).await?;
    let write = Write::Send { message: wanted };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Changes a message: read, flag, categories, importance, and of a draft also its text and people.
#[utoipa::path(
    patch,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}",
    tag = "writing",
    security(("bearer" = [])),
    request_body = MessageChanges,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "The id of the message, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
        ("If-Match" = Option<String>, Header, description = "The version (`change_key`) that must be the present one."),
    ),
    responses(WrittenWithBody),
)]
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
    Wanted(wanted): Wanted<MessageChanges>,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let id = GraphId::from(item);
    let write = Write::UpdateMessage {
        id,
        changes: Box::new(wanted),
        if_match: manner.if_match.clone(),
    };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Moves a message to Deleted Items, or deletes it for good.
#[utoipa::path(
    delete,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}",
    tag = "writing",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "The id of the message, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("permanently" = Option<u32>, Query, description = "1: for good."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
        ("If-Match" = Option<String>, Header, description = "The version (`change_key`) that must be the present one."),
    ),
    responses(Written),
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    let permanently = query.number("permanently", 0, 1) == Some(1);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let id = GraphId::from(item);
    let write = Write::Delete {
        id,
        permanently,
        if_match: manner.if_match.clone(),
    };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Answers whoever sent a message, once.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/reply",
    tag = "writing",
    security(("bearer" = [])),
    request_body = Answer,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "The id of the message, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn reply(
    State(api): State<Api>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
    Wanted(wanted): Wanted<Answer>,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let id = GraphId::from(item);
    let write = Write::Reply { id, answer: wanted };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Answers everybody, once.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/reply-all",
    tag = "writing",
    security(("bearer" = [])),
    request_body = Answer,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "The id of the message, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn reply_all(
    State(api): State<Api>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
    Wanted(wanted): Wanted<Answer>,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let id = GraphId::from(item);
    let write = Write::ReplyAll { id, answer: wanted };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Sends a message on to somebody else, once.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/forward",
    tag = "writing",
    security(("bearer" = [])),
    request_body = Answer,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "The id of the message, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn forward(
    State(api): State<Api>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
    Wanted(wanted): Wanted<Answer>,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let id = GraphId::from(item);
    let write = Write::Forward { id, answer: wanted };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Sends a draft as it is, once.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/send",
    tag = "writing",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "The id of the message, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(Written),
)]
pub async fn send_draft(
    State(api): State<Api>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let id = GraphId::from(item);
    let write = Write::SendDraft { id };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Moves a message to another folder.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/move",
    tag = "writing",
    security(("bearer" = [])),
    request_body = Place,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "The id of the message, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn relocate(
    State(api): State<Api>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
    Wanted(wanted): Wanted<Place>,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let id = GraphId::from(item);
    let write = Write::Move {
        id,
        folder: wanted.folder,
    };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Copies a message into a folder, once.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/copy",
    tag = "writing",
    security(("bearer" = [])),
    request_body = Place,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "The id of the message, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn copy(
    State(api): State<Api>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
    Wanted(wanted): Wanted<Place>,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let id = GraphId::from(item);
    let write = Write::Copy {
        id,
        folder: wanted.folder,
    };
    ask(&api, &caller, &mailbox, write, manner).await
}

/// Brings a message back from Deleted Items.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/restore",
    tag = "writing",
    security(("bearer" = [])),
    request_body = RestorePlace,
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "The id of the message, percent-encoded: `external_id` of its row."),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for the outcome, 1 to 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request is the same command, however often it is sent."),
    ),
    responses(WrittenWithBody),
)]
pub async fn restore(
    State(api): State<Api>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
    Wanted(wanted): Wanted<RestorePlace>,
) -> Result<Response, Problem> {
    let manner = Manner::read(&headers, &mut query);
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let id = GraphId::from(item);
    let write = Write::Restore {
        id,
        folder: wanted.folder,
    };
    ask(&api, &caller, &mailbox, write, manner).await
}
