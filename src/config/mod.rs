//! Settings: where they come from, what they mean, and what is wrong with them.
//!
//! Everything is read from environment variables (a `.env` file may hold them). All problems are
//! reported at once, each naming its variable and the remedy, so that nobody repairs them one restart at
//! a time. No problem ever repeats a secret. In reading order: [`variables`] (the catalogue, from which the
//! reference is generated), [`environment`], [`reader`], then one file per section.

pub mod contents;
pub mod database;
pub mod encryption;
pub mod environment;
pub mod error;
pub mod homes;
pub mod log;
pub mod microsoft;
pub mod mirror;
pub mod reader;
pub mod reference;
pub mod sandbox;
pub mod server;
pub mod variables;

pub use contents::{Attachments, BlobPlace, Contents};
pub use database::{Database, DatabaseUrl};
pub use encryption::Encryption;
pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use homes::Homes;
pub use log::{Log, LogFormat};
pub use microsoft::{Cloud, Microsoft};
pub use mirror::Mirror;
pub use sandbox::SandboxSettings;
pub use server::{PublicUrl, Server};

use reader::Reader;

#[cfg(test)]
mod tests;

/// Everything the service can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the mirror is kept.
    pub database: Database,
    /// Where we listen, and under which address Graph reaches us.
    pub server: Server,
    /// The app registration and the cloud it lives in.
    pub microsoft: Microsoft,
    /// The keys that seal grants.
    pub encryption: Encryption,
    /// What is mirrored and how often we look.
    pub mirror: Mirror,
    /// Where contents are kept, and which are fetched when.
    pub contents: Contents,
    /// How many mailboxes this process serves at a time.
    pub homes: Homes,
    /// What is logged and how.
    pub log: Log,
    /// The tenant of the sandbox, where the settings are those of one; set by whoever asked it.
    pub sandbox_tenant: Option<String>,
}

impl Settings {
    /// Reads every section; reports every problem at once.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let database = Database::read(&mut reader);
        let server = Server::read(&mut reader);
        let microsoft = Microsoft::read(&mut reader, server.as_ref());
        let encryption = Encryption::read(&mut reader);
        let mirror = Mirror::read(&mut reader);
        let contents = Contents::read(&mut reader, database.as_ref());
        let homes = Homes::read(&mut reader);
        let log = Log::read(&mut reader);
        if let (Some(server), Some(microsoft)) = (&server, &microsoft) {
            server.check_against(microsoft, &mut reader);
        }
        reader.finish((|| {
            Some(Self {
                database: database?,
                server: server?,
                microsoft: microsoft?,
                encryption: encryption?,
                mirror: mirror?,
                contents: contents?,
                homes: homes?,
                log: log?,
                sandbox_tenant: None,
            })
        })())
    }
}

/// The sections a command needs that never speaks to Graph: such a command must not demand an app
/// registration.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// Where the mirror is kept.
    pub database: Database,
    /// What is logged and how.
    pub log: Log,
}

/// The sections a command needs that changes the keys: it speaks to nobody but the database.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// Where the mirror is kept.
    pub database: Database,
    /// The keys that seal grants.
    pub encryption: Encryption,
    /// What is logged and how.
    pub log: Log,
}

impl KeySettings {
    /// Reads the three sections; reports every problem at once.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let database = Database::read(&mut reader);
        let encryption = Encryption::read(&mut reader);
        let log = Log::read(&mut reader);
        reader.finish((|| {
            Some(Self {
                database: database?,
                encryption: encryption?,
                log: log?,
            })
        })())
    }
}

impl LocalSettings {
    /// Reads the two sections; reports every problem at once.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let database = Database::read(&mut reader);
        let log = Log::read(&mut reader);
        reader.finish((|| {
            Some(Self {
                database: database?,
                log: log?,
            })
        })())
    }
}
