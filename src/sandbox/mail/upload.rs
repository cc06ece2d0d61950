//! Upload sessions: how a file of 3 MB or more comes to a draft (F8.8 to F8.11, S71).
//!
//! A session is begun on Graph's side and fed on another host's, where its address alone opens it;
//! `uploads` is that host. The ranges come in order, and the last one makes the attachment.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{StatusCode, header};
use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{OVERHEAD, UPLOADED_FROM};
use super::message::{Attachment, AttachmentKind, Message, MessageKey};
use super::message_calls::message;
use super::{mail_of, state};
use crate::model::time::{Timestamp, later};
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::ids::guid;
use crate::sandbox::query::encode;
use crate::sandbox::throttle::Key;
use crate::sandbox::world::State;

/// The largest file (F8.8).
const LARGEST: usize = 150 * 1024 * 1024;
/// The most bytes of one range (F8.10).
pub const LARGEST_RANGE: usize = 4 * 1024 * 1024;

/// The sessions that have neither ended nor expired, by what opens them.
#[derive(Debug, Default)]
pub struct Uploads {
    sessions: HashMap<String, Session>,
}

#[derive(Debug)]
struct Session {
    app_id: String,
    mailbox: usize,
    message: MessageKey,
    /// Where it is, and where its attachment will be.
    message_url: String,
    immutable: bool,
    file: File,
    received: BytesMut,
    expires_at: Timestamp,
}

#[derive(Debug)]
struct File {
    name: String,
    content_type: String,
    content_id: Option<String>,
    is_inline: bool,
    size: usize,
}

impl Uploads {
    /// Whom the limits count a call on this session for.
    pub fn key(&self, token: &str, now: Timestamp) -> Option<Key> {
        self.live(token, now)
            .map(|session| (session.app_id.clone(), session.mailbox))
    }

    /// Ends a session.
    pub fn expire(&mut self, token: &str) {
        self.sessions.remove(token);
    }

    fn live(&self, token: &str, now: Timestamp) -> Option<&Session> {
        self.sessions
            .get(token)
            .filter(|session| now < session.expires_at)
    }
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "AttachmentItem", alias = "attachmentItem")]
    item: WantedItem,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedItem {
    attachment_type: String,
    name: String,
    size: u64,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    content_id: Option<String>,
    #[serde(default)]
    is_inline: bool,
}

/// `POST …/attachments/createUploadSession` (F8.9).
pub fn create(
    state: &mut State,
    mailbox: usize,
    key: MessageKey,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let Wanted { item } = call.json()?;
    if !item.attachment_type.eq_ignore_ascii_case("file") || item.name.is_empty() {
        return Err(GraphFault::bad_request(
            "ErrorInvalidRequest",
            "An upload session takes a file, and the file has a name.",
        ));
    }
    let size = usize::try_from(item.size).unwrap_or(usize::MAX);
    check_size(size)?;
    let message = message(state, mailbox, key)?;
    check_draft(message)?;
    let now = state.now();
    let message_id = encode(message.id(call.prefer.immutable_ids));
    let user = state
        .mailboxes
        .get(mailbox)
        .map(|mailbox| mailbox.user.id.0.clone())
        .unwrap_or_default();
    let host = call.root.trim_end_matches("/v1.0");
    let message_url = format!(
        "{host}/api/v2.0/Users('{user}@{}')/Messages('{message_id}')",
        state.tenant_id
    );
    let (id, token) = (guid(&mut state.rng), guid(&mut state.rng));
    let upload_url = format!("{message_url}/AttachmentSessions('{id}')?authtoken={token}");
    let life = Duration::from_secs(state.knobs.upload_session_seconds);
    let session = Session {
        app_id: call.caller.app_id.clone(),
        mailbox,
        message: key,
        message_url,
        immutable: call.prefer.immutable_ids,
        received: BytesMut::with_capacity(size),
        file: File {
            name: item.name,
            content_type: item
                .content_type
                .unwrap_or_else(|| "application/octet-stream".to_owned()),
            content_id: item.content_id,
            is_inline: item.is_inline,
            size,
        },
        expires_at: later(now, life),
    };
    let answer = json!({
        "@odata.context": format!("{}/$metadata#microsoft.graph.uploadSession", call.root),
        "uploadUrl": upload_url,
        "expirationDateTime": session.expires_at,
        "nextExpectedRanges": ["0-"],
    });
    let sessions = &mut state.uploads.sessions;
    sessions.retain(|_, session| now < session.expires_at);
    sessions.insert(token, session);
    Ok(Reply::json(StatusCode::CREATED, &answer))
}

fn check_size(size: usize) -> Result<(), GraphFault> {
    if size < UPLOADED_FROM {
        return Err(GraphFault::bad_request(
            "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
            "The file is smaller than an upload session takes; attach it in one call.",
        ));
    }
    if size > LARGEST {
        return Err(GraphFault::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "ErrorAttachmentSizeLimitExceeded",
            "The file is larger than the 150 MB an attachment may have.",
        ));
    }
    Ok(())
}

fn check_draft(message: &Message) -> Result<(), GraphFault> {
    if message.is_draft && !message.is_leaving {
        Ok(())
    } else {
        Err(not_a_draft())
    }
}

/// What has been sent takes no attachments.
pub fn not_a_draft() -> GraphFault {
    GraphFault::bad_request(
        "ErrorInvalidRequest",
        "Attachments can only be added to a draft.",
    )
}

/// 404: a session that was never there, was ended, has expired or is complete.
pub fn no_such_session() -> GraphFault {
    GraphFault::new(
        StatusCode::NOT_FOUND,
        "ErrorItemNotFound",
        "The upload session was not found; it may have expired.",
    )
}

/// `GET` of a session: how far it has come.
pub fn progress(state: &State, token: &str) -> Result<Reply, GraphFault> {
    let session = state
        .uploads
        .live(token, state.now())
        .ok_or_else(no_such_session)?;
    Ok(Reply::json(StatusCode::OK, &session.progress()))
}

/// `DELETE` of a session.
pub fn cancel(state: &mut State, token: &str) -> Result<Reply, GraphFault> {
    let now = state.now();
    state.uploads.live(token, now).ok_or_else(no_such_session)?;
    state.uploads.expire(token);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// `PUT` of a range; the last one makes the attachment.
pub fn put(
    state: &mut State,
    token: &str,
    content_range: Option<&str>,
    bytes: &Bytes,
) -> Result<Reply, GraphFault> {
    let now = state.now();
    let session = state.uploads.live(token, now).ok_or_else(no_such_session)?;
    check_draft(message(state, session.mailbox, session.message)?)?;
    let range = content_range.and_then(Range::parse);
    session.check(range, bytes.len())?;
    let Some(session) = state.uploads.sessions.get_mut(token) else {
        return Err(no_such_session());
    };
    session.received.extend_from_slice(bytes);
    if session.received.len() < session.file.size {
        return Ok(Reply::json(StatusCode::OK, &session.progress()));
    }
    let session = state.uploads.sessions.remove(token);
    complete(state, session.ok_or_else(no_such_session)?)
}

/// 201 without a body; `Location` names the attachment (F8.10).
fn complete(state: &mut State, session: Session) -> Result<Reply, GraphFault> {
    let now = state::whole_seconds(state.now());
    let file = session.file;
    let attachment = Attachment {
        suffix: String::new(),
        name: file.name,
        content_type: file.content_type,
        size: file.size + OVERHEAD,
        is_inline: file.is_inline,
        modified_at: now,
        kind: AttachmentKind::File {
            content: session.received.freeze(),
            content_id: file.content_id,
            unreadable: false,
        },
    };
    let mail = mail_of(state, session.mailbox)?;
    let (place, changes) = mail.attach(session.message, attachment, now);
    state.announce_at(session.mailbox, changes);
    let message = message(state, session.mailbox, session.message)?;
    let id = message
        .attachments
        .get(place)
        .map(|attachment| attachment.id(message.id(session.immutable)))
        .unwrap_or_default();
    let location = format!("{}/Attachments('{}')", session.message_url, encode(&id));
    Ok(Reply::empty(StatusCode::CREATED)
        .with_header(header::LOCATION, &location)
        .with_header(header::CONTENT_LENGTH, "0"))
}

impl Session {
    /// In other letters than the call that began it, and without the dash (F8.10, Q43).
    fn progress(&self) -> Value {
        json!({
            "ExpirationDateTime": self.expires_at,
            "NextExpectedRanges": [self.received.len().to_string()],
        })
    }

    /// Whether a range is the next one and as long as it says.
    fn check(&self, range: Option<Range>, length: usize) -> Result<(), GraphFault> {
        let invalid = |message: &str| GraphFault::bad_request("ErrorInvalidRequest", message);
        let Some(range) = range else {
            return Err(invalid("Content-Range names no range of bytes."));
        };
        if range.total != self.file.size || range.last >= self.file.size {
            return Err(invalid("Content-Range does not fit the size of the file."));
        }
        if range.last + 1 - range.first != length {
            return Err(invalid("The body is not as long as Content-Range says."));
        }
        if range.first != self.received.len() {
            return Err(GraphFault::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "ErrorInvalidRange",
                "The range is not the next one that is expected.",
            ));
        }
        Ok(())
    }
}

/// `bytes first-last/total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: usize,
    last: usize,
    total: usize,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let range = Self {
            first: first.trim().parse().ok()?,
            last: last.trim().parse().ok()?,
            total: total.trim().parse().ok()?,
        };
        (range.first <= range.last).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s71_a_range_is_read_as_http_writes_it() {
        let range = |text| Range::parse(text).map(|range| (range.first, range.last, range.total));

        assert_eq!(
            range("bytes 0-2097151/3483322"),
            Some((0, 2_097_151, 3_483_322))
        );
        assert_eq!(range("bytes 5-4/10"), None);
        assert_eq!(range("bytes */10"), None);
        assert_eq!(range("0-1/2"), None);
    }

    #[test]
    fn s71_a_session_takes_3_mb_to_150_mb() {
        let code = |size| check_size(size).err().map(|fault| fault.code);
        let mb = 1024 * 1024;

        assert_eq!(
            code(3 * mb - 1).as_deref(),
            Some("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize")
        );
        assert_eq!((code(3 * mb), code(150 * mb)), (None, None));
        assert_eq!(
            code(150 * mb + 1).as_deref(),
            Some("ErrorAttachmentSizeLimitExceeded")
        );
    }
}
