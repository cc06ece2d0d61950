//! Writes the reference of commands from the commands themselves.

use std::fmt::Write;

use clap::{Command, CommandFactory};

use super::Cli;

/// The text of `docs/reference/commands.md`.
pub fn reference() -> String {
    let mut text = String::from(
        "# Commands\n\n\
         What a command reports goes to standard output: for people, or as one JSON document with `--json`. Log lines, \
         progress and errors go to standard error. The exit code is 0 only for success, 1 for a failure, a mirror that \
         is not equal or a service that is not ready, 2 for settings or arguments that must be repaired.\n\n\
         This page is generated: `graph-mirror openapi --commands` prints it, and a test compares the two.\n",
    );
    let mut root = Cli::command()
        .term_width(100)
        .disable_help_subcommand(true)
        .disable_help_flag(true);
    root.build();
    for command in root.get_subcommands() {
        describe(&mut text, command, "graph-mirror");
    }
    text
}

fn describe(text: &mut String, command: &Command, parent: &str) {
    if command.get_name() == "help" {
        return;
    }
    let name = format!("{parent} {}", command.get_name());
    let about = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    let about = about.trim_end_matches('.');
    let inner: Vec<&Command> = command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
        .collect();
    if !inner.is_empty() {
        for command in inner {
            describe(text, command, &name);
        }
        return;
    }
    let _ = write!(text, "\n## {name}\n\n{about}.\n");
    examples(text, command);
    let arguments: Vec<_> = command
        .get_arguments()
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        .collect();
    if arguments.is_empty() {
        return;
    }
    text.push_str("\n| argument | what it does |\n| --- | --- |\n");
    for argument in arguments {
        let values = argument
            .get_value_names()
            .filter(|_| argument.get_action().takes_values())
            .map(|names| {
                names
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            });
        let shown = match (argument.get_long(), values) {
            (Some(long), Some(values)) => format!("--{long} {values}"),
            (Some(long), None) => format!("--{long}"),
            (None, Some(values)) => values,
            (None, None) => argument.get_id().to_string(),
        };
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let defaults: Vec<String> = argument
            .get_default_values()
            .iter()
            .filter(|_| argument.get_action().takes_values())
            .map(|value| value.to_string_lossy().into_owned())
            .collect();
        let default = if defaults.is_empty() {
            String::new()
        } else {
            format!("; default `{}`", defaults.join(" "))
        };
        let required = if argument.is_required_set() {
            "; required"
        } else {
            ""
        };
        let _ = writeln!(text, "| `{shown}` | {help}{default}{required} |");
    }
}

/// The examples of a command's help, as a shell would take them.
fn examples(text: &mut String, command: &Command) {
    let Some(help) = command.get_after_help() else {
        return;
    };
    text.push_str("\n```sh\n");
    for line in help.to_string().lines().skip(1) {
        let _ = match line.strip_prefix("    ") {
            Some(command) => writeln!(text, "{command}"),
            None => writeln!(text, "# {}", line.trim().trim_end_matches(':')),
        };
    }
    text.push_str("```\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command that does something, with the names that lead to it.
    fn leaves() -> Vec<(Vec<String>, Command)> {
        fn walk(path: &[String], command: &Command, found: &mut Vec<(Vec<String>, Command)>) {
            let inner: Vec<&Command> = command
                .get_subcommands()
                .filter(|inner| inner.get_name() != "help")
                .collect();
            if inner.is_empty() {
                found.push((path.to_vec(), command.clone()));
            }
            for command in inner {
                let mut path = path.to_vec();
                path.push(command.get_name().to_owned());
                walk(&path, command, found);
            }
        }
        let mut found = Vec::new();
        walk(&[], &Cli::command(), &mut found);
        found
    }

    /// The command lines of a help's examples.
    fn lines(command: &Command) -> Vec<String> {
        let help = command.get_after_help().map(ToString::to_string);
        help.unwrap_or_default()
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .map(str::to_owned)
            .collect()
    }

    /// The words that the program is given by a line of a shell.
    fn words(line: &str) -> Vec<String> {
        let start = line.find("graph-mirror").expect("it is ours");
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        for letter in line[start..].chars() {
            match (quote, letter) {
                (None, '|' | '>' | '<' | ')' | '#') => break,
                (None, '"' | '\'') => quote = Some(letter),
                (Some(open), _) if open == letter => quote = None,
                (None, ' ') => words.push(std::mem::take(&mut word)),
                _ => word.push(letter),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        words
    }

    /// The names of the commands that a line leads to.
    fn led_to(line: &str) -> Vec<String> {
        let matches = Cli::command().try_get_matches_from(words(line));
        let matches = matches.unwrap_or_else(|error| panic!("`{line}` is not understood: {error}"));
        let mut path = Vec::new();
        let mut inner = matches.subcommand();
        while let Some((name, matches)) = inner {
            path.push(name.to_owned());
            inner = matches.subcommand();
        }
        path
    }

    #[test]
    fn every_command_teaches_by_examples_that_it_understands() {
        for (path, command) in leaves() {
            let lines = lines(&command);
            assert!(lines.len() >= 2, "{path:?} has {} examples", lines.len());
            for line in lines {
                assert_eq!(led_to(&line), path, "`{line}`");
            }
        }
        let first_steps = lines(&Cli::command());
        assert!(first_steps.len() >= 4);
        for line in first_steps {
            assert!(!led_to(&line).is_empty(), "`{line}`");
        }
    }

    #[test]
    fn a_line_is_taken_apart_as_a_shell_does() {
        let taken = words("X=1 graph-mirror keys api create --label \"a b\" | jq '.x'");

        assert_eq!(
            taken,
            ["graph-mirror", "keys", "api", "create", "--label", "a b"]
        );
        assert_eq!(
            words("source <(graph-mirror completions bash)"),
            ["graph-mirror", "completions", "bash"]
        );
    }

    #[test]
    fn what_reports_something_does_so_in_json_too() {
        // The first serves until it is stopped, the others print a document of their own.
        let without: [&[&str]; 3] = [&["serve"], &["openapi"], &["completions"]];
        for (path, command) in leaves() {
            let has_json = command
                .get_arguments()
                .any(|argument| argument.get_long() == Some("json"));
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            assert_eq!(has_json, !without.contains(&path.as_slice()), "{path:?}");
        }
    }

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_reference_of_commands_is_up_to_date() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/commands.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();

        assert_eq!(
            committed,
            reference(),
            "docs/reference/commands.md is out of date: keep the output of `graph-mirror openapi --commands` there"
        );
    }
}
