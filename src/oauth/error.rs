//! What can go wrong with a sign-in or a refresh.

use std::time::Duration;

use super::refusal::{Meaning, TokenRefusal};
use crate::graph::GraphError;
use crate::secrets::VaultError;
use crate::store::StoreError;

/// Why a sign-in or a refresh did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum OauthError {
    /// Nobody began this sign-in, or it was forgotten.
    #[error("this sign-in was not begun here")]
    StateUnknown,
    /// It came back before.
    #[error("this sign-in was completed before")]
    StateUsed,
    /// It took longer than 10 minutes.
    #[error("this sign-in took too long")]
    StateExpired,
    /// Another owner began it.
    #[error("this sign-in was begun by somebody else")]
    StateForeign,
    /// The browser came back without a code and without an error.
    #[error("the identity platform sent neither a code nor an error")]
    NoCode,
    /// The person or the platform refused at the sign-in page (F1.3).
    #[error("the sign-in was refused ({0})")]
    Declined(Box<TokenRefusal>),
    /// The token endpoint refused.
    #[error("the identity platform refused ({refusal})")]
    Refused {
        /// Its status.
        status: u16,
        /// What it said.
        refusal: Box<TokenRefusal>,
    },
    /// The token endpoint did not answer as one: HTML, nothing, or something unreadable.
    #[error(
        "the identity platform answered {status} with something other than a token or an error"
    )]
    Unintelligible {
        /// Its status.
        status: u16,
        /// How long it asks to wait.
        after: Option<Duration>,
    },
    /// The token endpoint could not be reached, or not in time.
    #[error("the identity platform could not be reached")]
    Unreachable(#[source] std::sync::Arc<dyn std::error::Error + Send + Sync>),
    /// `offline_access` was not granted, so the account could not be kept connected (F1.7).
    #[error("the sign-in gave no refresh token")]
    NoRefreshToken,
    /// Who signed in could not be found out.
    #[error("the account that signed in could not be looked up")]
    Account(#[source] GraphError),
    /// The account has neither an address nor a sign-in name.
    #[error("the account that signed in has no address")]
    NoAddress,
    /// A sealed value does not open.
    #[error("a sealed value does not open")]
    Vault(#[from] VaultError),
    /// The database.
    #[error("the sign-in could not be read or saved")]
    Store(#[from] StoreError),
}

impl OauthError {
    /// For whom it is; none where it is not the identity platform that refused.
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Declined(refusal) => Some(refusal.meaning(400)),
            Self::Refused { status, refusal } => Some(refusal.meaning(*status)),
            Self::Unintelligible { after, .. } => Some(Meaning::Transient { after: *after }),
            Self::Unreachable(_) => Some(Meaning::Transient { after: None }),
            _ => None,
        }
    }
}
