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
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;

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
