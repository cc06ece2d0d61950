//! `graph-mirror mailboxes`: who is connected, and how they fare.

use clap::{Args, Subcommand};

use super::{Ended, ambience, browser, keys, output, report, target, wish};
use report::Failure;

mod connect;
mod disconnect;
mod list;

/// List, connect and disconnect mailboxes
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Arguments),
    Connect(connect::Arguments),
    Disconnect(disconnect::Arguments),
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    match arguments.command {
        Command::List(arguments) => list::run(arguments).await,
        Command::Connect(arguments) => connect::run(arguments).await,
        Command::Disconnect(arguments) => disconnect::run(arguments).await,
    }
}
