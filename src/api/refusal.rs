//! What a failed sign-in means for the caller (F1.16).
//!
//! The person's matters, the operator's matters and what only needs time are told apart by [`OauthError::meaning`]; here
//! they get a code and a way out. Microsoft's own text is not passed on: it may name accounts.

use tracing::{error, warn};

use super::problem::{Code, Problem};
use crate::mailboxes::explain;
use crate::model::mailbox::{MailboxState, StateReason};
use crate::oauth::{Meaning, OauthError, TokenRefusal};

impl From<OauthError> for Problem {
    fn from(error: OauthError) -> Self {
        let code = microsoft_code(&error);
        let problem = match error.meaning() {
            Some(meaning) => told(meaning, &error),
            None => ours(error),
        };
        problem.coded(code)
    }
}

/// The number to look up, for those who have one.
fn microsoft_code(error: &OauthError) -> Option<String> {
    let (OauthError::Declined(refusal) | OauthError::Refused { refusal, .. }) = error else {
        return None;
    };
    TokenRefusal::numbers(refusal)
        .first()
        .map(|number| format!("AADSTS{number}"))
}

fn told(meaning: Meaning, error: &OauthError) -> Problem {
    match meaning {
        Meaning::Account(reason) => {
            let problem = Problem::new(Code::SignInRefused, sentence(reason)).because(Some(reason));
            match explain(MailboxState::NeedsReauth, Some(reason)) {
                Some(told) => problem.hinting(told.sentence),
                None => problem,
            }
        }
        Meaning::Application | Meaning::Operator => {
            error!(%error, "a sign-in failed because of the app registration: {error}");
            Problem::new(
                Code::AppRefused,
                "Microsoft refuses the app registration of this service",
            )
        }
        Meaning::Transient { after } => {
            warn!(%error, "a sign-in failed for the time being: {error}");
            let problem = Problem::new(
                Code::MicrosoftUnavailable,
                "the identity platform did not answer, or was too busy to",
            );
            match after {
                Some(after) => problem.after(after.as_secs().max(1)),
                None => problem,
            }
        }
        Meaning::SignIn => Problem::new(
            Code::StateUsed,
            "Microsoft does not accept the code of this sign-in, or not any more",
        ),
    }
}

fn sentence(reason: StateReason) -> &'static str {
    match reason {
        StateReason::ConsentRequired => "the permissions were not granted",
        StateReason::BlockedByPolicy => "a policy of the organisation blocks the sign-in",
        StateReason::UserGone => "the account is not in the organisation that may sign in here",
        StateReason::InteractionRequired => "Microsoft asks for a further proof of who signs in",
        _ => "Microsoft refused the sign-in",
    }
}

/// What is not Microsoft's refusal.
fn ours(error: OauthError) -> Problem {
    match error {
        OauthError::StateUnknown => Problem::new(
            Code::StateUnknown,
            "nobody began a sign-in with this state here",
        ),
        OauthError::StateUsed => Problem::new(
            Code::StateUsed,
            "a sign-in with this state came back before",
        ),
        OauthError::StateExpired => Problem::new(
            Code::StateExpired,
            "the sign-in took longer than ten minutes",
        ),
        OauthError::StateForeign => {
            Problem::new(Code::StateForeign, "another owner began this sign-in")
        }
        OauthError::NoCode => Problem::new(
            Code::SignInRefused,
            "the way back from Microsoft carried neither a code nor an error",
        ),
        OauthError::NoRefreshToken => Problem::new(
            Code::SignInRefused,
            "the permission to stay connected (offline_access) was not granted",
        ),
        OauthError::NoAddress => Problem::new(
            Code::SignInRefused,
            "the account that signed in has no address, so it has no mailbox",
        )
        .hinting("sign in with an account that has a mailbox"),
        OauthError::Account(_) => {
            warn!(%error, "the account of a sign-in could not be looked up: {error}");
            Problem::new(
                Code::MicrosoftUnavailable,
                "Microsoft Graph did not tell which account signed in",
            )
        }
        OauthError::Store(error) => error.into(),
        other => Problem::internal(&other),
    }
}
