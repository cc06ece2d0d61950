//! The app registration: whether Microsoft takes id and secret, in which tenant.

use super::finding::{Check, Finding};
use crate::model::chain::chain;
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::oauth::{Meaning, OauthError, explain};

const CHECK: Check = Check::Registration;

/// The tenant of personal accounts, in which no application has a token of its own.
const PERSONAL: &str = "9188040d-6c67-4b5b-b112-36a304b66dad";

/// The tenant to ask in: the one of the settings, or where they allow several that of a connected mailbox (F1.2).
pub(super) fn tenant<'a>(told: &'a str, mailboxes: &'a [Mailbox]) -> Option<&'a str> {
    if !matches!(told, "common" | "organizations" | "consumers") {
        return Some(told);
    }
    mailboxes
        .iter()
        .filter(|mailbox| mailbox.state == MailboxState::Connected)
        .filter_map(|mailbox| mailbox.tenant_id.as_deref())
        .find(|tenant| *tenant != PERSONAL)
}

/// There is no tenant to ask in.
pub(super) fn untried(told: &str) -> Finding {
    let found = format!(
        "id and secret cannot be tried while MICROSOFT_TENANT_ID is `{told}` and no mailbox of an organisation is connected"
    );
    Finding::note(CHECK, "untried", found)
        .advising("the first sign-in tries them: `graph-mirror mailboxes connect`; or set MICROSOFT_TENANT_ID to the tenant's id")
}

/// What came of asking for a token of the application's own.
pub(super) fn judge(tenant: &str, asked: &Result<(), OauthError>) -> Finding {
    let error = match asked {
        Ok(()) => {
            return Finding::well(
                CHECK,
                format!("Microsoft accepts id and secret in tenant {tenant}"),
            );
        }
        Err(error) => error,
    };
    match error {
        OauthError::Refused { refusal, .. } => {
            let explained = explain(refusal);
            let found = format!("{} (tenant {tenant}, {refusal})", explained.what);
            let finding = if matches!(error.meaning(), Some(Meaning::Transient { .. })) {
                Finding::warning(CHECK, explained.code, found)
            } else {
                Finding::broken(CHECK, explained.code, found)
            };
            finding.advising(explained.remedy)
        }
        OauthError::Unreachable(_) => {
            Finding::broken(CHECK, "login_unreachable", format!("the identity platform cannot be reached: {}", chain(error)))
                .advising("check name resolution, the firewall and HTTPS_PROXY; MICROSOFT_CLOUD or LOGIN_BASE_URL names the host")
        }
        other => Finding::broken(CHECK, "login_unintelligible", chain(other))
            .advising("check MICROSOFT_CLOUD and LOGIN_BASE_URL, and whether a proxy answers in Microsoft's place"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::super::samples::mailbox;
    use super::*;
    use crate::oauth::TokenRefusal;

    fn refused(status: u16, error: &str, number: u32) -> Finding {
        let refusal = TokenRefusal {
            error: error.to_owned(),
            error_codes: vec![number],
            error_description: Some("anna@contoso.example did it".to_owned()),
            ..TokenRefusal::default()
        };
        judge(
            "contoso.example",
            &Err(OauthError::Refused {
                status,
                refusal: Box::new(refusal),
            }),
        )
    }

    #[test]
    fn a_refusal_is_explained_with_its_code_and_no_text_of_microsofts() {
        for (status, error, number, code, severity) in [
            (
                401,
                "invalid_client",
                7_000_215,
                "secret_wrong",
                Severity::Broken,
            ),
            (
                401,
                "invalid_client",
                7_000_222,
                "secret_expired",
                Severity::Broken,
            ),
            (
                400,
                "invalid_request",
                90_002,
                "tenant_unknown",
                Severity::Broken,
            ),
            (
                400,
                "unauthorized_client",
                700_016,
                "app_unknown",
                Severity::Broken,
            ),
            (
                400,
                "temporarily_unavailable",
                90_033,
                "microsoft_disturbed",
                Severity::Warning,
            ),
        ] {
            let finding = refused(status, error, number);

            assert_eq!((finding.code, finding.severity), (code, severity));
            assert!(
                finding.found.contains(&format!("AADSTS{number}")),
                "{finding:?}"
            );
            assert!(!finding.found.contains("anna"), "{finding:?}");
            assert!(finding.advice.is_some());
        }
    }

    #[test]
    fn where_several_tenants_are_allowed_a_connected_mailbox_tells_one() {
        assert_eq!(tenant("contoso.example", &[]), Some("contoso.example"));
        assert_eq!(tenant("common", &[]), None);
        let of = |tenant_id: &str| Mailbox {
            tenant_id: Some(tenant_id.to_owned()),
            ..mailbox()
        };
        let known = [of(PERSONAL), of("tenant-1")];
        assert_eq!(tenant("common", &known), Some("tenant-1"));
        assert_eq!(tenant("consumers", &known[..1]), None);
        assert_eq!(untried("common").severity, Severity::Note);
    }
}
