//! Bringing the schema up to date.
//!
//! The migrations are compiled in, the same numbers and names for both databases. A database that a later version
//! has written is left alone: this program does not know what its rows mean.

use std::borrow::Cow;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

use super::dispatch::Sql;
use super::error::StoreError;
use super::gate::Priority;
use super::pool::{Backend, Pools, Store};

struct Step {
    version: i64,
    name: &'static str,
    sql: Sql,
}

macro_rules! steps {
    ($($version:literal, $name:literal;)*) => {
        &[$(Step {
            version: $version,
            name: $name,
            sql: Sql {
                postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
                sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            },
        }),*]
    };
}

const STEPS: &[Step] = steps! {
    1, "0001_mailboxes";
    2, "0002_mail";
    3, "0003_calendar";
    4, "0004_work";
    5, "0005_feed";
    6, "0006_push_doubts";
    7, "0007_client_state_keys";
    8, "0008_traces";
    9, "0009_blobs";
};

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The version found; zero for an empty database.
    pub from: i64,
    /// The version now.
    pub to: i64,
    /// The names of the steps that were taken.
    pub steps: Vec<&'static str>,
}

impl Store {
    /// Brings the schema up to date; several processes may do so at once. Refuses what a later version has written.
    pub async fn migrate(&self) -> Result<Migrated, StoreError> {
        match &self.core.pools {
            Pools::Postgres { pool, .. } => {
                // Not from the pool any more: whatever happens, its advisory lock ends with it.
                let mut connection = pool.acquire().await?.detach();
                run(&mut connection, Backend::Postgres).await
            }
            Pools::Sqlite { writer, gate, .. } => {
                let _pass = gate.enter(Priority::Live).await;
                let mut connection = writer.acquire().await?;
                run(&mut *connection, Backend::Sqlite).await
            }
        }
    }

    /// Checks that the schema is the one this program needs, and changes nothing.
    pub async fn schema_check(&self) -> Result<(), StoreError> {
        let found = self.schema_version().await?;
        let known = newest();
        match found.cmp(&known) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => Err(StoreError::SchemaTooOld { found, known }),
            std::cmp::Ordering::Greater => Err(StoreError::SchemaTooNew { found, known }),
        }
    }

    async fn schema_version(&self) -> Result<i64, StoreError> {
        const TABLE: Sql = Sql {
            postgres: "SELECT table_name FROM information_schema.tables
                       WHERE table_schema = current_schema() AND table_name = '_sqlx_migrations'",
            sqlite: "SELECT name FROM sqlite_master WHERE name = '_sqlx_migrations'",
        };
        if super::dispatch::query(TABLE)
            .read_one(self)
            .await?
            .is_none()
        {
            return Ok(0);
        }
        let row = super::dispatch::query("SELECT max(version) AS version FROM _sqlx_migrations")
            .read_one(self)
            .await?;
        Ok(row
            .map(|row| row.find::<i64>("version"))
            .transpose()?
            .flatten()
            .unwrap_or(0))
    }
}

async fn run<C: Migrate>(connection: &mut C, backend: Backend) -> Result<Migrated, StoreError> {
    // Also around the making of the table of migrations, which sqlx leaves outside its own lock.
    connection.lock().await.map_err(StoreError::Migrate)?;
    connection
        .ensure_migrations_table()
        .await
        .map_err(StoreError::Migrate)?;
    let before = versions(connection).await?;
    let from = before.iter().copied().max().unwrap_or(0);
    let known = newest();
    if from > known {
        return Err(StoreError::SchemaTooNew { found: from, known });
    }
    let mut tries = STEPS.len();
    loop {
        match migrator(backend).run_direct(connection).await {
            Ok(()) => break,
            // Another process on the same SQLite file was faster, where sqlx knows no lock: its step is found now.
            Err(MigrateError::ExecuteMigration(..)) if backend == Backend::Sqlite && tries > 0 => {
                tries -= 1;
            }
            Err(error) => return Err(StoreError::Migrate(error)),
        }
    }
    Ok(Migrated {
        from,
        to: known,
        steps: STEPS
            .iter()
            .filter(|step| !before.contains(&step.version))
            .map(|step| step.name)
            .collect(),
    })
}

async fn versions<C: Migrate>(connection: &mut C) -> Result<Vec<i64>, StoreError> {
    let applied = connection
        .list_applied_migrations()
        .await
        .map_err(StoreError::Migrate)?;
    Ok(applied.into_iter().map(|applied| applied.version).collect())
}

fn migrator(backend: Backend) -> Migrator {
    let migrations = STEPS
        .iter()
        .map(|step| {
            let sql = match backend {
                Backend::Postgres => step.sql.postgres,
                Backend::Sqlite => step.sql.sqlite,
            };
            Migration::new(
                step.version,
                Cow::Borrowed(step.name),
                MigrationType::Simple,
                Cow::Borrowed(sql),
                false,
            )
        })
        .collect();
    Migrator {
        migrations: Cow::Owned(migrations),
        ..Migrator::DEFAULT
    }
}

/// The tables that the migrations make, and the one that they keep themselves in.
pub(super) fn tables() -> Vec<&'static str> {
    const MAKES: &str = "CREATE TABLE ";
    let made = STEPS
        .iter()
        .flat_map(|step| step.sql.postgres.split(MAKES).skip(1))
        .filter_map(|rest| rest.split([' ', '\n', '(']).next());
    made.chain(["_sqlx_migrations"]).collect()
}

fn newest() -> i64 {
    STEPS.iter().map(|step| step.version).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_read_from_the_migrations() {
        let tables = tables();

        for table in ["mailboxes", "email_messages", "ticks", "changes"] {
            assert!(tables.contains(&table), "{table}: {tables:?}");
        }
        let is_a_name = |table: &&str| table.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(tables.iter().all(is_a_name), "{tables:?}");
    }
}
