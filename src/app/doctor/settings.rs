//! The settings: what is wrong with them, and what in them is worth a thought.

use super::finding::{Check, Finding};
use crate::config::{ConfigError, PublicUrl, Settings};

const CHECK: Check = Check::Settings;

/// What must be repaired, one line each.
pub(super) fn unusable(error: &ConfigError) -> Vec<Finding> {
    let problems = error.problems().iter();
    problems
        .map(|problem| {
            let found = format!("{}: {}", problem.variable, problem.what);
            Finding::broken(CHECK, "unusable", found).advising(problem.remedy.clone())
        })
        .collect()
}

/// What can be said of settings that can be used.
pub(super) fn judge(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![Finding::well(
        CHECK,
        "every variable can be used, and none contradicts another",
    )];
    if settings.server.public_url == PublicUrl::Unset {
        let late = settings.mirror.poll_interval_without_push.as_secs();
        let found = format!(
            "PUBLIC_URL is not set: there are no notifications, and changes arrive up to {late} seconds late"
        );
        findings.push(
            Finding::note(CHECK, "polling_only", found)
                .advising("set PUBLIC_URL to an https address that Microsoft reaches, or to `ngrok`, to have them at once"),
        );
    }
    if let Some(base) = settings.server.public_url.base() {
        let redirect = settings.microsoft.redirect_uri.as_str();
        if !redirect.starts_with(&base) {
            let found = format!("sign-ins come back to {redirect}, which is not below PUBLIC_URL");
            findings.push(
                Finding::note(CHECK, "redirect_elsewhere", found).advising(
                    "right on a laptop, or where your application passes code and state on; else set MICROSOFT_REDIRECT_URI",
                ),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn environment() -> Environment {
        Environment::of([
            (
                "MICROSOFT_CLIENT_ID",
                "11111111-2222-3333-4444-555555555555",
            ),
            ("MICROSOFT_CLIENT_SECRET", "abc8Q~hidden"),
            (
                "OAUTH_ENCRYPTION_KEY",
                "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            ),
        ])
    }

    fn codes(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_non_https_address_and_one_on_this_machine_are_named_with_the_way_out() {
        for url in ["http://mirror.example.org", "https://localhost:8080"] {
            let error = Settings::read(&environment().with("PUBLIC_URL", url)).expect_err(url);

            let findings = unusable(&error);

            assert_eq!(findings.len(), 1);
            assert!(
                findings[0].found.starts_with("PUBLIC_URL: "),
                "{findings:?}"
            );
            let advice = findings[0].advice.as_deref().unwrap_or_default();
            assert!(advice.contains("https"), "{findings:?}");
        }
    }

    #[cfg(not(feature = "s3"))]
    #[test]
    fn a_bucket_that_this_program_was_not_built_for_is_named_with_the_feature() {
        let error = Settings::read(&environment().with("BLOBS_URL", "s3://bucket/prefix"));

        let findings = unusable(&error.expect_err("it cannot be used"));

        assert_eq!(findings.len(), 1);
        let found = &findings[0].found;
        assert!(
            found.starts_with("BLOBS_URL: ") && found.contains("--features s3"),
            "{found}"
        );
        assert!(findings[0].advice.is_some());
    }

    #[test]
    fn polling_and_a_redirect_to_elsewhere_are_worth_a_word() {
        let settings = |url: &str, redirect: &str| {
            let environment = environment()
                .with("PUBLIC_URL", url)
                .with("MICROSOFT_REDIRECT_URI", redirect);
            judge(&Settings::read(&environment).expect("they can be used"))
        };

        assert_eq!(codes(&settings("", "")), ["well", "polling_only"]);
        assert_eq!(codes(&settings("https://mirror.example.org", "")), ["well"]);
        assert_eq!(
            codes(&settings(
                "https://mirror.example.org",
                "http://localhost:8080/api/v1/integrations/microsoft/callback"
            )),
            ["well", "redirect_elsewhere"]
        );
    }
}
