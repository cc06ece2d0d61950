//! The guides to the stack and to Kubernetes name only what there is.

use std::collections::BTreeSet;

use super::compose::FILE;
use super::files::{is_a_command, is_of_the_stack, is_ours, members, path, text, words, yaml};

const GUIDES: [&str; 2] = ["docs/guides/docker.md", "docs/guides/kubernetes.md"];

/// The commands of a guide's code blocks.
fn commands(guide: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text(guide).lines().map(str::trim) {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let command = line.split("  #").next().unwrap_or_default();
            found.push(command.trim().to_owned());
        }
    }
    assert!(!found.is_empty(), "{guide} shows no command");
    found
}

fn told(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_program_in_them_exists() {
    let mut count = 0;
    for guide in GUIDES {
        for command in commands(guide) {
            let words = told(&command);
            // The name of the service may stand before that of the program.
            let at = words.iter().rposition(|word| word == "graph-mirror");
            let Some(at) = at else { continue };
            if command.contains(" exec ") || command.contains(" run ") || at == 0 {
                is_a_command(&words[at + 1..]);
                count += 1;
            }
        }
    }
    assert!(count > 4, "{count} commands were found");
}

#[test]
fn every_service_and_profile_and_file_in_them_exists() {
    let stack = yaml(FILE).remove(0);
    let services = members(&stack["services"]);
    let is_service = |name: &str| services.iter().any(|(known, _)| *known == name);
    let profiles: BTreeSet<String> = services
        .iter()
        .flat_map(|(_, service)| words(&service["profiles"]))
        .collect();
    for command in GUIDES.into_iter().flat_map(commands) {
        let told = told(&command);
        for pair in told.windows(2) {
            assert!(
                pair[0] != "--profile" || profiles.contains(&pair[1]),
                "{command}"
            );
        }
        for act in ["exec", "logs", "restart"] {
            let Some(at) = told.iter().position(|word| word == act) else {
                continue;
            };
            let named = told[at + 1..].iter().find(|word| !word.starts_with('-'));
            assert!(
                !command.starts_with("docker compose") || named.is_none_or(|name| is_service(name)),
                "{command}"
            );
        }
        for word in &told {
            let is_file = word.starts_with("deploy/") || word.starts_with("scripts/");
            let is_object = word == "deploy/graph-mirror";
            assert!(!is_file || is_object || path(word).exists(), "{command}");
        }
    }
}

#[test]
fn every_variable_and_link_in_them_leads_somewhere() {
    let links = regex::Regex::new(r"\]\(([^)]+)\)").expect("the pattern is valid");
    for guide in GUIDES {
        let text = text(guide);
        for name in quoted(&text) {
            let is_a_variable = name.contains('_')
                && name
                    .chars()
                    .all(|letter| letter.is_ascii_uppercase() || letter == '_');
            assert!(
                !is_a_variable
                    || is_ours(&name)
                    || is_of_the_stack(&name)
                    || name.starts_with("COMPOSE_"),
                "{guide}: {name}"
            );
        }
        for link in links.captures_iter(&text) {
            let file = link[1].split('#').next().unwrap_or_default();
            assert!(
                file.contains("://") || path("docs/guides").join(file).exists(),
                "{guide}: {file}"
            );
        }
    }
}

/// The names that stand in backticks, without what they are set to.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(|inner| inner.split('=').next().unwrap_or_default().to_owned())
        .collect()
}
