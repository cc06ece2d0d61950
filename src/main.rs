//! The command: everything it does stands in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    graph_mirror::cli::main()
}
