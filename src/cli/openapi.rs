//! `graph-mirror openapi`: the description of the API.

use clap::Args;

use super::report::Failure;
use super::{Ended, output};
use crate::api;
use crate::telemetry::metrics;

const EXAMPLES: &str = "Examples:
  For a generator of clients:
    graph-mirror openapi > openapi.json
  The endpoints and problems, to read:
    graph-mirror openapi --reference | less
  The commands:
    graph-mirror openapi --commands";

/// Print the OpenAPI description of the API (docs/openapi.json)
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Print the reference of endpoints instead (docs/reference/endpoints.md)
    #[arg(long, conflicts_with_all = ["problems", "commands"])]
    reference: bool,
    /// Print the reference of problems instead (docs/reference/problems.md)
    #[arg(long, conflicts_with = "commands")]
    problems: bool,
    /// Print the reference of commands instead (docs/reference/commands.md)
    #[arg(long)]
    commands: bool,
    /// Print the reference of metrics instead (docs/reference/metrics.md)
    #[arg(long, conflicts_with_all = ["commands", "reference"])]
    metrics: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ended, Failure> {
    if arguments.reference {
        output::text(&api::reference());
    } else if arguments.problems {
        output::text(&api::problems());
    } else if arguments.metrics {
        output::text(&metrics::reference());
    } else if arguments.commands {
        output::text(&super::reference());
    } else {
        output::line(&api::document().to_pretty_json()?);
    }
    Ok(Ended::Well)
}
