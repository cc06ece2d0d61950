//! Each mailbox's permission: what was granted, in which state it is, whether a token can be had.

use super::finding::{Check, Finding};
use crate::mailboxes::explain;
use crate::model::chain::chain;
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::oauth::{self, Meaning, OauthError};

/// What is needed, by any of these permissions; the first is what we ask for. Those of the sign-in itself need not stand in the
/// answer (F1.7): whether there is a refresh token tells.
const NEEDED: &[&[&str]] = &[
    &["Mail.Read", "Mail.ReadWrite"],
    &["Calendars.Read", "Calendars.ReadWrite"],
    &[
        "User.Read",
        "User.ReadWrite",
        "User.Read.All",
        "User.ReadWrite.All",
    ],
];

/// The permissions that a grant lacks.
pub(super) fn lacking(granted: &str) -> Vec<&'static str> {
    let has = |permission: &str| {
        granted.split_whitespace().any(|scope| {
            // Microsoft writes them with the resource before them, or without.
            let name = scope.rsplit_once('/').map_or(scope, |(_, name)| name);
            name.eq_ignore_ascii_case(permission)
        })
    };
    let needed = NEEDED.iter();
    needed
        .filter(|alternatives| !alternatives.iter().any(|one| has(one)))
        .filter_map(|alternatives| alternatives.first().copied())
        .collect()
}

/// A mailbox whose grant lacks something.
pub(super) fn scopes_missing(
    address: &str,
    lacking: &[&str],
    can_refresh: bool,
) -> Option<Finding> {
    let check = Check::Scopes;
    let finding = if !lacking.is_empty() {
        let found = format!("{address} has not granted {}", lacking.join(" and "));
        Finding::broken(check, "scope_missing", found).advising(
            "have the person sign in again and accept the permission: `graph-mirror mailboxes connect`; where people may not, an \
             administrator grants it for everybody (docs/guides/entra-app.md)",
        )
    } else if !can_refresh {
        let found = format!("{address} has no refresh token: offline_access was not granted");
        Finding::broken(check, "offline_access_missing", found)
            .advising("have the person sign in again and accept to stay signed in: `graph-mirror mailboxes connect`")
    } else {
        return None;
    };
    Some(finding.about(address))
}

/// A mailbox that is not mirrored, by its state.
pub(super) fn stopped(mailbox: &Mailbox) -> Option<Finding> {
    if mailbox.state == MailboxState::Disconnected {
        return None;
    }
    let told = explain(mailbox.state, mailbox.state_reason)?;
    let reason = serde_json::to_value(mailbox.state_reason).unwrap_or_default();
    let reason = reason.as_str().unwrap_or("no reason is known").to_owned();
    let (code, word) = match mailbox.state {
        MailboxState::Suspended => ("suspended", "suspended"),
        _ => ("needs_reauth", "waiting for a sign-in"),
    };
    let found = format!(
        "{} is {word} since {} ({reason})",
        mailbox.address,
        mailbox.state_since.format("%F %R")
    );
    let advice = format!("{} See {}", told.sentence, told.guide);
    Some(
        Finding::warning(Check::Grants, code, found)
            .advising(advice)
            .about(&mailbox.address),
    )
}

/// A mailbox for which no token can be had, though its state says so nowhere yet.
pub(super) fn refused(address: &str, error: &OauthError) -> Finding {
    let check = Check::Grants;
    let finding = match error {
        OauthError::Refused { refusal, .. } => {
            let explained = oauth::explain(refusal);
            let found = format!("no token for {address}: {} ({refusal})", explained.what);
            let finding = if matches!(error.meaning(), Some(Meaning::Transient { .. })) {
                Finding::warning(check, explained.code, found)
            } else {
                Finding::broken(check, explained.code, found)
            };
            finding.advising(explained.remedy)
        }
        other => {
            let found = format!("no token for {address}: {}", chain(other));
            Finding::warning(check, "unknown", found).advising("try again in a while")
        }
    };
    finding.about(address)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::super::samples::mailbox;
    use super::*;
    use crate::model::mailbox::StateReason;
    use crate::oauth::{SCOPES, TokenRefusal};

    #[test]
    fn what_we_ask_for_is_enough_and_more_is_too() {
        assert!(lacking(&SCOPES.join(" ")).is_empty());
        assert!(
            lacking("https://graph.microsoft.com/mail.readwrite https://graph.microsoft.com/Calendars.Read User.Read")
                .is_empty()
        );
    }

    #[test]
    fn a_missing_permission_is_named_and_a_shared_or_basic_one_is_none() {
        assert_eq!(lacking("User.Read Mail.Read"), ["Calendars.Read"]);
        assert_eq!(
            lacking("User.Read Mail.ReadBasic Mail.Read.Shared Calendars.Read"),
            ["Mail.Read"]
        );
        assert_eq!(lacking("").len(), NEEDED.len());
        let finding = scopes_missing("anna@contoso.example", &["Mail.Read"], true);
        assert_eq!(finding.map(|finding| finding.code), Some("scope_missing"));
        let finding = scopes_missing("anna@contoso.example", &[], false);
        assert_eq!(
            finding.map(|finding| finding.code),
            Some("offline_access_missing")
        );
        assert_eq!(scopes_missing("anna@contoso.example", &[], true), None);
    }

    #[test]
    fn a_mailbox_that_waits_for_somebody_says_for_whom() {
        let mut mailbox = Mailbox {
            state: MailboxState::NeedsReauth,
            state_reason: Some(StateReason::InteractionRequired),
            ..mailbox()
        };

        let finding = stopped(&mailbox).expect("it is not mirrored");

        assert_eq!(
            (finding.code, finding.severity),
            ("needs_reauth", Severity::Warning)
        );
        assert!(finding.found.contains("interaction_required"));
        assert!(
            finding
                .advice
                .is_some_and(|advice| advice.contains("further proof"))
        );
        mailbox.state = MailboxState::Disconnected;
        assert_eq!(stopped(&mailbox), None);
    }

    #[test]
    fn a_refused_grant_is_explained() {
        let refusal = TokenRefusal {
            error: "invalid_grant".to_owned(),
            error_codes: vec![53_003],
            ..TokenRefusal::default()
        };
        let finding = refused(
            "anna@contoso.example",
            &OauthError::Refused {
                status: 400,
                refusal: Box::new(refusal),
            },
        );

        assert_eq!(finding.code, "conditional_access");
        assert!(finding.found.contains("AADSTS53003"));
    }
}
