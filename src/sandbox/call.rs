//! A request to Graph and its answer, apart from HTTP.
//!
//! A part of a batch is the same [`Call`] as a request of its own, so both take the same way.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::GraphFault;
use super::identity::Caller;
use super::prefer::Prefer;
use super::query::Query;

/// A request to Graph.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The decoded segments after the version.
    pub path: Vec<String>,
    /// The path as written, without the version, for faults and links.
    pub raw_path: String,
    /// The query options.
    pub query: Query,
    /// The preferences.
    pub prefer: Prefer,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Who asks.
    pub caller: Caller,
    /// `http://host:port/v1.0`: links begin with it.
    pub root: String,
}

impl Call {
    /// The URL of this call without its query.
    pub fn url(&self) -> String {
        format!("{}{}", self.root, self.raw_path)
    }

    /// The body as JSON, or Graph's refusal.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, GraphFault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            GraphFault::bad_request(
                "BadRequest",
                format!("Unable to read JSON request payload. {error}"),
            )
        })
    }

    /// A header as text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Splits a raw path into decoded segments; `name('key')` counts as two (F10.4).
pub fn segments(raw_path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for raw in raw_path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = percent_decode_str(raw).decode_utf8_lossy().into_owned();
        let keyed = segment
            .strip_suffix("')")
            .and_then(|rest| rest.split_once("('"));
        match keyed {
            Some((name, key)) => {
                segments.push(name.to_owned());
                segments.push(key.to_owned());
            }
            None => segments.push(segment.strip_suffix("()").unwrap_or(&segment).to_owned()),
        }
    }
    segments
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// Headers besides the content's type.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The content's type; absent with an empty body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The content type of Graph's JSON.
    pub const JSON: &'static str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: None,
            body: Bytes::new(),
        }
    }

    /// An answer of JSON made from a value.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).expect("an answer's maps have text keys");
        Self::raw_json(status, text)
    }

    /// An answer of JSON that is written already.
    pub fn raw_json(status: StatusCode, text: String) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: Some(Self::JSON),
            body: Bytes::from(text),
        }
    }

    /// An answer of bytes.
    pub fn bytes(content_type: &'static str, body: Bytes) -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            content_type: Some(content_type),
            body,
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Whether the body is JSON.
    pub fn is_json(&self) -> bool {
        self.content_type == Some(Self::JSON)
    }

    /// As axum sends it.
    pub fn into_response(self) -> axum::response::Response {
        let mut response = axum::response::Response::new(axum::body::Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = self.content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_full_of_slashes_is_one_segment() {
        // F5.22, S29
        assert_eq!(
            segments("/me/messages/AA%2FB+C%3D/move"),
            ["me", "messages", "AA/B+C=", "move"]
        );
    }

    #[test]
    fn keys_in_parentheses_are_segments_too() {
        // F10.4
        assert_eq!(
            segments("/users('u1')/mailFolders('inbox')/messages"),
            ["users", "u1", "mailFolders", "inbox", "messages"]
        );
        assert_eq!(
            segments("/me/mailFolders/delta()"),
            ["me", "mailFolders", "delta"]
        );
    }
}
