//! The command: everything it does stands in the library.

use std::process::ExitCode;

/// Why this one: docs/decisions/0005.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    graph_mirror::cli::main()
}
