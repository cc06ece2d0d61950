//! Whether Microsoft reaches us: the name, what answers under it from here, and a live test subscription.
//!
//! Graph itself is the only judge: it asks our endpoint before it makes a subscription, and says why it cannot. What is seen from
//! here explains its verdict and never replaces it, because a network may lead its own machines elsewhere.

use std::net::IpAddr;

use super::finding::{Check, Finding};
use crate::graph::subscriptions::SubscriptionRefusal;

const CHECK: Check = Check::PublicUrl;

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    /// The address.
    pub(super) url: String,
    /// What its name leads to, or why nothing.
    pub(super) name: Result<Vec<IpAddr>, String>,
    /// What answers there, asked from here.
    pub(super) here: Here,
    /// What Graph said.
    pub(super) live: Live,
}

/// What answers at the address, asked from here as Graph asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Here {
    /// Our endpoint.
    Echoed,
    /// Somebody who answers 200 with something else.
    OtherAnswer,
    /// Somebody who answers with another status.
    Status(u16),
    /// Its certificate is not trusted.
    Untrusted(String),
    /// Nobody.
    Nobody(String),
}

/// What Graph said to a test subscription.
#[derive(Debug)]
pub(super) enum Live {
    /// It was made, so Graph reached us; it was removed again.
    Passed,
    /// It was refused.
    Refused {
        /// What for.
        why: SubscriptionRefusal,
        /// In Graph's words, or in ours.
        words: String,
    },
    /// No mailbox lends its token.
    NoMailbox,
}

/// What that means.
pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let url = &seen.url;
    let mut findings = Vec::new();
    match &seen.live {
        Live::Passed => {
            let found =
                format!("Microsoft reaches {url}: a test subscription was made and removed again");
            findings.push(Finding::well(CHECK, found));
            if seen.here != Here::Echoed {
                let found = format!(
                    "from here {url} leads elsewhere ({}), which does no harm",
                    from_here(seen)
                );
                findings.push(Finding::note(CHECK, "leads_elsewhere_from_here", found));
            }
        }
        Live::Refused {
            why: SubscriptionRefusal::EndpointNotValidated,
            words,
        } => {
            let (code, advice) = cause(seen);
            let found = format!(
                "Microsoft does not reach us at {url}: {words} From here: {}",
                from_here(seen)
            );
            findings.push(Finding::broken(CHECK, code, found).advising(advice));
        }
        Live::Refused {
            why: SubscriptionRefusal::QuotaReached,
            words,
        } => {
            let found = format!("no test subscription could be made: {words}");
            findings.push(
                Finding::warning(CHECK, "subscription_quota", found)
                    .advising("end subscriptions of other applications on the mailbox; until then its changes are found by polling"),
            );
        }
        Live::Refused { words, .. } => {
            let found = format!(
                "no test subscription could be made: {words} From here: {}",
                from_here(seen)
            );
            findings.push(
                Finding::warning(CHECK, "test_refused", found)
                    .advising("try again in a while; where it stays so, look the code up in docs/guides/troubleshooting.md"),
            );
        }
        Live::NoMailbox if seen.here == Here::Echoed => {
            let found = format!(
                "{url} leads to us from here; Microsoft could not be asked, because no connected mailbox lends its token"
            );
            findings.push(Finding::note(CHECK, "untested", found).advising(
                "connect a mailbox with `graph-mirror mailboxes connect` and look again",
            ));
        }
        Live::NoMailbox => {
            let (code, advice) = cause(seen);
            let found = format!("{url} does not lead to us: {}", from_here(seen));
            findings.push(Finding::broken(CHECK, code, found).advising(advice));
        }
    }
    findings
}

/// The most likely cause, by what is seen from here.
fn cause(seen: &Seen) -> (&'static str, &'static str) {
    if seen.name.is_err() {
        return (
            "unresolvable",
            "correct the host in PUBLIC_URL or its DNS record; a tunnel that was started anew has another name",
        );
    }
    match &seen.here {
        Here::Untrusted(_) => (
            "untrusted_certificate",
            "give the address a certificate of a public authority, for this name, with its whole chain",
        ),
        Here::OtherAnswer => (
            "wrong_answer",
            "something else answers there: have the proxy or tunnel pass /webhooks/microsoft/ on to LISTEN unchanged, query included, \
             with no page of its own in between; a stale DNS record may lead to a former machine",
        ),
        Here::Status(_) => (
            "wrong_status",
            "have the proxy or tunnel pass POST /webhooks/microsoft/ on to LISTEN without a sign-in or a redirect of its own",
        ),
        Here::Nobody(_) => (
            "unreachable",
            "check that the proxy or tunnel of PUBLIC_URL runs, its port, and the firewall",
        ),
        Here::Echoed => (
            "unreachable_from_outside",
            "it answers from here, so look at what stands between: firewall, DNS seen from outside, IPv6, a certificate chain that is not \
             complete, an answer that takes longer than ten seconds",
        ),
    }
}

fn from_here(seen: &Seen) -> String {
    if let Err(why) = &seen.name {
        return format!("its name leads nowhere ({why})");
    }
    match &seen.here {
        Here::Echoed => "it answers as it should".to_owned(),
        Here::OtherAnswer => "it answers, but not with the token that was asked for".to_owned(),
        Here::Status(status) => format!("it answers with status {status}"),
        Here::Untrusted(why) | Here::Nobody(why) => why.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    fn seen(name: bool, here: Here, live: Live) -> Vec<Finding> {
        let name = if name {
            Ok(vec![IpAddr::from([192, 0, 2, 1])])
        } else {
            Err("no such host".to_owned())
        };
        judge(&Seen {
            url: "https://mirror.example.org".to_owned(),
            name,
            here,
            live,
        })
    }

    fn not_validated() -> Live {
        Live::Refused {
            why: SubscriptionRefusal::EndpointNotValidated,
            words: "Subscription validation request failed.".to_owned(),
        }
    }

    #[test]
    fn graphs_verdict_counts_and_what_is_seen_from_here_explains_it() {
        let nobody = || Here::Nobody("connection refused".to_owned());
        for (name, here, code) in [
            (false, nobody(), "unresolvable"),
            (true, nobody(), "unreachable"),
            (
                true,
                Here::Untrusted("expired".to_owned()),
                "untrusted_certificate",
            ),
            (true, Here::OtherAnswer, "wrong_answer"),
            (true, Here::Status(404), "wrong_status"),
            (true, Here::Echoed, "unreachable_from_outside"),
        ] {
            let findings = seen(name, here, not_validated());

            assert_eq!(findings[0].code, code);
            assert_eq!(findings[0].severity, Severity::Broken);
            assert!(findings[0].found.contains("validation request failed"));
            assert!(findings[0].advice.is_some());
        }
    }

    #[test]
    fn an_address_that_graph_reaches_is_well_whatever_it_is_from_here() {
        let findings = seen(false, Here::Nobody(String::new()), Live::Passed);

        assert_eq!(findings[0].severity, Severity::Well);
        assert_eq!(findings[1].severity, Severity::Note);
        assert_eq!(seen(true, Here::Echoed, Live::Passed).len(), 1);
    }

    #[test]
    fn without_a_mailbox_only_what_is_seen_from_here_can_be_said() {
        assert_eq!(
            seen(true, Here::Echoed, Live::NoMailbox)[0].code,
            "untested"
        );
        assert_eq!(
            seen(true, Here::OtherAnswer, Live::NoMailbox)[0].code,
            "wrong_answer"
        );
        assert_eq!(
            seen(false, Here::OtherAnswer, Live::NoMailbox)[0].code,
            "unresolvable"
        );
    }
}
