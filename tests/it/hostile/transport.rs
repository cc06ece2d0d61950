//! Links and refusals: text that decides where we go and what we do next.

use graph_mirror::graph::Refused;
use graph_mirror::graph::links::{Base, Target};
use graph_mirror::model::work::Link;
use proptest::prelude::*;
use serde_json::json;
use url::Url;

use super::cases;
use super::damage::{damaged, wrecks};

fn base() -> Base {
    Base::new(&Url::parse("https://graph.microsoft.com/").expect("an address"))
}

/// Links that look much like one of Graph's.
fn link() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(
        &[
            "https://",
            "http://",
            "//",
            "\\\\",
            "https:\\",
            "graph.microsoft.com",
            "graph.microsoft.com.",
            "evil.example",
            "@",
            ":443",
            ":8443",
            ":",
            "/v1.0/",
            "me/messages/delta",
            "?$deltatoken=",
            "?$skiptoken=A%2Fb+c%3D",
            "%00",
            "#",
            "..",
            " ",
            "\t",
            "user:secret",
            "é",
            "xn--",
            "[::1]",
            "127.0.0.1",
        ][..],
    );
    prop_oneof![
        prop::collection::vec(parts, 0..8).prop_map(|parts| parts.concat()),
        ".{0,80}",
        "[ -~]{0,40}".prop_map(|rest| format!("https://graph.microsoft.com/v1.0/{rest}")),
    ]
}

proptest! {
    #![proptest_config(cases(1_000))]

    // M13, F2.3
    #[test]
    fn no_link_leads_anywhere_but_home(link in link()) {
        if let Ok(url) = base().resolve(&Target::Link(Link(link))) {
            prop_assert_eq!(url.scheme(), "https");
            prop_assert_eq!(url.host_str(), Some("graph.microsoft.com"));
            prop_assert_eq!(url.port_or_known_default(), Some(443));
            prop_assert!(url.username().is_empty() && url.password().is_none());
        }
    }

    #[test]
    fn no_path_leads_anywhere_but_home(path in link()) {
        if let Ok(url) = base().resolve(&Target::Path(path)) {
            prop_assert_eq!(url.host_str(), Some("graph.microsoft.com"));
        }
    }

    // F3.1, M14
    #[test]
    fn every_refusal_has_an_advice(status in 300..600_u16, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = graph_mirror::graph::GraphError::Refused(Box::new(Refused::read(status, &body))).advice();
    }

    #[test]
    fn every_damaged_refusal_has_an_advice(status in 300..600_u16, wrecks in wrecks()) {
        let body = json!({ "error": { "code": "SyncStateNotFound", "message": "m",
            "innerError": { "code": "x", "date": "2026-01-01T00:00:00", "innererror": { "code": "y" } } } });
        let body = damaged(&body, &wrecks);
        let _ = graph_mirror::graph::GraphError::Refused(Box::new(Refused::read(status, body.as_bytes()))).advice();
    }
}
