//! Holds the table of rooms: who may import whom, and which room may know which library.
//!
//! A room imports only rooms of lower tiers; rooms of one tier leave each other work in the database. The
//! sandbox shares nothing with the service but the clock, so that a misreading of Graph cannot stand in both.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Room and tier. `sandbox` stands aside.
const TIERS: &[(&str, u8)] = &[
    ("cli", 7),
    ("app", 6),
    ("api", 5),
    ("mailboxes", 4),
    ("subscriptions", 4),
    ("notifications", 4),
    ("mirror", 4),
    ("outbox", 4),
    ("oauth", 3),
    ("home", 3),
    ("store", 2),
    ("blobs", 2),
    ("graph", 2),
    ("content", 1),
    ("config", 1),
    ("secrets", 1),
    ("telemetry", 1),
    ("model", 0),
];

/// Library and the only rooms that may name it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("reqwest", &["graph", "oauth", "sandbox", "app", "cli"]),
    ("axum", &["notifications", "api", "app", "sandbox"]),
    ("fernet", &["secrets"]),
    ("object_store", &["blobs"]),
    ("ammonia", &["content"]),
    ("html2text", &["content"]),
    ("indicatif", &["cli"]),
    ("tokio_cron_scheduler", &["app"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("tracing_opentelemetry", &["telemetry"]),
];

fn sources() -> Vec<(String, PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the source folder can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&source, &mut paths);
    paths
        .into_iter()
        .filter_map(|path| {
            let inner = path
                .strip_prefix(&source)
                .expect("it lies below it")
                .to_owned();
            let mut steps = inner.components();
            let room = steps
                .next()?
                .as_os_str()
                .to_str()?
                .trim_end_matches(".rs")
                .to_owned();
            let text = fs::read_to_string(&path).expect("a source file is text");
            Some((room, inner, text))
        })
        .collect()
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn a_room_imports_only_rooms_of_lower_tiers() {
    let named = Regex::new(r"\bcrate::([a-z_]+)").expect("the pattern is valid");
    let grouped = Regex::new(r"use crate::\{").expect("the pattern is valid");
    let tier = |room: &str| {
        TIERS
            .iter()
            .find(|(name, _)| *name == room)
            .map(|(_, tier)| *tier)
    };
    let mut faults = Vec::new();

    for (room, path, text) in sources() {
        if room == "lib" || room == "main" {
            continue;
        }
        for (number, line) in code_lines(&text) {
            let place = format!("{}:{number}", path.display());
            if grouped.is_match(line) {
                faults.push(format!(
                    "{place}: write one `use crate::room` a line, so that it can be read"
                ));
            }
            for found in named.captures_iter(line) {
                let other = &found[1];
                if other == room {
                    continue;
                }
                if room == "sandbox" {
                    if !line.contains("crate::model::time") {
                        faults.push(format!("{place}: the sandbox imports model::time only"));
                    }
                    continue;
                }
                if other == "sandbox" {
                    if room != "cli" {
                        faults.push(format!("{place}: only cli imports the sandbox"));
                    }
                    continue;
                }
                let (Some(own), Some(others)) = (tier(&room), tier(other)) else {
                    faults.push(format!(
                        "{place}: `{room}` or `{other}` is not in the table of rooms"
                    ));
                    continue;
                };
                if others >= own {
                    faults.push(format!(
                        "{place}: `{room}` (tier {own}) imports `{other}` (tier {others})"
                    ));
                }
            }
        }
    }

    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_library_is_named_only_in_its_rooms() {
    let mut faults = Vec::new();
    let patterns: Vec<_> = LIBRARIES
        .iter()
        .map(|(library, rooms)| {
            let named = Regex::new(&format!(r"\b{library}::")).expect("the pattern is valid");
            (library, rooms, named)
        })
        .collect();

    for (room, path, text) in sources() {
        for (library, rooms, named) in &patterns {
            if rooms.contains(&room.as_str()) || !text.contains(*library) {
                continue;
            }
            for (number, line) in code_lines(&text) {
                if named.is_match(line) {
                    faults.push(format!(
                        "{}:{number}: `{library}` belongs in {rooms:?}",
                        path.display()
                    ));
                }
            }
        }
    }

    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
