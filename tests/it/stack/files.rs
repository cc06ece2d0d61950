//! Reads the files of the stack, and knows what the program has: variables, commands, paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use graph_mirror::config::variables;
use graph_mirror::subscriptions::address::{LIFECYCLE_PATH, NOTIFICATIONS_PATH};
use serde::Deserialize as _;
use serde_json::Value;

/// A file of the repository.
pub fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

/// Its text.
pub fn text(of: &str) -> String {
    std::fs::read_to_string(path(of)).unwrap_or_else(|error| panic!("{of}: {error}"))
}

/// The documents of a YAML file, their merge keys carried out.
pub fn yaml(of: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(&text(of))
        .map(|document| {
            let mut value = serde_yaml_ng::Value::deserialize(document).expect("it is YAML");
            // What is merged in may merge something itself.
            for _ in 0..3 {
                value.apply_merge().expect("mappings are merged");
            }
            serde_json::to_value(value).expect("its keys are texts")
        })
        .collect()
}

/// The texts of a list, or of a single text.
pub fn words(of: &Value) -> Vec<String> {
    let items = of.as_array().cloned().unwrap_or_default();
    items
        .iter()
        .map(|word| word.as_str().expect("a text").to_owned())
        .collect()
}

/// The members of a mapping.
pub fn members(of: &Value) -> Vec<(&str, &Value)> {
    of.as_object()
        .map(|map| map.iter().map(|(name, value)| (name.as_str(), value)))
        .into_iter()
        .flatten()
        .collect()
}

/// The lines of an environment file, as the program reads them.
pub fn environment(of: &str) -> BTreeMap<String, String> {
    let text = text(of);
    dotenvy::Iter::new(text.as_bytes())
        .map(|line| line.expect("a line of NAME=value"))
        .collect()
}

/// Whether the program reads a variable of this name.
pub fn is_ours(name: &str) -> bool {
    variables::ALL.iter().any(|variable| variable.name == name)
}

/// Whether the library that sends traces reads a variable of this name.
pub fn is_open_telemetrys(name: &str) -> bool {
    variables::OPEN_TELEMETRY
        .iter()
        .any(|variable| variable.name == name)
}

/// Whether the stack reads a variable of this name.
pub fn is_of_the_stack(name: &str) -> bool {
    variables::STACK
        .iter()
        .any(|variable| variable.name == name)
}

/// The commands of the program with their arguments, from the reference that is generated from them.
fn commands() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut command = String::new();
    for line in graph_mirror::cli::reference().lines() {
        if let Some(name) = line.strip_prefix("## graph-mirror ") {
            name.clone_into(&mut command);
            found.entry(command.clone()).or_default();
        } else if let Some(rest) = line.strip_prefix("| `") {
            let argument = rest.split(['`', ' ']).next().unwrap_or_default();
            found
                .entry(command.clone())
                .or_default()
                .insert(argument.to_owned());
        }
    }
    found
}

/// Fails unless the program knows these words, its own name not among them, as a command with its arguments.
pub fn is_a_command(told: &[String]) {
    let commands = commands();
    let plain: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .take_while(|word| !word.starts_with('-'))
        .collect();
    let known = (1..=plain.len())
        .rev()
        .find_map(|length| commands.get(&plain[..length].join(" ")))
        .unwrap_or_else(|| panic!("there is no command {told:?}"));
    for word in told.iter().filter(|word| word.starts_with("--")) {
        let name = word.split('=').next().unwrap_or_default();
        assert!(known.contains(name), "{told:?}: there is no {name}");
    }
}

/// Every path the program answers at.
pub fn paths() -> Vec<String> {
    let document = graph_mirror::api::document();
    let described = document.paths.paths.keys().cloned();
    described
        .chain([NOTIFICATIONS_PATH.to_owned(), LIFECYCLE_PATH.to_owned()])
        .collect()
}

/// Fills the places of a text the way Docker Compose does.
pub struct Filling<'a> {
    /// What is set.
    pub set: &'a BTreeMap<String, String>,
    /// The names that were asked for.
    pub asked: BTreeSet<String>,
}

impl Filling<'_> {
    /// `${NAME}`, `${NAME:-otherwise}` and `${NAME:?why it is needed}`; what follows may hold further places.
    pub fn fill(&mut self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("${") {
            filled.push_str(before);
            let end = closing(from);
            filled.push_str(&self.place(&from[..end])?);
            rest = &from[end + 1..];
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn place(&mut self, inner: &str) -> Result<String, String> {
        let end = inner.find(':').unwrap_or(inner.len());
        let (name, otherwise) = inner.split_at(end);
        self.asked.insert(name.to_owned());
        let set = self.set.get(name).filter(|value| !value.is_empty());
        match (set, otherwise.get(..2), otherwise.get(2..)) {
            (_, Some(":-"), Some(default)) => {
                // What is not used must be well written too, and counts as asked for.
                let default = self.fill(default)?;
                Ok(set.cloned().unwrap_or(default))
            }
            (Some(value), ..) => Ok(value.clone()),
            (None, Some(":?"), Some(why)) => Err(why.to_owned()),
            (None, ..) => Ok(String::new()),
        }
    }
}

/// Where the place ends whose inside begins the text.
fn closing(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    panic!("a place is not closed: {text}");
}

#[test]
fn places_are_filled_as_compose_does() {
    let set = BTreeMap::from([
        ("A".to_owned(), "one".to_owned()),
        ("EMPTY".to_owned(), String::new()),
    ]);
    let mut filling = Filling {
        set: &set,
        asked: BTreeSet::new(),
    };

    assert_eq!(
        filling.fill("${A}-${EMPTY:-x${A:-y}z}-${B:-}").as_deref(),
        Ok("one-xonez-")
    );
    assert_eq!(filling.fill("${C:?say C}"), Err("say C".to_owned()));
    assert_eq!(filling.asked.len(), 4);
}
