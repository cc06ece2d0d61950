//! A progress bar with rate and time left, when somebody watches.

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

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

    /// A bar of so many mailboxes, none of them done.
    pub(super) fn of_mailboxes(message: impl Into<String>, total: usize) -> Self {
        let progress = Self::begin(message);
        progress.mailboxes_done(0, total);
        progress
    }

    /// So many mailboxes are done of so many.
    pub(super) fn mailboxes_done(&self, done: usize, total: usize) {
        self.count(
            u64::try_from(done).unwrap_or(u64::MAX),
            u64::try_from(total).unwrap_or(u64::MAX),
            mailboxes,
        );
    }

    /// So much is done of so much. A total that grows or is not known is no problem.
    pub(super) fn at(&self, done: u64, total: u64) {
        self.count(done, total, items);
    }

    fn count(&self, done: u64, total: u64, style: fn() -> ProgressStyle) {
        if total > 0 && self.0.length() != Some(total.max(done)) {
            if self.0.length().is_none() {
                self.0.set_style(style());
            }
            self.0.set_length(total.max(done));
        }
        self.0.set_position(done);
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

fn items() -> ProgressStyle {
    ProgressStyle::with_template(
        "{msg} {wide_bar:.green} {human_pos}/{human_len} {rate:.dim} {eta} left",
    )
    .expect("the template is valid")
    .with_key("rate", rate)
}

/// A rate without digits that nobody can read while they change.
pub(super) fn rate(state: &ProgressState, text: &mut dyn std::fmt::Write) {
    // A text in memory takes all of it.
    let _ = write!(text, "{:.0}/s", state.per_sec());
}

fn mailboxes() -> ProgressStyle {
    ProgressStyle::with_template(
        "{msg} {wide_bar:.green} {human_pos}/{human_len} mailboxes {rate:.dim} {eta} left",
    )
    .expect("the template is valid")
    .with_key("rate", rate)
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}").expect("the template is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_of_mailboxes_knows_its_end_from_the_start_and_one_of_items_when_it_is_told() {
        let mailboxes = Progress::of_mailboxes("comparing", 3);
        let items = Progress::begin("copying");

        assert_eq!((mailboxes.0.position(), mailboxes.0.length()), (0, Some(3)));
        assert_eq!(items.0.length(), None);
        mailboxes.mailboxes_done(2, 3);
        items.at(50, 40);

        assert_eq!((mailboxes.0.position(), mailboxes.0.length()), (2, Some(3)));
        assert_eq!((items.0.position(), items.0.length()), (50, Some(50)));
    }
}
