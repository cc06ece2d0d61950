//! Bytes on their way to a caller: whole or in part, and never as more than they are.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::problem::{Code, Problem};
use super::super::state::Api;
use crate::content::range::{Asked, asked};
use crate::model::blob::Stored;

/// How bytes are handed out.
pub(super) struct Manner {
    /// The content type.
    pub content_type: String,
    /// The disposition.
    pub disposition: String,
}

/// Answers with kept bytes.
pub(super) async fn bytes(
    api: &Api,
    stored: Stored,
    manner: Manner,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", stored.digest);
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known = text(IF_NONE_MATCH)
        .is_some_and(|tags| tags == "*" || tags.split(',').any(|known| known.trim() == tag));
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    // A part of something else than the caller has begun with would make a file that never was.
    let range = text(RANGE).filter(|_| text(IF_RANGE).is_none_or(|known| known == tag));
    let (status, part) = match asked(range, stored.size) {
        Asked::Whole => (StatusCode::OK, None),
        Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, Some(part)),
        Asked::Nothing => return Ok(beyond(stored.size)),
    };
    let content = api.blobs.get(stored.digest, part.clone()).await?;
    let length = part
        .as_ref()
        .map_or(stored.size, |part| part.end - part.start);
    let mut response = (status, Body::from_stream(content.bytes)).into_response();
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(CONTENT_TYPE, manner.content_type);
    set(CONTENT_DISPOSITION, manner.disposition);
    set(CONTENT_LENGTH, length.to_string());
    set(ETAG, tag);
    set(ACCEPT_RANGES, "bytes".to_owned());
    set(CACHE_CONTROL, "private, no-cache".to_owned());
    set(X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned());
    // Whatever it is, opened in a browser it may neither act nor load.
    set(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; sandbox".to_owned(),
    );
    if let Some(part) = part {
        let range = format!("bytes {}-{}/{}", part.start, part.end - 1, stored.size);
        set(CONTENT_RANGE, range);
    }
    Ok(response)
}

fn beyond(size: u64) -> Response {
    let problem = Problem::new(
        Code::RangeNotSatisfiable,
        format!("the content has {size} bytes"),
    );
    let mut response = problem.into_response();
    if let Ok(range) = HeaderValue::from_str(&format!("bytes */{size}")) {
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
    response
}
