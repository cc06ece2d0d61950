//! What people are told about a mailbox that is not mirrored: what happened, who must act, and how.

use crate::model::mailbox::{MailboxState, StateReason};

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The person signs in again, by the link that `auth-url` gives.
    Person,
    /// An administrator of the person's organisation.
    Administrator,
    /// Whoever runs graph-mirror.
    Operator,
    /// Nobody; it is tried again by itself.
    Nobody,
}

/// A state in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// What happened and what to do, in a sentence or two.
    pub sentence: &'static str,
    /// Who must act.
    pub actor: Actor,
    /// Where more is said about it.
    pub guide: &'static str,
}

/// What to say about a mailbox; nothing while it is mirrored.
pub fn explain(state: MailboxState, reason: Option<StateReason>) -> Option<Explanation> {
    if state == MailboxState::Connected {
        return None;
    }
    let (sentence, actor, guide) = match reason {
        Some(StateReason::GrantRevoked) => (
            "The permission was revoked, or an administrator reset the password. Sign in again; nothing copied so far is lost.",
            Actor::Person,
            "docs/guides/entra-app.md#grant_revoked",
        ),
        Some(StateReason::GrantExpired) => (
            "The sign-in ended from age or because it was not used for 90 days. Sign in again; nothing copied so far is lost.",
            Actor::Person,
            "docs/guides/entra-app.md#grant_expired",
        ),
        Some(StateReason::InteractionRequired) => (
            "Microsoft asks for a further proof of who signs in. Sign in again and follow its steps.",
            Actor::Person,
            "docs/guides/entra-app.md#interaction_required",
        ),
        Some(StateReason::ConsentRequired) => (
            "The permissions were not granted. Sign in again and accept them, or ask an administrator to grant them for the organisation.",
            Actor::Person,
            "docs/guides/entra-app.md#consent_required",
        ),
        Some(StateReason::BlockedByPolicy) => (
            "A policy of the organisation blocks the sign-in or the application. An administrator must allow it, then sign in again.",
            Actor::Administrator,
            "docs/guides/entra-app.md#blocked_by_policy",
        ),
        Some(StateReason::UserGone) => (
            "The account is no longer in the organisation. If that is a mistake, an administrator must restore it.",
            Actor::Administrator,
            "docs/guides/entra-app.md#user_gone",
        ),
        Some(StateReason::AccessDenied) => (
            "Microsoft Graph denies access to the mailbox: a permission lacks, or a policy for applications excludes it. It is tried again daily.",
            Actor::Administrator,
            "docs/guides/entra-app.md#access_denied",
        ),
        Some(StateReason::MailboxUnavailable) => (
            "The account has no mailbox in Exchange Online now: no licence, kept on premises, or removed. It is tried again daily.",
            Actor::Administrator,
            "docs/guides/entra-app.md#mailbox_unavailable",
        ),
        Some(StateReason::TokenRefused) => (
            "Microsoft Graph refuses tokens that were just issued. It is tried again daily; signing in again may help sooner.",
            Actor::Person,
            "docs/guides/entra-app.md#token_refused",
        ),
        Some(StateReason::ByRequest) => (
            "The mailbox was disconnected on request. Connect it again to go on; what was copied is kept.",
            Actor::Nobody,
            "docs/guides/entra-app.md#by_request",
        ),
        None => (
            "The mailbox is not mirrored now.",
            Actor::Operator,
            "docs/guides/entra-app.md",
        ),
    };
    Some(Explanation {
        sentence,
        actor,
        guide,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirrored_mailbox_needs_no_explanation_and_every_other_has_one() {
        assert_eq!(explain(MailboxState::Connected, None), None);
        for reason in [
            StateReason::GrantRevoked,
            StateReason::GrantExpired,
            StateReason::InteractionRequired,
            StateReason::ConsentRequired,
            StateReason::BlockedByPolicy,
            StateReason::UserGone,
            StateReason::AccessDenied,
            StateReason::MailboxUnavailable,
            StateReason::TokenRefused,
            StateReason::ByRequest,
        ] {
            let told = explain(MailboxState::Suspended, Some(reason)).expect("a sentence");
            let name = serde_json::to_value(reason).expect("a name");
            let anchor = told.guide.split_once('#').map(|(_, anchor)| anchor);
            assert_eq!(anchor, name.as_str());
        }
    }
}
