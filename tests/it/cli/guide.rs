//! The guide to the app registration says something about every sign-in error and every state.

use graph_mirror::mailboxes::explain;
use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::oauth::SCOPES;

fn guide() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/entra-app.md");
    std::fs::read_to_string(path).expect("the guide is there")
}

#[test]
fn every_number_of_the_table_is_explained() {
    // F1.16
    let guide = guide();

    for number in [
        70_000, 70_008, 700_082, 700_084, 70_043, 50_173, 50_076, 50_078, 50_079, 53_000, 53_001,
        53_003, 530_032, 65_001, 65_004, 90_094, 50_105, 50_020, 50_034, 51_004, 700_016, 70_001,
        7_000_112, 7_000_215, 7_000_222, 700_027, 70_002, 90_002, 50_196, 90_006, 90_012, 90_024,
        90_033, 54_005, 70_011, 9_002_313,
    ] {
        let name = format!("AADSTS{number}");
        let stands_alone = guide.match_indices(&name).any(|(at, _)| {
            !guide[at + name.len()..].starts_with(|letter: char| letter.is_ascii_digit())
        });
        assert!(stands_alone, "{name} is not explained");
    }
}

#[test]
fn every_state_leads_to_a_heading() {
    let guide = guide();

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
        let told = explain(MailboxState::NeedsReauth, Some(reason)).expect("it is explained");
        let (file, anchor) = told.guide.split_once('#').expect("it leads to a heading");
        assert_eq!(file, "docs/guides/entra-app.md");
        assert!(
            guide.contains(&format!("\n#### {anchor}\n")),
            "{anchor} has no heading"
        );
    }
}

#[test]
fn every_permission_that_is_asked_for_is_explained() {
    let guide = guide();

    for scope in SCOPES {
        assert!(
            guide.contains(&format!("`{scope}`")),
            "{scope} is not explained"
        );
    }
}
