//! The bytes of an attachment.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::super::caller::Caller;
use super::super::problem::{Problem, ProblemBody};
use super::super::query::Parameters;
use super::super::state::Api;
use super::super::sync::StillRunning;
use super::attachments::named;
use super::fetch::{self, Got, unavailable};
use super::found;
use super::serve::{Manner, bytes};
use crate::content::{file_name, media_type};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::{Attachment, ContentState, StoredAttachment};

/// Gives the content of an attachment, whole or in part. What is not here yet is fetched first.
#[utoipa::path(
    get,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/attachments/{attachment_id}/content",
    tag = "messages",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "`external_id` of the message."),
        ("attachment_id" = String, Path, description = "`external_id` of the attachment, or of a part of one."),
        ("type" = Option<String>, Query, description = "`declared`: with the type that it was declared as, also where a browser would run it. Otherwise such content goes out as application/octet-stream."),
        ("Range" = Option<String>, Header, description = "One range of bytes."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what the caller has; it is the digest."),
    ),
    responses(
        (status = OK, description = "The content; of an attached item its MIME.", body = String, content_type = "application/octet-stream"),
        (status = ACCEPTED, description = "It takes longer than a request may wait, and goes on: ask again.", body = StillRunning),
        (status = PARTIAL_CONTENT, description = "The range that was asked for.", body = String, content_type = "application/octet-stream"),
        (status = NOT_MODIFIED, description = "The caller has it."),
        (status = BAD_REQUEST, description = "A parameter cannot be used.", body = ProblemBody, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No such mailbox, message or attachment, or none of its content: it is a link, unreadable or too large.", body = ProblemBody, content_type = "application/problem+json"),
        (status = CONFLICT, description = "The content is not here, and the mailbox must be connected again.", body = ProblemBody, content_type = "application/problem+json"),
        (status = RANGE_NOT_SATISFIABLE, description = "The content ends before the range.", body = ProblemBody, content_type = "application/problem+json"),
        (status = BAD_GATEWAY, description = "It could not be fetched.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database or the place for contents is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn content(
    State(api): State<Api>,
    caller: Caller,
    Path((id, message, attachment)): Path<(String, String, String)>,
    mut query: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let is_declared = match query.text("type").as_deref() {
        None => false,
        Some("declared") => true,
        Some(_) => {
            query.wrong("type", "it must be `declared`, or left out");
            false
        }
    };
    query.finish()?;
    let (mailbox, message) = found(&api, &caller, &id, &message).await?;
    let message = &message.external_id;
    let (one, _) = named(&api, mailbox, message, &attachment).await?;
    let stored = match here(&api, mailbox, message, &one).await? {
        Got::Here(stored) => stored,
        Got::Running(running) => return Ok(running.into_response()),
    };
    bytes(&api, stored, manner(&one.attachment, is_declared), &headers).await
}

/// The content, from here or from Microsoft.
async fn here(
    api: &Api,
    mailbox: MailboxId,
    message: &GraphId,
    one: &StoredAttachment,
) -> Result<Got, Problem> {
    match (one.stored, one.state) {
        // Bytes may be lost where rows are not: from a backup, for example.
        (Some(stored), _) if api.blobs.holds(stored.digest).await? => Ok(Got::Here(stored)),
        (_, ContentState::Reference) => Err(unavailable(
            "it is a link, and what it leads to is not fetched",
        )),
        (_, ContentState::TooLarge) => Err(unavailable("it is larger than 150 MB")),
        (_, ContentState::Unreadable) => Err(unavailable("Microsoft cannot open it")),
        _ => fetch::attachment(api, mailbox, message, &one.attachment.external_id).await,
    }
}

fn manner(attachment: &Attachment, is_declared: bool) -> Manner {
    let declared = match attachment.kind.as_str() {
        // What Graph gives of an item is its MIME, whatever it is declared as.
        "item" if attachment.content_type.is_none() => Some("message/rfc822"),
        _ => attachment.content_type.as_deref(),
    };
    let content_type = match declared {
        Some(declared) if is_declared && media_type::is_type(declared) => declared.to_owned(),
        _ => media_type::shown_as(declared),
    };
    let kind = if media_type::is_shown_inline(declared) {
        "inline"
    } else {
        "attachment"
    };
    Manner {
        content_type,
        disposition: file_name::disposition(kind, attachment.name.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manner_of(content_type: &str, is_declared: bool) -> Manner {
        let attachment = Attachment {
            external_id: "A".into(),
            name: Some("../x.html".to_owned()),
            content_type: Some(content_type.to_owned()),
            size: 1,
            is_inline: true,
            kind: "file".to_owned(),
            content_id: None,
            url: None,
        };
        manner(&attachment, is_declared)
    }

    #[test]
    fn what_a_browser_would_run_goes_out_as_bytes_unless_its_type_is_asked_for() {
        let shown = manner_of("text/html", false);
        let declared = manner_of("text/html", true);

        assert_eq!(shown.content_type, media_type::BYTES);
        assert!(
            shown
                .disposition
                .starts_with("attachment; filename=\"x.html\""),
            "{}",
            shown.disposition
        );
        assert_eq!(declared.content_type, "text/html");
        assert!(declared.disposition.starts_with("attachment;"));
        assert!(
            manner_of("image/png", false)
                .disposition
                .starts_with("inline;")
        );
        assert_eq!(manner_of("a\r\nb: c", true).content_type, media_type::BYTES);
    }
}
