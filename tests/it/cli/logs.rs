//! No log line may hold what people wrote or who they are (M9).

use std::fs;
use std::path::{Path, PathBuf};

use graph_mirror::telemetry::fields::ALL;
use regex::Regex;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The arguments of every log call and every span of a file, strings included; the name of a span is left out.
fn log_calls(text: &str) -> Vec<(usize, String)> {
    let call = Regex::new(r"\b(?:error|warn|info|debug|trace)(?:_span)?!\(")
        .expect("the pattern is valid");
    call.find_iter(text)
        .map(|found| {
            let mut depth = 1_usize;
            let inner: String = text[found.end()..]
                .chars()
                .take_while(|letter| {
                    match letter {
                        '(' => depth += 1,
                        ')' => depth -= 1,
                        _ => {}
                    }
                    depth > 0
                })
                .collect();
            let inner = if found.as_str().contains("_span") {
                let (_, fields) = inner.split_once(',').unwrap_or_default();
                fields.to_owned()
            } else {
                inner
            };
            (text[..found.start()].lines().count(), inner)
        })
        .collect()
}

#[test]
fn no_log_call_names_a_secret_or_a_persons_words() {
    // M9
    let forbidden = Regex::new(
        r"(?x)
        \b(?:\w+\.)*(?:address|addresses|subject|body|body_preview|display_name|login_hint|client_state|
           access_token|refresh_token|token|secret|client_secret|code_verifier|delta_link|next_link|link|
           authorization|query|email|recipient|recipients)\b
        (?:\s*[=,}:)]|\s*$)",
    )
    .expect("the pattern is valid");
    let text_of_message = Regex::new(r#""(?:[^"\\{]|\\.|\{)*""#).expect("the pattern is valid");
    let filled_in = Regex::new(r"\{(\w+)[^}]*\}").expect("the pattern is valid");
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut faults = Vec::new();
    let mut calls = 0;

    for file in files {
        let text = fs::read_to_string(&file).expect("a source file is text");
        for (line, inner) in log_calls(&text) {
            calls += 1;
            // Words of the sentence are free; what is filled in is not.
            let filled = filled_in
                .captures_iter(&inner)
                .map(|found| found[1].to_owned())
                .collect::<Vec<_>>()
                .join(" , ")
                + " ,";
            let fields = text_of_message.replace_all(&inner, "\"\"");
            if let Some(found) = forbidden
                .find(&fields)
                .or_else(|| forbidden.find(&filled))
                .map(|found| found.as_str().to_owned())
            {
                faults.push(format!("{}:{line}: `{}`", file.display(), found.trim()));
            }
        }
    }

    assert!(calls > 20, "the log calls were not found: {calls}");
    assert!(
        faults.is_empty(),
        "log calls that may hold secrets or people's words:\n{}",
        faults.join("\n")
    );
}

/// The names of the fields of a log call: everything before its sentence.
fn fields(inner: &str) -> Vec<String> {
    let before = inner.split('"').next().unwrap_or_default();
    let calls = Regex::new(r"\([^()]*\)").expect("the pattern is valid");
    calls
        .replace_all(before, "")
        .split(',')
        .map(|part| {
            let name = part.split('=').next().unwrap_or_default();
            name.trim().trim_start_matches(['%', '?']).to_owned()
        })
        .filter(|name| !name.is_empty() && !name.starts_with("target:"))
        .collect()
}

#[test]
fn every_field_of_a_log_call_is_one_of_the_list() {
    let known: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut faults = Vec::new();

    for file in files {
        let text = fs::read_to_string(&file).expect("a source file is text");
        for (line, inner) in log_calls(&text) {
            for name in fields(&inner) {
                if !known.contains(&name.as_str()) {
                    faults.push(format!("{}:{line}: `{name}`", file.display()));
                }
            }
        }
    }

    assert!(
        faults.is_empty(),
        "fields that do not stand in telemetry/fields.rs:\n{}",
        faults.join("\n")
    );
}

#[test]
fn the_search_finds_what_it_is_for() {
    let text =
        r#"fn f() { info!(mailbox.id = %id, address = %mailbox.address, "connected {subject}"); }"#;

    let calls = log_calls(text);

    let span = log_calls(r#"let span = info_span!("intake", trace_id = %id);"#);
    let of_span = span.first().map(|(_, inner)| fields(inner));
    assert_eq!(of_span.as_deref(), Some(&["trace_id".to_owned()][..]));
    assert_eq!(calls.len(), 1);
    let names = calls.first().map(|(_, inner)| fields(inner));
    assert_eq!(
        names.as_deref(),
        Some(&["mailbox.id".to_owned(), "address".to_owned()][..])
    );
    assert!(
        calls
            .first()
            .is_some_and(|(_, inner)| inner.contains("mailbox.address") && inner.ends_with('"'))
    );
}
