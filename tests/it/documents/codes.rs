//! Troubleshooting says something about every state, reason, code and message that the source can show a person.

use regex::Regex;

use super::text;

const GUIDE: &str = "docs/guides/troubleshooting.md";

/// What an expression finds in a part of a file; at least `least` things, so that a change of the source does not blind the test.
fn found(path: &str, from: &str, to: &str, expression: &str, least: usize) -> Vec<String> {
    let source = text(path);
    let begin = source
        .find(from)
        .unwrap_or_else(|| panic!("{path} has no `{from}`"));
    let part = &source[begin..];
    let end = part[from.len()..]
        .find(to)
        .map_or(part.len(), |end| end + from.len());
    let expression = Regex::new(expression).expect("it is an expression");
    let found: Vec<String> = expression
        .captures_iter(&part[..end])
        .map(|found| found[1].to_owned())
        .collect();
    assert!(found.len() >= least, "{path}, from `{from}`: {found:?}");
    found
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// The variants of an enum.
fn variants(path: &str, name: &str, least: usize) -> Vec<String> {
    let from = format!("enum {name} {{");
    found(
        path,
        &from,
        "\n}",
        r"(?m)^    ([A-Z]\w+)(?:,| \{|\()",
        least,
    )
}

#[test]
fn every_word_of_a_closed_list_is_explained() {
    let guide = text(GUIDE);
    let mut missing = Vec::new();

    for (path, name, least) in [
        ("src/model/mailbox.rs", "MailboxState", 4),
        ("src/model/mailbox.rs", "StateReason", 10),
        ("src/api/problem.rs", "Code", 21),
        ("src/api/health.rs", "WarningCode", 2),
        ("src/api/mailboxes.rs", "Actor", 4),
        ("src/api/commands.rs", "CommandStatus", 3),
        ("src/model/work.rs", "SubscriptionState", 3),
        ("src/model/work.rs", "CursorState", 3),
        ("src/model/work.rs", "NoticeKind", 3),
    ] {
        for variant in variants(path, name, least) {
            let word = snake(&variant);
            if !guide.contains(&format!("`{word}`")) {
                missing.push(format!("{name}: {word}"));
            }
        }
    }
    for event in variants("src/notifications/envelope.rs", "LifecycleEvent", 3) {
        if !guide.contains(&format!("`{event}`")) {
            missing.push(event);
        }
    }
    assert!(missing.is_empty(), "not explained:\n{}", missing.join("\n"));
}

#[test]
fn every_number_of_microsofts_is_explained() {
    let guide = text(GUIDE);

    let numbers = found(
        "src/oauth/refusal.rs",
        "fn meaning_of",
        "\n}",
        r"\b([0-9][0-9_]{4,})\b",
        36,
    );

    for number in numbers {
        let name = format!("AADSTS{}", number.replace('_', ""));
        let alone = Regex::new(&format!(r"{name}\b")).expect("it is an expression");
        assert!(alone.is_match(&guide), "{name} is not explained");
    }
}

#[test]
fn every_code_of_graph_that_something_is_done_about_is_explained() {
    let guide = text(GUIDE);

    let mut codes = found(
        "src/graph/error.rs",
        "const THROTTLED",
        "impl fmt::Display for Refused",
        r#""([A-Za-z_]{6,})""#,
        15,
    );
    codes.push("ErrorSyncFolderNotFound".to_owned());

    for code in codes {
        assert!(
            guide.contains(&format!("`{code}`")),
            "{code} is not explained"
        );
    }
}

#[test]
fn every_reason_why_push_does_not_work_is_explained() {
    let guide = text(GUIDE);

    let mut sentences = found(
        "src/subscriptions/health.rs",
        "fn sentence",
        "\n    }",
        r#""([^"]+)""#,
        6,
    );
    sentences.push(graph_mirror::model::mailbox::UNANNOUNCED.to_owned());

    for sentence in sentences {
        assert!(guide.contains(&sentence), "not explained: {sentence}");
    }
}

#[test]
fn every_message_with_which_it_stops_is_explained() {
    let guide = text(GUIDE);
    let message = r#"#\[error\(\s*"([^"]+)""#;

    for (path, from, least) in [
        ("src/store/error.rs", "enum StoreError", 11),
        ("src/app/error.rs", "enum AppError", 11),
    ] {
        for message in found(path, from, "\n}", message, least) {
            // What is filled in stands in the guide as a word in capitals; the longest piece between tells it.
            let piece = message
                .split(['{', '}'])
                .step_by(2)
                .max_by_key(|piece| piece.len())
                .unwrap_or_default();
            let piece = piece
                .split('`')
                .next()
                .unwrap_or_default()
                .trim_end_matches([':', ' ']);
            assert!(guide.contains(piece), "{path}: not explained: {message}");
        }
    }
}
