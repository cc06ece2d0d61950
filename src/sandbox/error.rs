//! Graph's refusals: a status, a code, a message and the envelope around them (F3.1, S11).
//!
//! Clients decide on status and code (F3.2), so both are chosen here with care; the text is ours.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;

use super::call::Reply;
use super::stamp;
use crate::model::time::Timestamp;

/// A refusal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct GraphFault {
    /// The HTTP status.
    pub status: StatusCode,
    /// Graph's code.
    pub code: String,
    /// Graph's sentence.
    pub message: String,
    /// Further headers, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl GraphFault {
    /// A refusal.
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            headers: Vec::new(),
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

    /// 400 with a code of the caller's.
    pub fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 400 `ErrorInvalidUrlQuery`: an option that is not supported here.
    pub fn invalid_query(message: impl Into<String>) -> Self {
        Self::bad_request("ErrorInvalidUrlQuery", message)
    }

    /// 404 `ErrorItemNotFound`.
    pub fn item_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ErrorItemNotFound",
            "The specified object was not found in the store.",
        )
    }

    /// 404 `ErrorInvalidUser`.
    pub fn no_such_user() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ErrorInvalidUser",
            "The requested user is invalid.",
        )
    }

    /// 404 for a path Graph has no resource at.
    pub fn no_such_resource(segment: &str) -> Self {
        Self::bad_request(
            "BadRequest",
            format!("Resource not found for the segment '{segment}'."),
        )
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        )
    }

    /// 403 `ErrorAccessDenied` (F1.21).
    pub fn access_denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "ErrorAccessDenied",
            "Access is denied. Check credentials and try again.",
        )
    }

    /// 401 `InvalidAuthenticationToken` (F1.21).
    pub fn invalid_token(message: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            message,
        )
    }

    /// The refusal a status usually stands for, where nothing more is known (§3b).
    pub fn usual(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::UNAUTHORIZED => {
                return Self::invalid_token("Access token validation failure.");
            }
            StatusCode::FORBIDDEN => return Self::access_denied(),
            StatusCode::NOT_FOUND => return Self::item_not_found(),
            StatusCode::METHOD_NOT_ALLOWED => return Self::method_not_allowed(),
            StatusCode::BAD_REQUEST => ("BadRequest", "The request is malformed or incorrect."),
            StatusCode::CONFLICT => ("Conflict", "The request conflicts with the present state."),
            StatusCode::GONE => (
                "SyncStateNotFound",
                "The sync state generation is not found; resynchronization is required.",
            ),
            StatusCode::PRECONDITION_FAILED => (
                "ErrorIrresolvableConflict",
                "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => (
                "RequestEntityTooLarge",
                "The request is larger than the server takes.",
            ),
            StatusCode::TOO_MANY_REQUESTS => (
                "TooManyRequests",
                "Too many requests. The request rate exceeded the limit of the application.",
            ),
            StatusCode::SERVICE_UNAVAILABLE => (
                "serviceNotAvailable",
                "The service is temporarily unavailable.",
            ),
            StatusCode::GATEWAY_TIMEOUT => ("UnknownError", "The server did not answer in time."),
            _ if status.is_client_error() => ("BadRequest", "The request was refused."),
            _ => (
                "ErrorInternalServerError",
                "An internal server error occurred.",
            ),
        };
        Self::new(status, code, message)
    }

    /// 404 for an address that is none of Graph's v1.0.
    pub fn nothing_there() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFound",
            "Nothing is at this address; the calls of Graph are below /v1.0.",
        )
    }

    /// The answer that carries it, with Graph's envelope.
    pub fn into_reply(
        self,
        now: Timestamp,
        request_id: &str,
        client_request_id: &str,
        empty_bodies: bool,
    ) -> Reply {
        let bare = empty_bodies
            && matches!(
                self.status,
                StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE
            );
        let mut reply = if bare {
            Reply::empty(self.status)
        } else {
            let body = json!({"error": {
                "code": self.code,
                "message": self.message,
                "innerError": {
                    "date": stamp::seconds_without_zone(now),
                    "request-id": request_id,
                    "client-request-id": client_request_id,
                },
            }});
            Reply::json(self.status, &body)
        };
        reply.headers.extend(self.headers);
        reply
    }
}
