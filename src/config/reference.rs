//! Writes the reference of the settings and the example file from the catalogue.

use std::fmt::Write;

use super::variables::{ALL, OPEN_TELEMETRY, STACK, Section, Variable};

fn of_section(section: Section) -> impl Iterator<Item = &'static Variable> {
    ALL.into_iter()
        .chain(OPEN_TELEMETRY)
        .chain(STACK)
        .filter(move |variable| variable.section == section)
}

/// The text of `docs/reference/configuration.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         graph-mirror is configured by environment variables. A `.env` file in the present folder or one above it may hold \
         them; the environment goes before the file, and an empty variable counts as not set. Every problem is reported at \
         once, each with its variable and the remedy, with exit code 2. `graph-mirror config` shows what is in force, \
         without secrets.\n\n\
         This page is generated: `graph-mirror config --reference` prints it, and a test compares the two.\n",
    );
    for section in Section::ALL {
        let _ = write!(text, "\n## {}\n\n", section.title());
        if section == Section::Traces {
            text.push_str(
                "For a binary that was built with the feature `otel` (docs/guides/traces.md). All but the first are read by \
                 OpenTelemetry's own library, from the environment of the process and not from a `.env` file; with Docker Compose they \
                 may stand in `.env`.\n\n",
            );
        }
        if section == Section::Stack {
            text.push_str(
                "`docker-compose.yml` reads these from the same `.env`, the program does not \
                 (docs/guides/docker.md).\n\n",
            );
        }
        text.push_str("| variable | default | what it means |\n| --- | --- | --- |\n");
        for variable in of_section(section) {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} |",
                variable.name,
                default_of(variable),
                variable.meaning
            );
        }
    }
    text
}

fn default_of(variable: &Variable) -> String {
    match variable.default {
        Some(default) => format!("`{default}`"),
        None if variable.is_required => "required".to_owned(),
        None => "unset".to_owned(),
    }
}

/// The text of `.env.example`: what must be filled in stands open, the rest as a comment with its default.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Settings of graph-mirror. Copy this file to .env and fill in what stands open.\n\
         # What the variables mean: docs/reference/configuration.md. The app registration: docs/guides/entra-app.md.\n",
    );
    for section in Section::ALL {
        let _ = write!(text, "\n# {}\n", section.title());
        if section == Section::Traces {
            text.push_str(
                "# All but the first count in the environment of the process only, where docker-compose.yml puts them: \
                 docs/guides/traces.md.\n",
            );
        }
        if section == Section::Stack {
            text.push_str("# Only docker-compose.yml reads these: docs/guides/docker.md.\n");
        }
        for variable in of_section(section) {
            if variable.is_required {
                let _ = writeln!(text, "{}=", variable.name);
            } else {
                let _ = writeln!(
                    text,
                    "#{}={}",
                    variable.name,
                    variable.default.unwrap_or(variable.example)
                );
            }
        }
    }
    text
}
