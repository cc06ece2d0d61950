//! The command: everything it does stands in the library.

use std::process::ExitCode;

/// See `Cargo.toml`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    graph_mirror::cli::main()
}
