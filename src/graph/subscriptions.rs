//! Subscriptions.
//!
//! They have limits of their own (F3.10): these calls neither wait at the mailbox's gate nor raise its fence, so that a
//! creation, during which Graph calls us back twice (F9.18), holds up nothing. How a refusal is to be understood is
//! told by [`SubscriptionRefusal`].

use reqwest::Method;
use serde_json::json;

use super::answer::Answer;
use super::error::{GraphError, Refused};
use super::links::{Target, query_value};
use super::mailbox::{Admission, MailboxGraph, to_json};
use super::prefer::Prefer;
use super::wire::subscription::SubscriptionRequest;
use crate::model::time::Timestamp;
use crate::model::work::Lane;

/// An instant as Graph wants it in a subscription: with `Z` (F9.11).
pub fn expiration(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

impl MailboxGraph {
    /// Creates one, with immutable ids in its notifications (F9.12). Not idempotent, and the 201 may be lost (F9.32). The
    /// answer is a [`super::wire::SubscriptionObject`].
    pub async fn subscription_create(
        &self,
        request: &SubscriptionRequest,
    ) -> Result<Answer, GraphError> {
        let mut call =
            self.graph()
                .call(Method::POST, &Target::from("/subscriptions"), Prefer::IDS)?;
        call.body = Some(to_json(request)?);
        self.send(Lane::Command, Admission::Free, &call).await
    }

    /// Renews one; this alone also re-authorises it (F9.24), `reauthorize` is never sent (M29).
    pub async fn subscription_renew(
        &self,
        graph_id: &str,
        expires_at: Timestamp,
    ) -> Result<Answer, GraphError> {
        let mut call = self
            .graph()
            .call(Method::PATCH, &one(graph_id), Prefer::IDS)?;
        call.body = Some(to_json(
            &json!({ "expirationDateTime": expiration(expires_at) }),
        )?);
        self.send(Lane::Command, Admission::Free, &call).await
    }

    /// Deletes one; one that is gone already is deleted (F9.28).
    pub async fn subscription_delete(&self, graph_id: &str) -> Result<(), GraphError> {
        let call = self
            .graph()
            .call(Method::DELETE, &one(graph_id), Prefer::IDS)?;
        match self.send(Lane::Command, Admission::Free, &call).await {
            Err(error) if error.status() != Some(404) => Err(error),
            _ => Ok(()),
        }
    }

    /// A page of the application's subscriptions for this account (F9.22): the first without a target.
    pub async fn subscriptions(&self, target: Option<&Target>) -> Result<Answer, GraphError> {
        let first = Target::from("/subscriptions");
        let call = self
            .graph()
            .call(Method::GET, target.unwrap_or(&first), Prefer::IDS)?;
        self.send(Lane::Command, Admission::Free, &call).await
    }
}

fn one(graph_id: &str) -> Target {
    Target::Path(format!("/subscriptions/{}", query_value(graph_id)))
}

/// What a refusal means where subscriptions are concerned; general [`super::Advice`] answers the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionRefusal {
    /// One for the same resource exists (F9.14, M26).
    Duplicate,
    /// The lifetime asked for is too long: step down (F9.10, M24).
    ExpiryTooLong,
    /// The mailbox has as many as it may (F9.13, M27).
    QuotaReached,
    /// Graph could not validate our endpoint (F9.19).
    EndpointNotValidated,
    /// It is gone, or so broken that only a new one helps (F9.25, M25).
    Gone,
    /// Graph keeps it from us because of the mailbox itself (F9.15).
    MailboxUnavailable,
    /// Something else: see its [`super::Advice`].
    Other,
}

impl SubscriptionRefusal {
    /// Reads a refusal of a creation or a renewal. Only here Graph's message is looked at, in any casing: nothing else tells
    /// one `ExtensionError` from another (F9.10, F9.15), and a wrong guess costs a retry, not the truth.
    pub fn of(error: &GraphError) -> Self {
        let Some(refused) = error.refused() else {
            return Self::Other;
        };
        let message = refused
            .message
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match refused.status {
            409 => Self::Duplicate,
            403 if speaks_of_a_limit(&message) => Self::QuotaReached,
            404 if wraps_a_mailbox(refused, &message) => Self::MailboxUnavailable,
            404 => Self::Gone,
            400 if refused.has_code("ValidationError")
                || message.contains("validation request")
                || message.contains("validationtoken") =>
            {
                Self::EndpointNotValidated
            }
            400 if message.contains("expiration") && !message.contains("camelcased") => {
                Self::ExpiryTooLong
            }
            400 if wraps_a_mailbox(refused, &message) => Self::MailboxUnavailable,
            400 if refused.has_code("ErrorInvalidParameter") => Self::Gone,
            _ => Self::Other,
        }
    }
}

fn speaks_of_a_limit(message: &str) -> bool {
    message.contains("limit") || message.contains("maximum") || message.contains("quota")
}

fn wraps_a_mailbox(refused: &Refused, message: &str) -> bool {
    refused.has_code("ExtensionError")
        && (message.contains("not yet supported for this mailbox")
            || message.contains("mailboxnotenabled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, code: &str, message: &str) -> SubscriptionRefusal {
        let body = json!({ "error": { "code": code, "message": message } }).to_string();
        let refused = Refused::read(status, body.as_bytes());
        SubscriptionRefusal::of(&GraphError::Refused(Box::new(refused)))
    }

    #[test]
    fn a_refusal_of_a_subscription_is_understood() {
        use SubscriptionRefusal as R;
        for (status, code, message, meaning) in [
            (
                409,
                "Conflict",
                "Subscription Id <> already exists",
                R::Duplicate,
            ),
            (
                400,
                "ExtensionError",
                "Subscription expiration can only be 4230 minutes in the future.",
                R::ExpiryTooLong,
            ),
            (
                403,
                "Forbidden",
                "The limit of 1000 subscriptions was reached",
                R::QuotaReached,
            ),
            (403, "ErrorAccessDenied", "Access is denied.", R::Other),
            (
                400,
                "ValidationError",
                "Subscription validation request failed. HTTP status code is 'Forbidden'.",
                R::EndpointNotValidated,
            ),
            (
                400,
                "InvalidRequest",
                "Subscription validation request timed out.",
                R::EndpointNotValidated,
            ),
            (400, "ErrorInvalidParameter", "", R::Gone),
            (
                404,
                "ResourceNotFound",
                "The object was not found.",
                R::Gone,
            ),
            (
                404,
                "ExtensionError",
                "Operation: Create; Exception: [Status Code: NotFound; Reason: REST API is not yet supported for this mailbox.]",
                R::MailboxUnavailable,
            ),
            (
                400,
                "InvalidRequest",
                "Could not process subscription creation payload.",
                R::Other,
            ),
            (503, "", "", R::Other),
        ] {
            assert_eq!(
                of(status, code, message),
                meaning,
                "{status} {code} {message}"
            );
        }
    }
}
