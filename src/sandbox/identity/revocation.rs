//! The ways a grant ends before its time, and how a refresh is refused then (F1.11, F1.16, S5).

use serde::{Deserialize, Serialize};

use super::super::knobs::Knobs;
use super::error::TokenError;

/// Why a person's refresh tokens stopped working (F1.11, F1.16, S5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// The person or an administrator revoked all sessions: 50173.
    Sessions,
    /// An administrator reset the password, which ends subscriptions too: 50173.
    PasswordReset,
    /// As if unused for 90 days: 700082.
    Idle,
    /// A second factor is asked for: 50076.
    Mfa,
    /// A policy blocks the sign-in: 53003.
    ConditionalAccess,
    /// A policy asks for a sign-in more often: 70043.
    SignInFrequency,
    /// The consent was withdrawn: 65001.
    Consent,
    /// The account is disabled: 50057.
    AccountDisabled,
}

impl Revocation {
    pub(super) fn refusal(self, knobs: &Knobs) -> TokenError {
        match self {
            Self::Sessions | Self::PasswordReset => TokenError {
                suberror: Some("bad_token"),
                ..TokenError::invalid_grant(
                    50_173,
                    "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
                )
            },
            Self::Idle => idle(),
            Self::Mfa => TokenError {
                suberror: Some("basic_action"),
                ..TokenError::new(
                    &knobs.mfa_error,
                    50_076,
                    "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource.",
                )
            },
            Self::ConditionalAccess => TokenError {
                suberror: Some("message_only"),
                ..TokenError::invalid_grant(
                    53_003,
                    "Access has been blocked by Conditional Access policies.",
                )
            },
            Self::SignInFrequency => TokenError {
                suberror: Some("token_expired"),
                ..TokenError::invalid_grant(
                    70_043,
                    "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
                )
            },
            Self::Consent => TokenError {
                suberror: Some("consent_required"),
                ..TokenError::invalid_grant(
                    65_001,
                    "The user or administrator has not consented to use the application.",
                )
            },
            Self::AccountDisabled => {
                TokenError::invalid_grant(50_057, "The user account is disabled.")
            }
        }
    }
}

/// The refusal of a token nobody used for 90 days.
pub(super) fn idle() -> TokenError {
    TokenError::invalid_grant(
        700_082,
        "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.",
    )
}
