//! Tells a person what failed: the error, its causes, and the way out.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::config::ConfigError;

use super::{hints, output};

/// A command that could not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// A failure with a sentence of its own.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            error: anyhow::Error::msg(text.into()),
            hint: None,
        }
    }

    /// A failure from glue code.
    pub(super) fn of(error: anyhow::Error) -> Self {
        Self { error, hint: None }
    }

    /// Says what was being done when it failed.
    pub(super) fn while_doing(self, what: impl Into<String>) -> Self {
        Self {
            error: self.error.context(what.into()),
            hint: self.hint,
        }
    }

    /// Adds the way out.
    pub(super) fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// 2 where settings must be repaired, 1 otherwise.
    fn exit_code(&self) -> u8 {
        if self
            .error
            .chain()
            .any(<dyn std::error::Error>::is::<ConfigError>)
        {
            2
        } else {
            1
        }
    }

    fn hint(&self) -> Option<String> {
        self.hint
            .clone()
            .or_else(|| self.error.chain().find_map(hints::of))
    }

    /// The error, its causes and the hint, as they are shown.
    fn text(&self) -> String {
        let mut text = format!("error: {}\n", self.error);
        for cause in self.error.chain().skip(1) {
            let _ = writeln!(text, "  caused by: {cause}");
        }
        if let Some(hint) = self.hint() {
            let _ = write!(text, "\nhint: {hint}\n");
        }
        text
    }
}

/// Any error can end a command; this type is none itself, so that it is never wrapped in another.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: anyhow::Error::new(error),
            hint: None,
        }
    }
}

/// Shows a failure and gives the exit code.
pub(super) fn show(failure: &Failure) -> ExitCode {
    output::complain(&failure.text());
    ExitCode::from(failure.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Settings};
    use crate::store::StoreError;

    #[test]
    fn bad_settings_exit_with_2_and_name_every_variable() {
        let error = Settings::read(&Environment::default()).expect_err("three are missing");

        let failure = Failure::from(error);

        assert_eq!(failure.exit_code(), 2);
        let text = failure.text();
        for name in [
            "MICROSOFT_CLIENT_ID",
            "MICROSOFT_CLIENT_SECRET",
            "OAUTH_ENCRYPTION_KEY",
            "hint: ",
        ] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn causes_stand_below_the_error_and_the_hint_below_them() {
        let failure = Failure::from(StoreError::Busy).while_doing("could not list the mailboxes");

        assert_eq!(
            failure.text(),
            "error: could not list the mailboxes\n  caused by: the database does not answer in time: it is busy, or away\n\n\
             hint: try again in a moment\n"
        );
        assert_eq!(failure.exit_code(), 1);
    }
}
