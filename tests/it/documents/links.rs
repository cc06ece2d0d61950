//! Every link from one file to another leads to a file and to a heading that are there; what a document says a test shows, is one.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use super::{files, root, text};

fn documents() -> Vec<String> {
    let mut documents = files("docs", ".md");
    documents.extend(["README.md".to_owned(), "CHANGELOG.md".to_owned()]);
    documents
}

/// The text without its code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_fence && !is_code
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// How a heading is addressed.
fn slug(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            letter if letter.is_alphanumeric() => Some(letter),
            _ => None,
        })
        .collect()
}

fn headings(text: &str) -> HashSet<String> {
    let text = prose(text);
    let lines = text.lines().filter(|line| line.starts_with('#'));
    lines
        .map(|line| slug(line.trim_start_matches('#')))
        .collect()
}

/// The path without its detours.
fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                straight.pop();
            }
            part => straight.push(part),
        }
    }
    straight
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("it is an expression");
    let mut broken = Vec::new();
    for document in documents() {
        let written = text(&document);
        for found in link.captures_iter(&prose(&written)) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(&document).parent().expect("it is in a folder");
            let path = if file.is_empty() {
                PathBuf::from(&document)
            } else {
                straight(&folder.join(file))
            };
            let full = root().join(&path);
            let is_there = full.exists();
            let has_heading = anchor.is_empty()
                || std::fs::read_to_string(&full)
                    .is_ok_and(|text| headings(&text).contains(anchor));
            if !is_there || !has_heading {
                broken.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "links that lead nowhere:\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_index_names_every_document() {
    let index = text("docs/README.md");
    for document in files("docs", ".md") {
        let inner = document.trim_start_matches("docs/");
        assert!(
            inner == "README.md" || index.contains(&format!("]({inner})")),
            "docs/README.md does not name {inner}"
        );
    }
}

#[test]
fn a_test_that_a_concept_names_is_in_the_file_it_names() {
    let named =
        Regex::new(r"\]\(([^)\s]+\.rs)\):((?:,? `[a-z0-9_]+`)+)").expect("it is an expression");
    let mut count = 0;
    for document in files("docs/concepts", ".md") {
        for found in named.captures_iter(&text(&document)) {
            let folder = Path::new(&document).parent().expect("it is in a folder");
            let path = straight(&folder.join(&found[1]));
            let source = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
            for name in found[2].split('`').skip(1).step_by(2) {
                assert!(
                    source.contains(name),
                    "{document}: {name} is not in {}",
                    path.display()
                );
                count += 1;
            }
        }
    }
    assert!(count > 30, "only {count} were found");
}
