//! The attachments of a message: names, types, sizes, and how their contents stand.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::problem::{Code, Problem, ProblemBody};
use super::super::state::Api;
use super::found;
use super::view::AttachmentView;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::StoredAttachment;

/// The attachments of a message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttachmentList {
    /// Those of the message itself; an attached item has its parts in it.
    pub attachments: Vec<AttachmentView>,
}

/// Lists the attachments of a message, with the parts of attached items.
#[utoipa::path(
    get,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/attachments",
    tag = "messages",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "`external_id` of the message."),
    ),
    responses(
        (status = OK, description = "The attachments. An attached item shows its parts once its content was asked for.", body = AttachmentList),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No such mailbox or message.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<Json<AttachmentList>, Problem> {
    let (mailbox, message) = found(&api, &caller, &id, &message).await?;
    let stored = api
        .store
        .attachments_stored(mailbox, &message.external_id)
        .await?;
    Ok(Json(AttachmentList {
        attachments: AttachmentView::tree(&stored),
    }))
}

/// Shows what is known of one attachment.
#[utoipa::path(
    get,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/attachments/{attachment_id}",
    tag = "messages",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "`external_id` of the message."),
        ("attachment_id" = String, Path, description = "`external_id` of the attachment, or of a part of one."),
    ),
    responses(
        (status = OK, description = "The attachment.", body = AttachmentView),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No such mailbox, message or attachment.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn detail(
    State(api): State<Api>,
    caller: Caller,
    Path((id, message, attachment)): Path<(String, String, String)>,
) -> Result<Json<AttachmentView>, Problem> {
    let (mailbox, message) = found(&api, &caller, &id, &message).await?;
    let (one, all) = named(&api, mailbox, &message.external_id, &attachment).await?;
    Ok(Json(AttachmentView::of(&one, &all)))
}

/// The attachment that a path names, and all of its message.
pub(super) async fn named(
    api: &Api,
    mailbox: MailboxId,
    message: &GraphId,
    attachment: &str,
) -> Result<(StoredAttachment, Vec<StoredAttachment>), Problem> {
    let all = api.store.attachments_stored(mailbox, message).await?;
    let one = all
        .iter()
        .find(|one| one.attachment.external_id.as_str() == attachment)
        .cloned();
    let one = one.ok_or_else(|| {
        Problem::new(
            Code::AttachmentNotFound,
            "the message has no attachment with that id",
        )
        .about(mailbox)
    })?;
    Ok((one, all))
}
