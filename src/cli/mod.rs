//! Commands for people and shells.
//!
//! One command a file. What a command reports goes to standard output, as a table or, with `--json`, as one
//! JSON document; everything else (log lines, progress, errors) goes to standard error. The exit code is 0
//! only for success, 1 for a failure or an answer that is no, 2 for settings or arguments that must be
//! repaired. A command that needs Graph leaves its wish in the database for the mailbox's home ([`wish`]).

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod ambience;
mod browser;
pub mod campaign;
mod completions;
mod config;
mod demo;
mod doctor;
mod health;
mod hints;
mod keys;
mod loopback;
mod mailboxes;
mod migrate;
mod openapi;
mod output;
mod place;
mod progress;
mod quarantine;
mod report;
mod sandbox;
mod sandbox_clock;
mod serve;
mod stop;
mod sync;
mod target;
mod tree;
mod verify;
mod wish;

pub use tree::reference;

use crate::telemetry;
use report::Failure;

const EXAMPLES: &str = "Examples:
  See it work, with nothing to set up:
    graph-mirror demo
  Write the settings, and see what is still missing:
    graph-mirror config --env-example > .env
    graph-mirror config
  Serve, and connect a first mailbox from another terminal:
    graph-mirror serve
    graph-mirror mailboxes connect --owner me
  Is the mirror equal to the mailbox?
    graph-mirror verify

Each command has examples of its own: graph-mirror COMMAND --help";

/// A true, queryable, near real-time copy of Microsoft 365 mailboxes and calendars in SQL
#[derive(Debug, Parser)]
#[command(
    name = "graph-mirror",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Demo(demo::DemoArgs),
    Sandbox(sandbox::Arguments),
    Health(health::Arguments),
    Campaign(campaign::Arguments),
    Mailboxes(mailboxes::Arguments),
    Sync(sync::Arguments),
    Verify(verify::Arguments),
    Doctor(doctor::Arguments),
    Quarantine(quarantine::Arguments),
    Keys(keys::Arguments),
    Migrate(migrate::Arguments),
    Config(config::Arguments),
    Openapi(openapi::Arguments),
    Completions(completions::Arguments),
}

/// How a command ended that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// All is well.
    Well,
    /// It was done, and the answer is no: a mirror is not equal, a service is not ready.
    Unequal,
    /// It was done, and something is broken.
    Broken,
    /// It was done, and the settings must be repaired.
    Unusable,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return report::show(&Failure::from(error)),
    };
    let ended = runtime.block_on(async {
        let ended = run(cli.command).await;
        telemetry::finish().await;
        ended
    });
    // A blocked thread of a library must not hold the command's end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Unequal | Ended::Broken) => ExitCode::from(1),
        Ok(Ended::Unusable) => ExitCode::from(2),
        Err(failure) => report::show(&failure),
    }
}

async fn run(command: Command) -> Result<Ended, Failure> {
    match command {
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Demo(arguments) => demo::run(&arguments).await,
        Command::Sandbox(arguments) => sandbox::run(arguments).await,
        Command::Health(arguments) => health::run(arguments).await,
        Command::Campaign(arguments) => campaign::run(arguments).await,
        Command::Mailboxes(arguments) => mailboxes::run(arguments).await,
        Command::Sync(arguments) => sync::run(arguments).await,
        Command::Verify(arguments) => verify::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(arguments).await,
        Command::Quarantine(arguments) => quarantine::run(arguments).await,
        Command::Keys(arguments) => keys::run(arguments).await,
        Command::Migrate(arguments) => migrate::run(arguments).await,
        Command::Config(arguments) => config::run(arguments).await,
        Command::Openapi(arguments) => openapi::run(&arguments),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
    }
}
