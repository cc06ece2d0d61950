//! Where access tokens come from, as Graph's client sees it.
//!
//! The room `oauth` implements [`TokenSource`]; a test implements it with a constant. A token never shows in a debug
//! print or a log line (M9).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

use crate::model::mailbox::StateReason;

/// A bearer token, opaque to us (F1.8).
#[derive(Clone)]
pub struct AccessToken(Arc<SecretString>);

impl AccessToken {
    /// Wraps the text of a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(SecretString::from(text.into())))
    }

    /// The text, for the `Authorization` header and the vault, and for nothing else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for AccessToken {}

/// Gives the access token of one mailbox.
pub trait TokenSource: Send + Sync + 'static {
    /// A token that is good for a while yet; refreshed first when it is about to end (M10).
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>>;

    /// Another token than `refused`, which Graph answered with 401 (M8). One flight: when another caller has
    /// replaced the token meanwhile, its token is given back without a further refresh.
    fn refresh_after_401<'a>(
        &'a self,
        refused: &'a AccessToken,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>>;
}

/// Why there is no access token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// The person must sign in again, or an administrator must act (M7). The mailbox's state says so already.
    #[error("the account must be connected again")]
    NeedsReauth {
        /// What stands in the way.
        reason: StateReason,
    },
    /// The application itself is refused, or is set up wrongly: the operator must act, no mailbox is to
    /// blame (M7, F1.16).
    #[error("the identity platform refuses this application ({code})")]
    Operator {
        /// The error and number it gave, for example `invalid_client AADSTS7000215`.
        code: String,
    },
    /// The stored grant does not open with the keys at hand. It stays as it is.
    #[error("the stored grant cannot be opened")]
    Unreadable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The mailbox has no grant: it was disconnected.
    #[error("the mailbox has no grant")]
    NoGrant,
    /// Nobody is to blame; try again.
    #[error("no token could be had for now")]
    Transient {
        /// How long the identity platform asks to wait, or our own backoff.
        after: Option<Duration>,
        /// What happened.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}
