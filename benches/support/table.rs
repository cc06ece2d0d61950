//! Tables as they go into `docs/performance.md`.
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

use std::fmt::Write as _;

/// A Markdown table, as it goes into `docs/performance.md`.
pub fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut text = String::new();
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    println!("{text}");
}
