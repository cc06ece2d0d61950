//! Writes to standard output and standard error.
//!
//! A reader that went away (`graph-mirror … | head`) is no error and no panic: the rest goes unsaid.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

/// One line to standard output.
pub(super) fn line(text: &str) {
    write(&mut io::stdout().lock(), text, true);
}

/// Text to standard output as it is.
pub(super) fn text(text: &str) {
    write(&mut io::stdout().lock(), text, false);
}

/// One JSON document to standard output, on one line.
pub(super) fn json<T: Serialize>(value: &T) {
    line(&serde_json::to_string(value).expect("reports have only string keys"));
}

/// Text to standard error.
pub(super) fn complain(text: &str) {
    write(&mut io::stderr().lock(), text, false);
}

/// A line for people to standard error: it never mixes with what a command reports.
pub(super) fn note(text: &str) {
    write(&mut io::stderr().lock(), text, true);
}

fn write(stream: &mut impl Write, text: &str, ends_line: bool) {
    let end: &[u8] = if ends_line { b"\n" } else { b"" };
    // Nobody is left to be told.
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.write_all(end))
        .and_then(|()| stream.flush());
}

/// A table of a few columns.
pub(super) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings.to_vec());
    for row in rows {
        table.add_row(row);
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    line(&lines.join("\n"));
}
