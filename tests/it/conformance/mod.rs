//! `docs/reference/conformance.md` says which test shows which number: what a correct mirror must do (M), the races it must
//! survive (R), what the sandbox must reproduce (S).
//!
//! A test says its numbers in its name (`r05_…`), in a comment above it or inside of it, or in what it says when it fails.
//! A number without a test fails here, unless it is listed as open with the reason.

mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use source::{Number, tests_in};

/// What each number asks for, one a line.
const NUMBERS: &str = include_str!("numbers.txt");

/// What is still to come, and why. A number may have tests for a part of it all the same.
const OPEN: &[(&str, &str)] = &[];

const HEAD: &str = "# What is promised, and the tests that show it

<!-- Written by the tests: `UPDATE_REFERENCE=1 scripts/test --test it conformance` -->

M numbers are what a correct mirror must do, R numbers the races it must survive, S numbers what the sandbox must reproduce.
";

/// The tests that show a number, by file.
type Shown = BTreeMap<Number, BTreeMap<String, Vec<String>>>;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    for entry in entries {
        let path = entry.expect("it can be read").path();
        // The tests of this table speak of numbers that they don't show.
        if path.ends_with("tests/it/conformance") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn shown() -> Shown {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    files.sort();
    let mut shown = Shown::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("it is text");
        let name = file.strip_prefix(root).expect("it is inside");
        let name = name.to_string_lossy().replace('\\', "/");
        for test in tests_in(&text) {
            for number in test.numbers {
                let of_number = shown.entry(number).or_default();
                of_number
                    .entry(name.clone())
                    .or_default()
                    .push(test.name.clone());
            }
        }
    }
    shown
}

#[test]
fn every_number_has_its_test_and_the_reference_says_which() {
    let shown = shown();
    let mut text = HEAD.to_owned();
    let mut without = Vec::new();
    let mut letter = ' ';
    for line in NUMBERS.lines() {
        let (name, meaning) = line.split_once(' ').expect("a number and what it means");
        let number = Number::read(name).expect("a number");
        if number.letter != letter {
            letter = number.letter;
            let title = match letter {
                'M' => "What a correct mirror must do",
                'R' => "The races",
                _ => "What the sandbox reproduces",
            };
            let _ = write!(
                text,
                "\n## {title}\n\n| number | what | shown by |\n| --- | --- | --- |\n"
            );
        }
        let open = OPEN.iter().find(|(open, _)| *open == name);
        let tests = shown.get(&number);
        if tests.is_none() && open.is_none() {
            without.push(name);
        }
        let mut cells: Vec<String> = open
            .iter()
            .map(|(_, why)| format!("*open: {why}*"))
            .collect();
        for (file, tests) in tests.into_iter().flatten() {
            let names: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
            cells.push(format!("[{file}](../../{file}): {}", names.join(", ")));
        }
        let meaning = meaning.replace('|', "\\|");
        let _ = writeln!(text, "| {name} | {meaning} | {} |", cells.join("<br>"));
    }
    assert!(
        without.is_empty(),
        "no test names {without:?}: write the number into the comment of the test that shows it"
    );

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/conformance.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&file, &text).expect("it is written");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "tests have changed: UPDATE_REFERENCE=1 scripts/test --test it conformance"
    );
}
