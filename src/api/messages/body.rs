//! The body of a message as a page that acts on nothing and loads nothing from elsewhere.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::caller::Caller;
use super::super::page::escaped;
use super::super::problem::{Problem, ProblemBody};
use super::super::state::Api;
use super::{aside, found};
use crate::content::{html, media_type};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::Message;

/// Nothing is allowed but pictures from here or from within the page, and the looks of elements.
const POLICY: &str = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; frame-ancestors 'self'; form-action 'none'; \
     base-uri 'none'; sandbox allow-popups";

/// Shows the body of a message as a page that is safe to open.
#[utoipa::path(
    get,
    path = "/api/v1/mailboxes/{id}/messages/{message_id}/html",
    tag = "messages",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("message_id" = String, Path, description = "`external_id` of the message."),
    ),
    responses(
        (status = OK, description = "The body, sanitised; pictures that came with the message are shown from the attachments' addresses, everything else stays unloaded.", body = String, content_type = "text/html"),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No such mailbox or message.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn page(
    State(api): State<Api>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (mailbox, message) = found(&api, &caller, &id, &message).await?;
    let body = match shown(&api, mailbox, &message).await? {
        Some(html) => html,
        None => format!(
            "<pre>{}</pre>",
            escaped(message.body.as_deref().unwrap_or_default())
        ),
    };
    let title = escaped(message.subject.as_deref().unwrap_or_default());
    let page = format!(
        "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>pre {{ white-space: pre-wrap; font: inherit; }}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    );
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    Ok((headers, page).into_response())
}

/// The body as harmless HTML; none for plain text.
pub(super) async fn shown(
    api: &Api,
    mailbox: MailboxId,
    message: &Message,
) -> Result<Option<String>, Problem> {
    let Some(body) = message.body.clone() else {
        return Ok(None);
    };
    if message.body_type.as_deref() == Some("text") {
        return Ok(None);
    }
    let inline = inline(api, mailbox, &message.external_id, &body).await?;
    aside(move || html::sanitised(&body, inline))
        .await
        .map(Some)
}

/// Where the pictures that came with the message are shown from, by Content-ID.
async fn inline(
    api: &Api,
    mailbox: MailboxId,
    message: &GraphId,
    body: &str,
) -> Result<BTreeMap<String, String>, Problem> {
    let wanted = html::shown_parts(body);
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let stored = api.store.attachments_stored(mailbox, message).await?;
    Ok(stored
        .into_iter()
        .filter(|one| one.parent.is_none())
        .filter_map(|one| {
            let attachment = one.attachment;
            let id = html::content_id(attachment.content_id.as_deref()?);
            let is_shown = wanted.contains(&id)
                && media_type::is_shown_inline(attachment.content_type.as_deref());
            is_shown.then(|| (id, address(mailbox, message, &attachment.external_id)))
        })
        .collect())
}

fn address(mailbox: MailboxId, message: &GraphId, attachment: &GraphId) -> String {
    let escape = |id: &str| utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
    format!(
        "/api/v1/mailboxes/{mailbox}/messages/{}/attachments/{}/content",
        escape(message.as_str()),
        escape(attachment.as_str())
    )
}
