//! Where the mirror is kept.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::reader::{Reader, duration, number};
use super::variables::{DATABASE_POOL_SIZE, DATABASE_URL, DATABASE_WAIT};

/// Where the mirror is kept.
#[derive(Debug, Clone)]
pub struct Database {
    /// The address.
    pub url: DatabaseUrl,
    /// Connections to PostgreSQL at most; SQLite has one writer and four readers.
    pub pool_size: u32,
    /// How long the service waits at its start for a PostgreSQL that cannot be reached yet.
    pub wait: Duration,
}

impl Database {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let url = reader.read(&DATABASE_URL, DatabaseUrl::parse);
        let pool_size = reader.read(&DATABASE_POOL_SIZE, |text| number(text, 2, 1_000));
        let wait = reader.read(&DATABASE_WAIT, |text| duration(text, Duration::ZERO));
        Some(Self {
            url: url?,
            pool_size: pool_size?,
            wait: wait?,
        })
    }
}

/// The address of a database, of a kind we speak. It may carry a password, so it is shown without one.
#[derive(Clone)]
pub struct DatabaseUrl {
    text: SecretString,
    shown: String,
}

impl DatabaseUrl {
    /// Checks the shape of an address; connects to nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path
                .split('?')
                .next()
                .unwrap_or_default()
                .trim_start_matches("//");
            if path.is_empty() {
                return Err("it names no file".to_owned());
            }
            format!("sqlite://{path}")
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let mut url =
                url::Url::parse(text).map_err(|error| format!("it is no address ({error})"))?;
            if url.path().trim_matches('/').is_empty() {
                return Err("it names no database".to_owned());
            }
            if url.password().is_some() {
                // The only refusal is an address that cannot hold a password; this one does.
                let _ = url.set_password(Some("***"));
            }
            url.set_query(None);
            url.to_string()
        } else {
            return Err("it is neither a sqlite:// nor a postgres:// address".to_owned());
        };
        Ok(Self {
            text: SecretString::from(text.to_owned()),
            shown,
        })
    }

    /// The address as it was given, with its password: for connecting and nothing else.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// The SQLite file, if it is one.
    pub fn file(&self) -> Option<PathBuf> {
        self.shown.strip_prefix("sqlite://").map(PathBuf::from)
    }

    /// Whether it is an SQLite file.
    pub fn is_sqlite(&self) -> bool {
        self.shown.starts_with("sqlite:")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let url = DatabaseUrl::parse("postgres://anna:hidden@db.example/mirror?password=hidden")
            .expect("it is an address");

        assert_eq!(url.to_string(), "postgres://anna:***@db.example/mirror");
        assert!(!format!("{url:?}").contains("hidden"));
        assert!(url.expose().contains("hidden"));
    }

    #[test]
    fn other_databases_and_empty_addresses_are_refused_without_being_repeated() {
        for wrong in [
            "mysql://root:hidden@db/x",
            "sqlite://",
            "postgres://db",
            "postgres://:hidden@:x/y",
        ] {
            let error = DatabaseUrl::parse(wrong).expect_err(wrong);
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
