//! A progress bar with rate and time left, when somebody watches.

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that is drawn only on a terminal and never mixes with what a command reports.
#[derive(Debug, Clone)]
pub(super) struct Progress(ProgressBar);

/// The one screen there is: a log line must be able to ask the bars on it to step aside.
static SCREEN: LazyLock<MultiProgress> = LazyLock::new(|| {
    MultiProgress::with_draw_target(if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(10)
    } else {
        ProgressDrawTarget::hidden()
    })
});

/// Writes a log line to standard error, the bars stepping aside for it.
pub(super) fn beside_the_bars(line: &[u8]) {
    SCREEN.suspend(|| {
        // Nobody is left to be told.
        let _ = io::stderr().lock().write_all(line);
    });
}

impl Progress {
    /// A bar whose end is not known yet.
    pub(super) fn begin(message: impl Into<String>) -> Self {
        let bar = SCREEN.add(
            ProgressBar::no_length()
                .with_style(spinner())
                .with_message(message.into()),
        );
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// So much is done of so much. A total that grows or is not known is no problem.
    pub(super) fn at(&self, done: u64, total: u64) {
        if total > 0 && self.0.length() != Some(total.max(done)) {
            if self.0.length().is_none() {
                self.0.set_style(bar());
            }
            self.0.set_length(total.max(done));
        }
        self.0.set_position(done);
    }

    /// What is being done now.
    pub(super) fn say(&self, message: impl Into<String>) {
        self.0.set_message(message.into());
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn bar() -> ProgressStyle {
    ProgressStyle::with_template(
        "{msg} {wide_bar:.green} {human_pos}/{human_len} {per_sec:.dim} {eta} left",
    )
    .expect("the template is valid")
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}").expect("the template is valid")
}
