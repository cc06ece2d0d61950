//! How a database fails where a campaign has it fail, and what a campaign watches in it.
//!
//! The refusals are those the database itself makes wherever that can be had without its administrator: SQLite is told to grow no
//! further, to take no writes, or finds its file locked by somebody else; PostgreSQL, whose disk and settings belong to others too,
//! refuses by triggers in the one schema that is played in, with the codes of a full disk and of a read-only transaction.

use std::str::FromStr as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::dispatch::query;
use super::error::StoreError;
use super::gate::Priority;
use super::pool::{Pools, Store};

/// How long SQLite's writer waits for a lock that somebody else holds, while that is so.
const IMPATIENT: Duration = Duration::from_millis(10);

/// How long it waits otherwise.
const PATIENT: Duration = Duration::from_secs(5);

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// There is no room for anything new.
    Full,
    /// Nothing may be written.
    ReadOnly,
    /// Somebody else is writing, and does not end; on SQLite only.
    Busy,
}

/// A trouble that has begun; [`end`] ends it.
#[derive(Debug)]
pub struct Troubled {
    /// Holds SQLite's write lock.
    holder: Option<SqliteConnection>,
}

/// Lets the database behind `store`, which is at `url`, fail from now on.
pub async fn begin(store: &Store, url: &str, trouble: Trouble) -> Result<Troubled, StoreError> {
    let mut holder = None;
    match &store.core.pools {
        Pools::Postgres { .. } => match trouble {
            Trouble::Full => postgres(url, FULL).await?,
            Trouble::ReadOnly => postgres(url, READ_ONLY).await?,
            Trouble::Busy => {}
        },
        Pools::Sqlite { writer, .. } => match trouble {
            Trouble::Full => {
                let pages = sqlite(store, "PRAGMA page_count").await?;
                let pages: i64 = pages.first().map_or(Ok(1), |row| row.get("page_count"))?;
                sqlite(store, format!("PRAGMA max_page_count = {pages}")).await?;
            }
            Trouble::ReadOnly => drop(sqlite(store, "PRAGMA query_only = true").await?),
            Trouble::Busy => {
                waits(store, IMPATIENT).await?;
                let mut other = writer.connect_options().connect().await?;
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
                holder = Some(other);
            }
        },
    }
    Ok(Troubled { holder })
}

/// The database is well again.
pub async fn end(store: &Store, url: &str, troubled: Troubled) -> Result<(), StoreError> {
    if let Some(holder) = troubled.holder {
        holder.close().await?;
    }
    match &store.core.pools {
        Pools::Postgres { .. } => {
            postgres(
                url,
                "DROP FUNCTION IF EXISTS campaign_refuses() CASCADE; DROP FUNCTION IF EXISTS campaign_is_full() CASCADE",
            )
            .await
        }
        Pools::Sqlite { .. } => {
            sqlite(store, "PRAGMA query_only = false").await?;
            sqlite(store, "PRAGMA max_page_count = 4294967294").await?;
            waits(store, PATIENT).await
        }
    }
}

/// Notes from now on wherever a cursor goes back to an earlier round or into one that had ended: only a writer does that who has
/// been relieved and goes on all the same, and the next round would hide it.
pub async fn watch(store: &Store, url: &str) -> Result<(), StoreError> {
    match &store.core.pools {
        Pools::Postgres { .. } => postgres(url, WATCH_POSTGRES).await,
        Pools::Sqlite { .. } => {
            sqlite(store, WATCH_TABLE).await?;
            sqlite(store, WATCH_SQLITE).await.map(drop)
        }
    }
}

/// What has been noted.
pub async fn noted(store: &Store) -> Result<Vec<String>, StoreError> {
    query("SELECT said FROM campaign_notes ORDER BY said")
        .read(store)
        .await?
        .iter()
        .map(|row| row.get("said"))
        .collect()
}

/// Where the server of a PostgreSQL address listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// A host and a port.
    Tcp(String, u16),
    /// A socket in the file system.
    Socket(std::path::PathBuf),
}

/// Where the server behind an address listens.
pub fn server_of(url: &str) -> Result<Server, StoreError> {
    let options = PgConnectOptions::from_str(url)?;
    let port = options.get_port();
    Ok(match options.get_socket() {
        Some(folder) => Server::Socket(folder.join(format!(".s.PGSQL.{port}"))),
        None => Server::Tcp(options.get_host().to_owned(), port),
    })
}

async fn waits(store: &Store, patience: Duration) -> Result<(), StoreError> {
    let text = format!("PRAGMA busy_timeout = {}", patience.as_millis());
    sqlite(store, text).await.map(drop)
}

async fn sqlite(
    store: &Store,
    statement: impl Into<super::dispatch::Text>,
) -> Result<Vec<super::codec::Row>, StoreError> {
    store
        .core
        .write_at_once(Priority::Live, query(statement))
        .await
}

async fn postgres(url: &str, statements: &str) -> Result<(), StoreError> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(statements).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// As where the disk has no room for a row that is committed.
const FULL: &str = r"
    CREATE FUNCTION campaign_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
    END $$;
    DO $do$ DECLARE t text; BEGIN
        FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
            EXECUTE format('CREATE CONSTRAINT TRIGGER campaign_is_full AFTER INSERT OR UPDATE ON %I
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION campaign_is_full()', t);
        END LOOP;
    END $do$";

/// As where an administrator has said that nothing is written.
const READ_ONLY: &str = r"
    CREATE FUNCTION campaign_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'cannot execute % in a read-only transaction', TG_OP USING ERRCODE = 'read_only_sql_transaction';
    END $$;
    DO $do$ DECLARE t text; BEGIN
        FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
            EXECUTE format('CREATE TRIGGER campaign_refuses BEFORE INSERT OR UPDATE OR DELETE ON %I
                FOR EACH STATEMENT EXECUTE FUNCTION campaign_refuses()', t);
        END LOOP;
    END $do$";

const WATCH_TABLE: &str = "CREATE TABLE IF NOT EXISTS campaign_notes (said TEXT NOT NULL)";

const WATCH_SQLITE: &str = "
    CREATE TRIGGER IF NOT EXISTS campaign_watches AFTER UPDATE ON cursors
    WHEN NEW.round < OLD.round OR (NEW.round = OLD.round AND OLD.state = 'idle' AND NEW.state = 'fetching')
    BEGIN INSERT INTO campaign_notes (said) VALUES (NEW.kind || ' ' || NEW.container); END";

const WATCH_POSTGRES: &str = r"
    CREATE TABLE campaign_notes (said TEXT NOT NULL);
    CREATE FUNCTION campaign_watches() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO campaign_notes (said) VALUES (NEW.kind || ' ' || NEW.container);
        RETURN NULL;
    END $$;
    CREATE TRIGGER campaign_watches AFTER UPDATE ON cursors FOR EACH ROW
    WHEN (NEW.round < OLD.round OR (NEW.round = OLD.round AND OLD.state = 'idle' AND NEW.state = 'fetching'))
    EXECUTE FUNCTION campaign_watches()";
