//! Messages: sent, answered, changed, moved.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::problem::Problem;
use super::{Asking, Wanted, Written, WrittenWithBody};
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
pub async fn send(asking: Asking, Wanted(wanted): Wanted<NewMessage>) -> Result<Response, Problem> {
    let write = Write::Send { message: wanted };
    asking.write(write).await
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
    asking: Asking,
    Wanted(wanted): Wanted<NewMessage>,
) -> Result<Response, Problem> {
    let write = Write::Send { message: wanted };
    asking.write(write).await
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
    asking: Asking,
    Wanted(wanted): Wanted<MessageChanges>,
) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::UpdateMessage {
        id,
        changes: Box::new(wanted),
        if_match: asking.if_match(),
    };
    asking.write(write).await
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
pub async fn delete(mut asking: Asking) -> Result<Response, Problem> {
    let permanently = asking.query.number("permanently", 0, 1) == Some(1);
    let id = asking.item();
    let write = Write::Delete {
        id,
        permanently,
        if_match: asking.if_match(),
    };
    asking.write(write).await
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
pub async fn reply(asking: Asking, Wanted(wanted): Wanted<Answer>) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::Reply { id, answer: wanted };
    asking.write(write).await
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
    asking: Asking,
    Wanted(wanted): Wanted<Answer>,
) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::ReplyAll { id, answer: wanted };
    asking.write(write).await
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
pub async fn forward(asking: Asking, Wanted(wanted): Wanted<Answer>) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::Forward { id, answer: wanted };
    asking.write(write).await
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
pub async fn send_draft(asking: Asking) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::SendDraft { id };
    asking.write(write).await
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
pub async fn relocate(asking: Asking, Wanted(wanted): Wanted<Place>) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::Move {
        id,
        folder: wanted.folder,
    };
    asking.write(write).await
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
pub async fn copy(asking: Asking, Wanted(wanted): Wanted<Place>) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::Copy {
        id,
        folder: wanted.folder,
    };
    asking.write(write).await
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
    asking: Asking,
    Wanted(wanted): Wanted<RestorePlace>,
) -> Result<Response, Problem> {
    let id = asking.item();
    let write = Write::Restore {
        id,
        folder: wanted.folder,
    };
    asking.write(write).await
}
