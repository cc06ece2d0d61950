//! What a person sees of the demo: a bar while mailboxes are copied and compared, a line for each change.
//!
//! With `--json` nothing is drawn; progress goes to standard error and only where a terminal watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::delays::Seen;
use crate::cli::output;
use crate::cli::progress::rate;

/// The screen.
pub struct View {
    is_quiet: bool,
    bar: Option<ProgressBar>,
}

impl View {
    /// `is_quiet` when a program reads the outcome.
    pub fn new(is_quiet: bool) -> Self {
        Self {
            is_quiet,
            bar: None,
        }
    }

    /// A line about what happens now.
    pub fn say(&self, line: &str) {
        if self.is_quiet {
            return;
        }
        match &self.bar {
            // The bar steps aside for it.
            Some(bar) => bar.suspend(|| output::line(line)),
            None => output::line(line),
        }
    }

    /// Shows how far the copy is; both numbers may grow.
    pub fn copying(&mut self, done: u64, of: u64) {
        self.show("copying", "items", done, of);
    }

    /// Shows how many mailboxes were compared with their copies.
    pub fn comparing(&mut self, done: usize, of: usize) {
        let count = |number| u64::try_from(number).unwrap_or(u64::MAX);
        self.show("comparing", "mailboxes", count(done), count(of));
    }

    fn show(&mut self, what: &str, unit: &str, done: u64, of: u64) {
        let bar = self.bar.get_or_insert_with(|| {
            // It draws on standard error, and not at all where no terminal watches.
            let bar = ProgressBar::new(of);
            let style = ProgressStyle::with_template(&format!(
                "  {what} {{bar:32.cyan}} {{human_pos}}/{{human_len}} {unit}  {{rate}}  {{eta}} left"
            ))
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("rate", rate);
            bar.set_style(style);
            bar
        });
        bar.set_length(of.max(done));
        bar.set_position(done);
    }

    /// What was shown by a bar is done.
    pub fn done(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// A change has become a row.
    pub fn seen(&self, seen: &Seen) {
        self.say(&format!(
            "  {:>8}  {:<18}  {}",
            millis(seen.delay),
            seen.who,
            seen.what
        ));
    }
}

/// `12.3 ms`, `1.20 s`.
pub fn millis(delay: Duration) -> String {
    let millis = delay.as_secs_f64() * 1000.0;
    if millis < 1000.0 {
        format!("{millis:.1} ms")
    } else {
        format!("{:.2} s", millis / 1000.0)
    }
}
