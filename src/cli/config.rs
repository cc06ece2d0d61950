//! `graph-mirror config`: what is in force, and the reference.

use clap::Args;

use super::ambience::Source;
use super::report::Failure;
use super::{Ended, output};
use crate::config::variables::{self, Variable};
use crate::config::{Environment, Settings, reference};

const EXAMPLES: &str = "Examples:
  What is in force, and all that is wrong:
    graph-mirror config
  A file to start from:
    graph-mirror config --env-example > .env
  Those of a file, as JSON:
    graph-mirror config --env-file production.env --json";

/// Show the settings in force without secrets, and everything that is wrong with them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Print the reference of all variables (docs/reference/configuration.md)
    #[arg(long, conflicts_with_all = ["env_example", "json"])]
    reference: bool,
    /// Print a file to start from (.env.example)
    #[arg(long, conflicts_with = "json")]
    env_example: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    if arguments.reference {
        output::text(&reference::markdown());
        return Ok(Ended::Well);
    }
    if arguments.env_example {
        output::text(&reference::env_example());
        return Ok(Ended::Well);
    }
    let environment = arguments.source.environment().await?;
    let settings = Settings::read(&environment);
    if arguments.json {
        let values: serde_json::Map<String, serde_json::Value> = variables::ALL
            .into_iter()
            .map(|variable| {
                (
                    variable.name.to_owned(),
                    shown(variable, &environment).into(),
                )
            })
            .collect();
        output::json(&values);
    } else {
        output::table(
            &["variable", "value", "from"],
            variables::ALL.into_iter().map(|variable| {
                let from = match (environment.get(variable.name), variable.default) {
                    (Some(_), _) => "set",
                    (None, Some(_)) => "default",
                    (None, None) => "",
                };
                let value = shown(variable, &environment).unwrap_or_else(|| "-".to_owned());
                vec![variable.name.to_owned(), value, from.to_owned()]
            }),
        );
    }
    settings?;
    Ok(Ended::Well)
}

/// The value in force, or that there is a secret one.
fn shown(variable: &Variable, environment: &Environment) -> Option<String> {
    let value = environment.get(variable.name).or(variable.default)?;
    if *variable == variables::DATABASE_URL {
        // An address that cannot be read may hold a password anywhere.
        return Some(
            crate::config::DatabaseUrl::parse(value)
                .map_or_else(|_| "(unreadable)".to_owned(), |url| url.to_string()),
        );
    }
    Some(if variable.is_secret {
        "(set)".to_owned()
    } else {
        value.to_owned()
    })
}
