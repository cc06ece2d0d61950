//! What an application sends to be attached to something.
//!
//! The body is streamed into a blob, so that an attachment of 150 MB costs no more memory than one of 1 MB; what is sent with a
//! message names the upload. One that nothing uses is forgotten after a day.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::{Code, Problem, ProblemBody};
use super::query::{Parameters, mailbox_in_path};
use super::state::Api;
use crate::blobs::Staged;
use crate::content::{file_name, media_type};
use crate::model::blob::{LARGEST, Upload};
use crate::model::ids::{MailboxId, UploadId};
use crate::model::mailbox::MailboxState;
use crate::model::time::{Timestamp, later};

/// How long an upload waits to be used.
const KEPT: Duration = Duration::from_hours(24);

/// An upload, kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UploadView {
    /// What a message names it by.
    pub upload_id: UploadId,
    /// SHA-256 of the bytes, 64 hexadecimal digits.
    pub digest: String,
    /// How many bytes there are.
    pub size: u64,
    /// The file's name.
    pub name: String,
    /// The declared content type.
    pub content_type: String,
    /// Until when it is kept, unless something that waits to be sent needs it longer.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Takes a file that is to be attached to something, up to 150 MB.
#[utoipa::path(
    post,
    path = "/api/v1/mailboxes/{id}/uploads",
    tag = "messages",
    security(("bearer" = [])),
    params(
        ("id" = MailboxId, Path, description = "Our id of the mailbox."),
        ("name" = String, Query, description = "The file's name, without any path."),
    ),
    request_body(
        content = String,
        content_type = "application/octet-stream",
        description = "The bytes. Their own `Content-Type` is kept as the attachment's.",
    ),
    responses(
        (status = CREATED, description = "It is kept, for a day unless something needs it longer.", body = UploadView),
        (status = BAD_REQUEST, description = "The name or the content type cannot be used, or the body did not come whole.", body = ProblemBody, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No such mailbox.", body = ProblemBody, content_type = "application/problem+json"),
        (status = CONFLICT, description = "The mailbox is disconnected.", body = ProblemBody, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, description = "It is larger than 150 MB.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database or the place for contents is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    mut query: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<UploadView>), Problem> {
    let name = query.text("name").unwrap_or_default();
    query.finish()?;
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    if mailbox.state == MailboxState::Disconnected {
        let (state, reason) = (mailbox.state, mailbox.state_reason);
        return Err(Problem::state(mailbox.id, state, reason));
    }
    if let Some(fault) = file_name::fault(&name) {
        let detail = format!("the name of the file (`name`) {fault}");
        return Err(Problem::new(Code::FileNameRefused, detail));
    }
    let content_type = content_type(&headers)?;
    if announced(&headers).is_some_and(|length| length > LARGEST) {
        return Err(crate::blobs::BlobError::TooLarge { limit: LARGEST }.into());
    }
    let (bytes, beginning) = watched(body.into_data_stream().map_err(std::io::Error::other));
    let staged = api.blobs.stage(bytes, LARGEST).await?;
    if media_type::is_a_lie(&content_type, &beginning.seen()) {
        api.blobs.discard(staged).await?;
        return Err(Problem::new(
            Code::ContentTypeMismatch,
            format!("the bytes do not begin as those of {content_type} do"),
        ));
    }
    let upload = keep(&api, staged, mailbox.id, name, content_type).await?;
    let view = UploadView {
        upload_id: upload.id,
        digest: upload.stored.digest.to_string(),
        size: upload.stored.size,
        name: upload.name,
        content_type: upload.content_type,
        expires_at: upload.expires_at,
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Claims the bytes, gives them their name, then notes the upload: in this order no sweep comes between.
async fn keep(
    api: &Api,
    staged: Staged,
    mailbox: MailboxId,
    name: String,
    content_type: String,
) -> Result<Upload, Problem> {
    let now = api.clock.now();
    api.store.blob_claim(staged.stored(), now).await?;
    let stored = api.blobs.publish(staged).await?;
    let upload = Upload {
        mailbox,
        id: UploadId::generate(),
        stored,
        name,
        content_type,
        created_at: now,
        expires_at: later(now, KEPT),
    };
    if api.store.upload_add(&upload).await? {
        return Ok(upload);
    }
    Err(Problem::new(
        Code::BlobsUnavailable,
        "the content was swept before it was noted: send it again",
    ))
}

fn content_type(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(header) = headers.get(CONTENT_TYPE) else {
        return Ok(media_type::BYTES.to_owned());
    };
    header
        .to_str()
        .ok()
        .filter(|text| media_type::is_type(text))
        .map(str::to_owned)
        .ok_or_else(|| Problem::new(Code::InvalidRequest, "the Content-Type is none"))
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The first bytes of a stream, for whoever wants to know what it is.
#[derive(Debug, Clone, Default)]
struct Beginning(Arc<Mutex<Vec<u8>>>);

impl Beginning {
    fn see(&self, chunk: &Bytes) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = media_type::BEGINNING.saturating_sub(seen.len());
        seen.extend(chunk.iter().take(missing));
    }

    fn seen(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn watched<S>(
    bytes: S,
) -> (
    impl Stream<Item = Result<Bytes, std::io::Error>> + Send,
    Beginning,
)
where
    S: Stream<Item = Result<Bytes, std::io::Error>> + Send,
{
    let beginning = Beginning::default();
    let watching = beginning.clone();
    let bytes = bytes.inspect_ok(move |chunk| watching.see(chunk));
    (bytes, beginning)
}
