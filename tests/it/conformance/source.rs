//! Finds the tests in a source text, and the numbers they name.
//!
//! It knows Rust as rustfmt writes it: a test ends with the first closing line that stands as deep as its first one.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// One of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number {
    /// `M`, `R` or `S`.
    pub letter: char,
    pub number: u32,
}

impl Number {
    pub fn read(text: &str) -> Option<Self> {
        let letter = text.chars().next()?;
        let number = text.get(1..)?.parse().ok()?;
        Some(Self { letter, number })
    }
}

/// A test and what it names.
pub struct Test {
    pub name: String,
    pub numbers: BTreeSet<Number>,
}

/// Every test of a source text.
pub fn tests_in(source: &str) -> Vec<Test> {
    let lines: Vec<&str> = source.lines().collect();
    let mut tests = Vec::new();
    let mut above = 0;
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim_start();
        if line.starts_with("//") || line.starts_with("#[") {
            at += 1;
            continue;
        }
        let Some(name) = name_of(&lines, above, at) else {
            at += 1;
            above = at;
            continue;
        };
        let end = end_of(&lines, at);
        let numbers = numbers_in(name, &lines[above..=end]);
        tests.push(Test {
            name: name.to_owned(),
            numbers,
        });
        at = end + 1;
        above = at;
    }
    tests
}

/// The name of the test that begins at a line; `above` is where its comments and attributes begin.
fn name_of<'a>(lines: &[&'a str], above: usize, at: usize) -> Option<&'a str> {
    let line = lines[at].trim_start();
    let both = ["on_both!(", "on_both_stores!("];
    if let Some(rest) = both.iter().find_map(|start| line.strip_prefix(start)) {
        let named = if rest.is_empty() {
            lines.get(at + 1)?.trim_start()
        } else {
            rest
        };
        return named.split_once(',').map(|(name, _)| name);
    }
    let function = line
        .strip_prefix("async ")
        .unwrap_or(line)
        .strip_prefix("fn ")?;
    let is_test = lines[above..at]
        .iter()
        .map(|line| line.trim_start())
        .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
    let (name, _) = function.split_once('(')?;
    is_test.then_some(name)
}

fn end_of(lines: &[&str], at: usize) -> usize {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let closes = |line: &str| line.trim_start().starts_with(['}', ')']);
    let last = lines.len() - 1;
    (at + 1..last)
        .find(|end| {
            closes(lines[*end])
                && depth(lines[*end]) == depth(lines[at])
                && !lines[*end].ends_with('{')
        })
        .unwrap_or(last)
}

fn numbers_in(name: &str, lines: &[&str]) -> BTreeSet<Number> {
    static NAMED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?:^|_)([mrs])(\d{1,2})(?:_|$)").expect("a pattern"));
    static SAID: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\b([MRS])(\d{1,2})(?: to [MRS]?(\d{1,2}))?\b").expect("a pattern")
    });
    let mut numbers = BTreeSet::new();
    for found in NAMED.captures_iter(name) {
        numbers.extend(Number::read(&format!(
            "{}{}",
            found[1].to_uppercase(),
            &found[2]
        )));
    }
    for line in lines {
        // A comment, or the first words of what a failing assertion says.
        let comment = line.find("//").map(|place| &line[place..]);
        let message = line
            .find('"')
            .map(|place| &line[place..])
            .filter(|text| SAID.find(text).is_some_and(|found| found.start() == 1));
        for text in [comment, message].into_iter().flatten() {
            for found in SAID.captures_iter(text) {
                let letter = found[1].chars().next().expect("one letter");
                let first: u32 = found[2].parse().expect("digits");
                let last = found
                    .get(3)
                    .map_or(first, |last| last.as_str().parse().expect("digits"));
                numbers.extend((first..=last).map(|number| Number { letter, number }));
            }
        }
    }
    numbers
}

#[test]
fn tests_are_found_by_their_attributes_and_macros() {
    let source = "
/// Not a test.
fn helper() {
    // M1
}

// M2
#[test]
fn one() {
    assert!(true, \"M3: as it should\");
    if x {
    }
}

on_both!(two, |backend| {
    // M4, S10 to S12
});

on_both_stores!(
    s09_three,
    |store, clock| {
        // nothing
    }
);
";
    let found: Vec<(String, Vec<String>)> = tests_in(source)
        .into_iter()
        .map(|test| {
            let numbers = test.numbers.iter();
            let numbers = numbers.map(|number| format!("{}{}", number.letter, number.number));
            (test.name, numbers.collect())
        })
        .collect();

    let expected: [(&str, &[&str]); 3] = [
        ("one", &["M2", "M3"]),
        ("two", &["M4", "S10", "S11", "S12"]),
        ("s09_three", &["S9"]),
    ];
    for ((name, numbers), (test, wanted)) in found.iter().zip(expected) {
        assert_eq!(
            (name.as_str(), numbers.as_slice()),
            (
                test,
                wanted
                    .iter()
                    .map(|text| (*text).to_owned())
                    .collect::<Vec<_>>()
                    .as_slice()
            )
        );
    }
    assert_eq!(found.len(), 3);
}
