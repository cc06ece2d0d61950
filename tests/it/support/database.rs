//! A database of its own for every test, on either backend.
//!
//! The schema is brought up once per run, into a template; every test gets a copy. PostgreSQL is the server at
//! `TEST_DATABASE_URL`, which `scripts/test` starts; without one the tests that need it fail, they are never skipped.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use graph_mirror::model::time::ManualClock;
use graph_mirror::store::{Backend, Store};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// A database that goes away with this value.
pub struct Database {
    /// Its address.
    pub url: String,
    place: Place,
}

enum Place {
    Sqlite {
        _folder: TempDir,
    },
    Postgres {
        name: String,
    },
    /// On a server that goes away by itself.
    Elsewhere,
}

impl Database {
    /// A migrated database.
    pub async fn create(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => sqlite().await,
            Backend::Postgres => postgres().await,
        }
    }

    /// A database without any schema.
    pub async fn create_empty(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}", folder.path().join("mirror.db").display());
                Self {
                    url,
                    place: Place::Sqlite { _folder: folder },
                }
            }
            Backend::Postgres => {
                let name = format!("gm_{}", Uuid::new_v4().simple());
                run(&format!("CREATE DATABASE {name}")).await;
                postgres_named(name)
            }
        }
    }

    /// The one at this address, which is somebody else's to make and to drop.
    pub fn at(url: String) -> Self {
        Self {
            url,
            place: Place::Elsewhere,
        }
    }

    /// Drops it, and leaves its name to whoever makes it anew; that one goes away with this value.
    pub async fn clear(&self) {
        if let Place::Postgres { name } = &self.place {
            run(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    /// A store on it, with the clock given.
    pub async fn open(&self, clock: &ManualClock) -> Store {
        Store::open(&self.url, Arc::new(clock.clone()))
            .await
            .expect("the test database opens")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Place::Postgres { name } = &self.place else {
            return;
        };
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // The test's own runtime may be ending, so another one does it.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(run(&drop));
        })
        .join();
        assert!(
            dropped.is_ok() || std::thread::panicking(),
            "the test database could not be dropped"
        );
    }
}

fn server() -> PgConnectOptions {
    let url = std::env::var("TEST_DATABASE_URL").expect(
        "the tests need PostgreSQL: run scripts/test, or set TEST_DATABASE_URL to a server where databases may be made",
    );
    PgConnectOptions::from_str(&url).expect("TEST_DATABASE_URL is an address of PostgreSQL")
}

fn postgres_named(name: String) -> Database {
    Database {
        url: server().database(&name).to_url_lossy().to_string(),
        place: Place::Postgres { name },
    }
}

async fn run(statement: &str) {
    let mut connection = PgConnection::connect_with(&server())
        .await
        .expect("PostgreSQL at TEST_DATABASE_URL answers");
    connection
        .execute(statement)
        .await
        .expect("databases may be made and dropped there");
    connection.close().await.expect("the connection closes");
}

async fn postgres() -> Database {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let template = TEMPLATE
        .get_or_init(|| async {
            let name = format!("gm_template_{}", Uuid::new_v4().simple());
            run(&format!("CREATE DATABASE {name}")).await;
            migrate(server().database(&name).to_url_lossy().as_ref()).await;
            name
        })
        .await;
    let name = format!("gm_{}", Uuid::new_v4().simple());
    run(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    postgres_named(name)
}

async fn sqlite() -> Database {
    static TEMPLATE: OnceCell<(TempDir, PathBuf)> = OnceCell::const_new();
    let (_, template) = TEMPLATE
        .get_or_init(|| async {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let file = folder.path().join("template.db");
            migrate(&format!("sqlite://{}", file.display())).await;
            (folder, file)
        })
        .await;
    let database = Database::create_empty(Backend::Sqlite).await;
    let file = database.url.trim_start_matches("sqlite://");
    std::fs::copy(template, file).expect("the template is copied");
    database
}

async fn migrate(url: &str) {
    let clock = ManualClock::running();
    let store = Store::open(url, Arc::new(clock))
        .await
        .expect("the template opens");
    store.migrate().await.expect("the template is migrated");
    store.close().await;
}

/// Declares one test that runs on both databases. The body may use `?`; it gets a store and the clock it was opened
/// with, which stands still until it is moved.
macro_rules! on_both_stores {
    ($(#[$meta:meta])* $name:ident, |$store:ident, $clock:ident| $body:block) => {
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn check(
                $store: graph_mirror::store::Store,
                $clock: graph_mirror::model::time::ManualClock,
            ) -> anyhow::Result<()> {
                $body
                Ok(())
            }

            #[tokio::test]
            async fn on_sqlite() -> anyhow::Result<()> {
                let clock = $crate::support::database::standing_clock();
                let database =
                    $crate::support::database::Database::create(graph_mirror::store::Backend::Sqlite).await;
                check(database.open(&clock).await, clock).await
            }

            #[tokio::test]
            async fn on_postgres() -> anyhow::Result<()> {
                let clock = $crate::support::database::standing_clock();
                let database =
                    $crate::support::database::Database::create(graph_mirror::store::Backend::Postgres).await;
                check(database.open(&clock).await, clock).await
            }
        }
    };
}
pub(crate) use on_both_stores;

/// A clock that stands at noon of a day in January 2026.
pub fn standing_clock() -> ManualClock {
    ManualClock::standing_at(
        "2026-01-15T12:00:00Z"
            .parse()
            .expect("the instant is well written"),
    )
}
