//! What can go wrong between us and the database.
//!
//! Callers decide on variants: a lost lease ends a home; a database that is busy, away, full or read-only is tried again later,
//! everything else is a fault of ours that somebody must look at. No message repeats its cause.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::chain::chain;
use crate::telemetry::metrics::table;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another home has claimed the mailbox; nothing was written.
    #[error("the lease on the mailbox has moved on")]
    LeaseLost,
    /// The database takes longer than a caller may be kept waiting; nothing is known to be written.
    #[error("the database does not answer in time: it is busy, or away")]
    Busy,
    /// The database cannot be reached, or the connection broke.
    #[error("the database cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    /// There is no room for what is to be written.
    #[error("the disk of the database is full: work goes on by itself once there is room")]
    DiskFull(#[source] sqlx::Error),
    /// The database can be read and not written: an administrator has said so, or it stands by for another.
    #[error("the database takes no writes at present: work goes on by itself once it does")]
    ReadOnly(#[source] sqlx::Error),
    /// The database lets us in and does not let us do this: the role lacks a privilege.
    #[error("the database does not allow this to the role that DATABASE_URL names")]
    Forbidden(#[source] sqlx::Error),
    /// Notices that were to be written together could not be.
    #[error("the notifications could not be made durable")]
    Notices(#[source] Arc<StoreError>),
    /// The address of the database makes no sense.
    #[error("the database address is not usable: {reason}")]
    Address {
        /// What is wrong with it; never the address itself, which may hold a password.
        reason: String,
        /// What was found while opening it, if it came that far.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The file of an SQLite database, or the folder it lives in, does not take writes from us.
    #[error("cannot write to {}", .path.display())]
    NotWritable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database was written by a later version of this program.
    #[error(
        "the schema has version {found}, this program knows {known}: use a later version of it"
    )]
    SchemaTooNew {
        /// The highest version found.
        found: i64,
        /// The highest version known.
        known: i64,
    },
    /// The schema lacks migrations.
    #[error(
        "the schema has version {found}, this program needs {known}: run `graph-mirror migrate`"
    )]
    SchemaTooOld {
        /// The highest version found; zero for none.
        found: i64,
        /// The highest version known.
        known: i64,
    },
    /// A row holds what no version of this program has written.
    #[error("column {column} holds something unreadable")]
    Unreadable {
        /// The column.
        column: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database refused a statement.
    #[error("the database refused a statement")]
    Refused(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether trying again later can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy | Self::Unreachable(_) | Self::DiskFull(_) | Self::ReadOnly(_) => true,
            Self::Notices(cause) => cause.is_transient(),
            _ => false,
        }
    }

    /// Whether a database that is being opened may still be starting: it does not answer, or says that it takes nobody yet.
    /// A wrong password, an unknown database or a file that cannot be opened is not mended by waiting.
    pub fn may_come_up(&self) -> bool {
        match self {
            Self::Busy | Self::Unreachable(sqlx::Error::Io(_)) => true,
            // Of the two databases only PostgreSQL has codes of five characters.
            Self::Unreachable(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.len() == 5)
            }
            _ => false,
        }
    }

    /// The error with its causes, on one line: the reason is in them.
    pub fn chain(&self) -> String {
        chain(self)
    }

    /// How long a caller of ours should wait before it tries again, when that can help.
    pub fn retry_after(&self) -> Option<Duration> {
        self.is_transient().then_some(Duration::from_secs(2))
    }
}

impl StoreError {
    /// Counts it, where it comes into being.
    pub(super) fn counted(self) -> Self {
        let kind = match &self {
            Self::Busy => "busy",
            Self::Unreachable(_) => "unreachable",
            Self::DiskFull(_) => "disk_full",
            Self::ReadOnly(_) => "read_only",
            _ => "refused",
        };
        table::DATABASE_ERRORS.count(&[kind]);
        self
    }

    fn of(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .map(std::borrow::Cow::into_owned);
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::Unreachable(error),
            sqlx::Error::Database(_) if code.as_deref().is_some_and(is_connection_code) => {
                Self::Unreachable(error)
            }
            sqlx::Error::Database(_) if code.as_deref().is_some_and(is_busy_code) => Self::Busy,
            sqlx::Error::Database(_) if code.as_deref().is_some_and(is_full_code) => {
                Self::DiskFull(error)
            }
            sqlx::Error::Database(_) if code.as_deref().is_some_and(is_read_only_code) => {
                Self::ReadOnly(error)
            }
            // PostgreSQL's insufficient privilege.
            sqlx::Error::Database(_) if code.as_deref() == Some("42501") => Self::Forbidden(error),
            _ => Self::Refused(error),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::of(error).counted()
    }
}

/// PostgreSQL's connection exceptions (08), operator interventions (57P), too many connections (53300), a
/// transaction ended for idling (25P03); SQLite's I/O error and failed opening, with their extended codes.
fn is_connection_code(code: &str) -> bool {
    if code.len() == 5 {
        return code.starts_with("08")
            || code.starts_with("57P")
            || code == "53300"
            || code == "25P03";
    }
    matches!(primary_code(code), Some(10 | 14))
}

/// Deadlock and serialization failures of PostgreSQL, locks of SQLite.
fn is_busy_code(code: &str) -> bool {
    matches!(code, "40P01" | "40001" | "55P03")
        || (code.len() != 5 && matches!(primary_code(code), Some(5 | 6)))
}

/// PostgreSQL's full disk, SQLite's.
fn is_full_code(code: &str) -> bool {
    code == "53100" || (code.len() != 5 && primary_code(code) == Some(13))
}

/// PostgreSQL's read-only transaction, SQLite's file that may not be written.
fn is_read_only_code(code: &str) -> bool {
    code == "25006" || (code.len() != 5 && primary_code(code) == Some(8))
}

fn primary_code(code: &str) -> Option<i64> {
    code.parse::<i64>().ok().map(|code| code & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        assert!(is_connection_code("08006"));
        assert!(is_connection_code("57P01"));
        assert!(is_connection_code("14"));
        assert!(is_connection_code("522"));
        assert!(!is_connection_code("23505"));
        assert!(is_busy_code("40P01"));
        assert!(is_busy_code("5"));
        assert!(is_busy_code("261"));
        assert!(!is_busy_code("1555"));
        assert!(is_full_code("53100"));
        assert!(is_full_code("13"));
        assert!(!is_full_code("53300"));
        assert!(is_read_only_code("25006"));
        assert!(is_read_only_code("1032"));
        assert!(!is_read_only_code("25P03"));
    }
}
