//! `graph-mirror completions`: what a shell needs to complete commands and their arguments.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Ended, output};

const EXAMPLES: &str = "Examples:
  Bash, for this session:
    source <(graph-mirror completions bash)
  Bash, for good:
    graph-mirror completions bash > ~/.local/share/bash-completion/completions/graph-mirror
  Zsh, in a folder of fpath:
    graph-mirror completions zsh > ~/.zfunc/_graph-mirror
  Fish:
    graph-mirror completions fish > ~/.config/fish/completions/graph-mirror.fish";

/// Print a script that has a shell complete commands and arguments
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "graph-mirror",
        &mut script,
    );
    output::text(&String::from_utf8_lossy(&script));
    Ended::Well
}
