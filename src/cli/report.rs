//! Tells a person what failed: the error, its causes, and the way out.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::app::AppError;
use crate::config::ConfigError;
use crate::store::StoreError;

use super::output;

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
            .or_else(|| self.error.chain().find_map(known_hint))
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

fn known_hint(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if cause.is::<ConfigError>() {
        return Some(
            "set the variables in the environment or in .env; docs/reference/configuration.md describes them".to_owned(),
        );
    }
    if let Some(hint) = cause.downcast_ref::<AppError>().and_then(AppError::hint) {
        return Some(hint);
    }
    let hint = match cause.downcast_ref::<StoreError>()? {
        StoreError::Unreachable(_) => {
            "check DATABASE_URL, and that the database runs and can be reached from here"
        }
        StoreError::Address { .. } => {
            "set DATABASE_URL to sqlite://path/to/file.db or postgres://user:password@host/database"
        }
        StoreError::NotWritable { .. } => {
            "give the user that runs graph-mirror the right to write there (a volume must be mounted writable, and belong to that \
             user), or set DATABASE_URL to a file elsewhere"
        }
        StoreError::SchemaTooOld { .. } => {
            "run `graph-mirror migrate`, or start `graph-mirror serve`, which does it"
        }
        StoreError::SchemaTooNew { .. } => {
            "use the version of graph-mirror that wrote this database, or a later one"
        }
        StoreError::Busy => "try again in a moment",
        StoreError::DiskFull(_) => "make room on the disk of the database",
        StoreError::ReadOnly(_) => {
            "point DATABASE_URL at the primary, or end its read-only mode; a file of SQLite must be writable for us"
        }
        _ => return None,
    };
    Some(hint.to_owned())
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
