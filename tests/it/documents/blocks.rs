//! The code blocks of a document, and what may stand in each kind.
//!
//! The first word of a fence names the language, the second how the block is run: see [`Kind`].

use super::{files, text};

/// A code block.
pub struct Block {
    /// The words after the fence.
    pub info: String,
    /// What stands in it, without the indentation of the list it may stand in.
    pub text: String,
    /// Where it stands.
    pub place: String,
}

/// How a block of shell is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `sh`: one after the other, in one shell.
    Plain,
    /// `sh background`: in a terminal of its own, until the end.
    Background,
    /// `sh sign-in`: it prints a link, and a person opens it and signs in.
    SignIn,
    /// `sh stopped`: while the service is stopped.
    Stopped,
    /// `sh typescript`: where a Node is that runs TypeScript.
    TypeScript,
    /// `sh postgres`: on PostgreSQL.
    Postgres,
}

impl Block {
    /// How it is run; none when it is no shell.
    pub fn kind(&self) -> Option<Kind> {
        let mut words = self.info.split_whitespace();
        if words.next() != Some("sh") {
            return None;
        }
        Some(match words.next() {
            None => Kind::Plain,
            Some("background") => Kind::Background,
            Some("sign-in") => Kind::SignIn,
            Some("stopped") => Kind::Stopped,
            Some("typescript") => Kind::TypeScript,
            Some("postgres") => Kind::Postgres,
            Some(other) => panic!("{}: `sh {other}` says how to run what?", self.place),
        })
    }
}

/// The blocks of a document.
pub fn blocks(path: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    for (number, line) in text(path).lines().enumerate() {
        let inner = line.trim_start();
        let indent = line.len() - inner.len();
        match (open.take(), inner.strip_prefix("```")) {
            (None, None) => {}
            (None, Some(info)) => {
                let block = Block {
                    info: info.trim().to_owned(),
                    text: String::new(),
                    place: format!("{path}:{}", number + 1),
                };
                open = Some((block, indent));
            }
            (Some((mut block, outer)), None) => {
                block.text.push_str(&line[outer.min(indent)..]);
                block.text.push('\n');
                open = Some((block, outer));
            }
            (Some((block, _)), Some(_)) => found.push(block),
        }
    }
    assert!(open.is_none(), "{path}: a block does not end");
    found
}

/// Documents whose blocks are run: all guides, and the README.
pub fn documents() -> Vec<String> {
    let mut documents = files("docs/guides", ".md");
    documents.push("README.md".to_owned());
    documents
}

/// What runs only outside: a block of these is for reading.
const OUTSIDE: &[&str] = &[
    "apt",
    "apt-get",
    "brew",
    "cargo",
    "docker",
    "git",
    "journalctl",
    "kubectl",
    "ngrok",
    "openssl",
    "scripts/test",
    "scripts/tunnel",
    "sudo",
    "systemctl",
];

/// Languages of blocks that are read, not run.
const READ: &[&str] = &["ini", "json", "sql", "text", "ts", "yaml", ""];

#[test]
fn what_is_not_run_is_only_what_cannot_be() {
    for document in documents() {
        for block in blocks(&document) {
            let place = &block.place;
            if block.info == "console" {
                for line in block.text.lines().map(str::trim) {
                    let program = line.split_whitespace().next().unwrap_or("#");
                    assert!(
                        program.starts_with('#') || OUTSIDE.contains(&program),
                        "{place}: `{program}` can be run by a test: make it a block of `sh`"
                    );
                }
            } else if block.kind().is_none() {
                assert!(
                    READ.contains(&block.info.as_str()),
                    "{place}: is `{}` run or read?",
                    block.info
                );
            }
        }
    }
}

#[test]
fn each_guide_begins_with_its_end_and_how_long_it_takes() {
    for guide in files("docs/guides", ".md") {
        let text = text(&guide);
        let first = text.split("\n\n").nth(1).unwrap_or_default();

        assert!(first.starts_with("At the end of this guide"), "{guide}");
        let tells = ["minute", "hour"].iter().any(|unit| first.contains(unit));
        assert!(tells, "{guide} does not say how long it takes: {first}");
    }
}
