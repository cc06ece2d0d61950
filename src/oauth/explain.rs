//! A refusal of the identity platform in words for the operator: what it means, and the way out (F1.16).
//!
//! The numbers tell more than the error and may change (F1.14), so an unknown one falls back on the error. What is done about a
//! refusal is decided elsewhere, by [`TokenRefusal::meaning`].

use super::refusal::TokenRefusal;

/// A refusal in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// Its name, which stays the same.
    pub code: &'static str,
    /// What is wrong.
    pub what: &'static str,
    /// The way out.
    pub remedy: &'static str,
}

/// What a refusal means.
pub fn explain(refusal: &TokenRefusal) -> Explanation {
    refusal
        .numbers()
        .into_iter()
        .find_map(by_number)
        .unwrap_or_else(|| by_error(&refusal.error))
}

const fn told(code: &'static str, what: &'static str, remedy: &'static str) -> Explanation {
    Explanation { code, what, remedy }
}

fn by_number(number: u32) -> Option<Explanation> {
    of_the_app(number).or_else(|| of_a_sign_in(number))
}

/// What is wrong with the registration, or with Microsoft.
fn of_the_app(number: u32) -> Option<Explanation> {
    Some(match number {
        7_000_215 => told(
            "secret_wrong",
            "the client secret is wrong; most often its id was copied instead of its value",
            "copy the Value of the secret to MICROSOFT_CLIENT_SECRET, or make a new one under Certificates & secrets",
        ),
        7_000_222 => told(
            "secret_expired",
            "the client secret has expired",
            "make a new one under Certificates & secrets, set MICROSOFT_CLIENT_SECRET and restart the service",
        ),
        700_027 | 70_002 | 7_000_218 => told(
            "credentials_wrong",
            "the credentials of the app registration do not verify",
            "set MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET to the id and a secret of the same registration",
        ),
        90_002 | 900_023 => told(
            "tenant_unknown",
            "there is no such tenant in this cloud",
            "set MICROSOFT_TENANT_ID to the Directory (tenant) ID of the registration's overview page, and check MICROSOFT_CLOUD",
        ),
        700_016 | 70_001 => told(
            "app_unknown",
            "the app is not known in that tenant",
            "check MICROSOFT_CLIENT_ID and MICROSOFT_TENANT_ID; for another organisation's tenant its administrator must consent first",
        ),
        7_000_112 => told(
            "app_disabled",
            "the app is disabled in that tenant",
            "its administrator enables it under Enterprise applications, Properties",
        ),
        9_001_023 | 50_194 => told(
            "tenant_unsuited",
            "the app cannot be used at that tenant address",
            "set MICROSOFT_TENANT_ID to the Directory (tenant) ID of the registration's overview page",
        ),
        50_011 => told(
            "redirect_unregistered",
            "the redirect address is not registered with the app",
            "make MICROSOFT_REDIRECT_URI and the registration's Redirect URI equal, letter for letter",
        ),
        70_011 | 500_011 | 1_002_012 => told(
            "scope_refused",
            "Microsoft does not know the permission or the resource that was asked for",
            "check that MICROSOFT_CLOUD is the cloud that the app is registered in",
        ),
        50_196 => told(
            "asked_in_a_loop",
            "Microsoft saw the app ask in a loop and wants to be left alone",
            "wait an hour",
        ),
        90_006 | 90_012 | 90_024 | 90_033 => told(
            "microsoft_disturbed",
            "Microsoft's identity platform is disturbed at present",
            "wait; it is tried again by itself",
        ),
        _ => return None,
    })
}

/// What is wrong with one person's sign-in.
fn of_a_sign_in(number: u32) -> Option<Explanation> {
    Some(match number {
        65_001 | 65_004 => told(
            "consent_missing",
            "the permissions were not granted to the app, or withdrawn",
            "have the person sign in again and accept them, or an administrator grant them for everybody (docs/guides/entra-app.md)",
        ),
        90_094 => told(
            "admin_consent_missing",
            "only an administrator may grant the permissions in that organisation",
            "have an administrator open the consent link of docs/guides/entra-app.md, once for everybody",
        ),
        50_076 | 50_078 | 50_079 => told(
            "mfa_needed",
            "Microsoft asks for a further factor (multi-factor authentication)",
            "have the person sign in again: `graph-mirror mailboxes connect`",
        ),
        70_043 => told(
            "sign_in_frequency",
            "a Conditional Access policy limits how long a sign-in lasts",
            "have the person sign in again, and ask the administrator to exempt the app if that happens often",
        ),
        53_000 | 53_001 | 53_003 | 530_032 => told(
            "conditional_access",
            "a Conditional Access policy blocks the sign-in",
            "an administrator finds the policy under Sign-in logs and lets the app through",
        ),
        50_105 => told(
            "not_assigned",
            "the app is restricted to assigned people, and this one is not assigned",
            "an administrator assigns the person under Enterprise applications, Users and groups",
        ),
        70_000 | 50_173 => told(
            "grant_revoked",
            "the stored sign-in was revoked, or belongs to another app registration",
            "check MICROSOFT_CLIENT_ID; if it is right, have the person sign in again: `graph-mirror mailboxes connect`",
        ),
        70_008 | 700_082 | 700_084 => told(
            "grant_expired",
            "the stored sign-in has ended from age or was not used for 90 days",
            "have the person sign in again: `graph-mirror mailboxes connect`",
        ),
        50_020 | 50_034 | 51_004 => told(
            "user_gone",
            "the account is not, or no longer, in the tenant",
            "an administrator restores it, or set MICROSOFT_TENANT_ID so that its tenant is allowed",
        ),
        _ => return None,
    })
}

fn by_error(error: &str) -> Explanation {
    match error.to_ascii_lowercase().as_str() {
        "invalid_client" => told(
            "credentials_wrong",
            "the credentials of the app registration do not verify",
            "set MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET to the id and a secret of the same registration",
        ),
        "unauthorized_client" => told(
            "app_unknown",
            "the app is not let into that tenant",
            "check MICROSOFT_CLIENT_ID and MICROSOFT_TENANT_ID",
        ),
        "invalid_grant" => told(
            "grant_refused",
            "the stored sign-in is no longer accepted",
            "have the person sign in again: `graph-mirror mailboxes connect`",
        ),
        "interaction_required" | "login_required" => told(
            "mfa_needed",
            "Microsoft asks for a further step of the sign-in",
            "have the person sign in again: `graph-mirror mailboxes connect`",
        ),
        "consent_required" | "access_denied" | "permission_denied" => told(
            "consent_missing",
            "the permissions were not granted to the app, or withdrawn",
            "have the person sign in again and accept them, or an administrator grant them for everybody (docs/guides/entra-app.md)",
        ),
        "temporarily_unavailable" | "server_error" => told(
            "microsoft_disturbed",
            "Microsoft's identity platform is disturbed at present",
            "wait; it is tried again by itself",
        ),
        _ => told(
            "refused",
            "Microsoft refuses the app for a reason of its own",
            "look the code up in docs/guides/entra-app.md or at https://login.microsoftonline.com/error",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(error: &str, number: u32) -> &'static str {
        explain(&TokenRefusal {
            error: error.to_owned(),
            error_codes: vec![number],
            ..TokenRefusal::default()
        })
        .code
    }

    #[test]
    fn a_number_tells_more_than_the_error_and_an_unknown_one_falls_back_on_it() {
        // F1.14, F1.16
        assert_eq!(named("invalid_client", 7_000_215), "secret_wrong");
        assert_eq!(named("invalid_client", 7_000_222), "secret_expired");
        assert_eq!(named("invalid_request", 90_002), "tenant_unknown");
        assert_eq!(named("unauthorized_client", 700_016), "app_unknown");
        assert_eq!(named("invalid_grant", 50_076), "mfa_needed");
        assert_eq!(named("invalid_grant", 65_001), "consent_missing");
        assert_eq!(named("invalid_grant", 53_003), "conditional_access");
        assert_eq!(named("invalid_client", 1), "credentials_wrong");
        assert_eq!(named("invalid_grant", 1), "grant_refused");
        assert_eq!(named("something_new", 1), "refused");
    }

    #[test]
    fn whatever_the_table_of_meanings_knows_is_explained() {
        for number in [
            70_000, 50_173, 70_008, 700_082, 700_084, 70_043, 50_076, 50_078, 50_079, 53_000,
            53_001, 53_003, 530_032, 50_105, 65_001, 65_004, 90_094, 50_020, 50_034, 51_004,
            700_016, 70_001, 7_000_112, 7_000_215, 7_000_222, 700_027, 70_002, 90_002, 70_011,
            50_011, 9_001_023, 50_196, 90_006, 90_012, 90_024, 90_033,
        ] {
            assert!(by_number(number).is_some(), "{number}");
        }
    }
}
