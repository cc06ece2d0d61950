//! A process is killed while it brings the schema up to date, in every step once; the next one completes it, two at once do too, and
//! the service works on what they made.

use std::process::{Child, Stdio};
use std::str::FromStr;
use std::time::Duration;

use graph_mirror::store::Backend;
use sqlx::migrate::Migrate;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};

use super::scene::{copied, ends_equal, service_on};
use crate::app::processes::{Process, program, until};
use crate::cli::run::RIGHT;
use crate::support::database::Database;

/// How many steps there are.
fn steps() -> i64 {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
    let steps = std::fs::read_dir(folder).expect("the folder is there");
    i64::try_from(steps.count()).expect("a few")
}

fn migrate(url: &str) -> Child {
    let mut command = program();
    command.arg("migrate").env("DATABASE_URL", url).envs(RIGHT);
    let piped = command.stdout(Stdio::null()).stderr(Stdio::piped());
    piped.spawn().expect("the program starts")
}

fn assert_ends_well(child: Child) {
    let output = child.wait_with_output().expect("it is our child");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

async fn in_postgres(connection: &mut PgConnection, statement: &str) -> Vec<String> {
    let rows = connection.fetch_all(statement).await;
    let rows = rows.unwrap_or_else(|error| panic!("{statement}: {error}"));
    rows.iter().map(|row| row.get(0)).collect()
}

async fn does(connection: &mut SqliteConnection, statement: &str) {
    let done = connection.execute(statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

async fn in_sqlite(connection: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let rows = connection.fetch_all(statement).await;
    let rows = rows.unwrap_or_else(|error| panic!("{statement}: {error}"));
    rows.iter().map(|row| row.get(0)).collect()
}

const TAKEN: &str = "SELECT CAST(count(*) AS text) FROM _sqlx_migrations";

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_of_postgres_killed_in_any_step_is_completed_by_two_at_once() {
    // Each step waits before it is committed for a lock that carries its number.
    const WAITS: &str = "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(4711, CAST(NEW.version AS int)); RETURN NEW; END $$";
    const WAITING: &str =
        "SELECT CAST(count(*) AS text) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted";
    const OTHERS: &str = "SELECT CAST(count(*) AS text) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    const COLUMNS: &str =
        "SELECT CAST(table_name || ' ' || column_name || ' ' || data_type AS text)
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1";
    let database = Database::create_empty(Backend::Postgres).await;
    let mut beside = PgConnection::connect(&database.url)
        .await
        .expect("the database answers");
    beside
        .ensure_migrations_table()
        .await
        .expect("the table is made");
    in_postgres(&mut beside, WAITS).await;
    in_postgres(
        &mut beside,
        "CREATE TRIGGER waits BEFORE INSERT ON _sqlx_migrations FOR EACH ROW EXECUTE FUNCTION waits()",
    )
    .await;

    for step in 1..=steps() {
        let lock = format!("SELECT CAST(pg_advisory_lock(4711, {step}) AS text)");
        in_postgres(&mut beside, &lock).await;
        let child = Process(migrate(&database.url));
        until("a migration in mid-step", async || {
            in_postgres(&mut beside, WAITING).await == ["1"]
        })
        .await;
        drop(child);
        let unlock = format!("SELECT CAST(pg_advisory_unlock(4711, {step}) AS text)");
        assert_eq!(in_postgres(&mut beside, &unlock).await, ["true"]);
        until("the end of its connection", async || {
            in_postgres(&mut beside, OTHERS).await == ["0"]
        })
        .await;
        let taken = in_postgres(&mut beside, TAKEN).await;
        assert_eq!(taken, [(step - 1).to_string()], "the step was not undone");
    }
    let last = format!("SELECT CAST(pg_advisory_lock(4711, {}) AS text)", steps());
    in_postgres(&mut beside, &last).await;
    let two = [migrate(&database.url), migrate(&database.url)];
    until("two at once", async || {
        in_postgres(&mut beside, WAITING).await == ["2"]
    })
    .await;
    in_postgres(&mut beside, "SELECT CAST(pg_advisory_unlock_all() AS text)").await;
    two.into_iter().for_each(assert_ends_well);

    in_postgres(&mut beside, "DROP FUNCTION waits CASCADE").await;
    let columns = in_postgres(&mut beside, COLUMNS).await;
    let usual = Database::create(Backend::Postgres).await;
    let mut usual = PgConnection::connect(&usual.url)
        .await
        .expect("the database answers");
    assert_eq!(columns, in_postgres(&mut usual, COLUMNS).await);
    let rig = service_on(database, 20).await;
    rig.connect().await;
    copied(&rig).await;
    ends_equal(rig).await;
}

async fn open(url: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::from_str(url).expect("an address of SQLite");
    let options = options
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_mins(1));
    options.connect().await.expect("the database opens")
}

/// Whether somebody else is writing.
async fn is_written(connection: &mut SqliteConnection) -> bool {
    does(connection, "PRAGMA busy_timeout = 0").await;
    let is_free = connection
        .execute("BEGIN IMMEDIATE; ROLLBACK")
        .await
        .is_ok();
    does(connection, "PRAGMA busy_timeout = 60000").await;
    !is_free
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_of_sqlite_killed_in_any_step_is_completed_by_two_at_once() {
    // A step counts for ever before it is committed, once its number stands here.
    const WAITS: [&str; 3] = [
        "CREATE TABLE waits_at (version INTEGER)",
        "CREATE VIEW forever AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
        "CREATE TRIGGER waits AFTER INSERT ON _sqlx_migrations
         WHEN NEW.version IN (SELECT version FROM waits_at) BEGIN SELECT count(*) FROM forever; END",
    ];
    const COLUMNS: &str = "SELECT t.name || ' ' || c.name || ' ' || c.type
        FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1";
    let database = Database::create_empty(Backend::Sqlite).await;
    let mut beside = open(&database.url).await;
    beside
        .ensure_migrations_table()
        .await
        .expect("the table is made");
    for statement in WAITS {
        does(&mut beside, statement).await;
    }

    for step in 1..=steps() {
        does(&mut beside, "DELETE FROM waits_at").await;
        does(
            &mut beside,
            &format!("INSERT INTO waits_at VALUES ({step})"),
        )
        .await;
        let child = Process(migrate(&database.url));
        // What else it writes takes no time.
        let mut looks = 0;
        until("a migration in mid-step", async || {
            let taken = in_sqlite(&mut beside, TAKEN).await;
            let is_there = taken == [(step - 1).to_string()] && is_written(&mut beside).await;
            looks = if is_there { looks + 1 } else { 0 };
            looks == 4
        })
        .await;
        drop(child);
        assert!(!is_written(&mut beside).await, "a killed process writes");
        let taken = in_sqlite(&mut beside, TAKEN).await;
        assert_eq!(taken, [(step - 1).to_string()], "the step was not undone");
    }
    for statement in [
        "DROP TRIGGER waits",
        "DROP VIEW forever",
        "DROP TABLE waits_at",
    ] {
        does(&mut beside, statement).await;
    }
    let two = [migrate(&database.url), migrate(&database.url)];
    two.into_iter().for_each(assert_ends_well);

    let columns = in_sqlite(&mut beside, COLUMNS).await;
    let usual = Database::create(Backend::Sqlite).await;
    let mut usual = open(&usual.url).await;
    assert_eq!(columns, in_sqlite(&mut usual, COLUMNS).await);
    beside.close().await.expect("the connection closes");
    let rig = service_on(database, 20).await;
    rig.connect().await;
    copied(&rig).await;
    ends_equal(rig).await;
}
