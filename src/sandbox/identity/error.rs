//! Refusals of the identity platform: the `error` of OAuth and the AADSTS number behind it
//! (F1.13 to F1.16, S8).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::super::ids::guid;
use crate::model::time::Timestamp;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: AADSTS{number}: {text}")]
pub struct TokenError {
    /// 400, or 401 for `invalid_client`.
    pub status: StatusCode,
    /// What OAuth calls it; clients decide on this (F1.14).
    pub error: String,
    /// The AADSTS number.
    pub number: u32,
    /// The sentence after the number.
    pub text: String,
    /// `suberror`, where there is one.
    pub suberror: Option<&'static str>,
}

impl TokenError {
    /// A refusal with 400.
    pub fn new(error: &str, number: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: error.to_owned(),
            number,
            text: text.into(),
            suberror: None,
        }
    }

    /// `invalid_grant`: the person has to do something, or a code or token is no good.
    pub fn invalid_grant(number: u32, text: impl Into<String>) -> Self {
        Self::new("invalid_grant", number, text)
    }

    /// 401 `invalid_client`: the application did not prove itself.
    pub fn invalid_client(number: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::new("invalid_client", number, text)
        }
    }

    /// A parameter is missing.
    pub fn missing(parameter: &str) -> Self {
        Self::new(
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{parameter}'."),
        )
    }

    /// The application is not in the tenant.
    pub fn unknown_application(client_id: &str, tenant: &str) -> Self {
        Self::new(
            "unauthorized_client",
            700_016,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{tenant}'."
            ),
        )
    }

    /// There is no such tenant.
    pub fn unknown_tenant(tenant: &str) -> Self {
        Self::new(
            "invalid_request",
            90_002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
            ),
        )
    }

    /// The redirect URI is not registered (S1).
    pub fn unknown_redirect(redirect_uri: &str, client_id: &str) -> Self {
        Self::new(
            "invalid_request",
            50_011,
            format!(
                "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{client_id}'."
            ),
        )
    }

    /// A scope nobody knows.
    pub fn invalid_scope(scope: &str) -> Self {
        Self::new(
            "invalid_scope",
            70_011,
            format!(
                "The provided value for the input parameter 'scope' is not valid. The scope '{scope}' does not exist."
            ),
        )
    }

    /// A scope of a resource that is not here.
    pub fn unknown_resource(scope: &str) -> Self {
        Self::new(
            "invalid_resource",
            500_011,
            format!("The resource principal named '{scope}' was not found in the tenant."),
        )
    }

    /// The whole sentence.
    pub fn description(&self) -> String {
        format!("AADSTS{}: {}", self.number, self.text)
    }

    /// The body (S8).
    pub fn body(&self, now: Timestamp, base: &str, rng: &mut fastrand::Rng) -> Value {
        let (trace, correlation) = (guid(rng), guid(rng));
        let timestamp = now.format("%Y-%m-%d %H:%M:%SZ").to_string();
        let mut body = json!({
            "error": self.error,
            "error_description": format!(
                "{} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
                self.description(),
            ),
            "error_codes": [self.number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("{base}/error?code={}", self.number),
        });
        if let Some(suberror) = self.suberror {
            body["suberror"] = suberror.into();
        }
        body
    }

    /// The answer of the token endpoint.
    pub fn into_response(self, now: Timestamp, base: &str, rng: &mut fastrand::Rng) -> Response {
        let body = self.body(now, base, rng);
        let headers = [
            ("cache-control", "no-store, no-cache"),
            ("pragma", "no-cache"),
        ];
        (self.status, headers, Json(body)).into_response()
    }
}
