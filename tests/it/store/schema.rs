//! The schema: brought up to date once, refused when later, alike on both databases.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use graph_mirror::store::{Backend, Store, StoreError, scratch};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};

use super::samples::connected;
use crate::support::database::{Database, standing_clock};

#[tokio::test]
async fn an_empty_database_is_brought_up_to_date_once() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let database = Database::create_empty(backend).await;
        let store = database.open(&standing_clock()).await;
        assert!(matches!(
            store.schema_check().await,
            Err(StoreError::SchemaTooOld { found: 0, .. })
        ));

        let first = store.migrate().await.expect("the first time");
        let second = store.migrate().await.expect("the second time");

        assert_eq!(first.from, 0);
        assert_eq!(
            first.steps.len(),
            usize::try_from(first.to).expect("few steps")
        );
        assert_eq!((second.from, second.to), (first.to, first.to));
        assert!(second.steps.is_empty());
        store.schema_check().await.expect("it fits");
        store.close().await;
    }
}

#[tokio::test]
async fn several_processes_may_bring_one_database_up_to_date() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let database = Database::create_empty(backend).await;
        let (one, other) = (
            database.open(&standing_clock()).await,
            database.open(&standing_clock()).await,
        );

        let (first, second) = tokio::join!(one.migrate(), other.migrate());

        first.expect("one of them");
        second.expect("the other");
        one.schema_check().await.expect("it fits");
    }
}

#[tokio::test]
async fn a_database_that_a_later_version_has_written_is_refused() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let database = Database::create(backend).await;
        let later =
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (9999, 'later', true, '', 0)";
        match backend {
            Backend::Sqlite => sqlite(&database).await.execute(later).await.map(drop),
            Backend::Postgres => postgres(&database).await.execute(later).await.map(drop),
        }
        .expect("the row is written");
        let store = database.open(&standing_clock()).await;

        let migrated = store.migrate().await;
        let checked = store.schema_check().await;

        assert!(matches!(
            migrated,
            Err(StoreError::SchemaTooNew { found: 9999, .. })
        ));
        assert!(matches!(
            checked,
            Err(StoreError::SchemaTooNew { found: 9999, .. })
        ));
    }
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let lite = sqlite_columns(&Database::create(Backend::Sqlite).await).await;
    let pg = postgres_columns(&Database::create(Backend::Postgres).await).await;

    assert!(pg.len() >= 18, "{:?}", pg.keys());
    assert_eq!(lite, pg);
}

#[tokio::test]
async fn every_table_and_column_of_postgres_says_what_it_is() {
    let database = Database::create(Backend::Postgres).await;
    let rows = postgres(&database)
        .await
        .fetch_all(
            "SELECT c.relname || '.' || COALESCE(a.attname, '') AS place
             FROM pg_class c
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
             WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE '\\_sqlx%'
               AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)",
        )
        .await
        .expect("the catalogue answers");

    let silent = rows
        .iter()
        .map(|row| row.get::<String, _>("place"))
        .collect::<Vec<_>>();
    assert!(silent.is_empty(), "{silent:?}");
}

#[tokio::test]
async fn the_body_of_a_message_is_compressed_with_lz4() {
    let database = Database::create(Backend::Postgres).await;
    let mut connection = postgres(&database).await;
    let can = connection
        .fetch_one("SELECT enumvals @> '{lz4}' AS can FROM pg_settings WHERE name = 'default_toast_compression'")
        .await
        .expect("the setting is known")
        .get::<bool, _>("can");

    let method = connection
        .fetch_one(
            "SELECT CAST(attcompression AS text) AS method FROM pg_attribute
             WHERE attrelid = 'email_messages'::regclass AND attname = 'body'",
        )
        .await
        .expect("the column is known")
        .get::<String, _>("method");

    assert_eq!(method, if can { "l" } else { "" });
}

#[tokio::test]
async fn what_is_only_tried_out_stands_in_a_schema_of_its_own_and_goes_with_it() {
    let database = Database::create(Backend::Postgres).await;
    let clock = standing_clock();
    let url = scratch::schema_create(&database.url, "tried_out")
        .await
        .expect("the schema is made");
    let store = Store::open(&url, Arc::new(clock.clone()))
        .await
        .expect("it opens");
    assert_eq!(store.migrate().await.expect("it is migrated").from, 0);
    connected(&store, &clock, "anna").await;
    store.close().await;

    scratch::schema_drop(&database.url, "tried_out")
        .await
        .expect("the schema is dropped");

    let whole = database.open(&clock).await;
    assert!(
        whole
            .mailboxes_list(None)
            .await
            .expect("it answers")
            .is_empty()
    );
    let again = Store::open(&url, Arc::new(clock)).await.expect("it opens");
    assert!(matches!(
        again.schema_check().await,
        Err(StoreError::SchemaTooOld { found: 0, .. })
    ));
}

async fn sqlite(database: &Database) -> SqliteConnection {
    SqliteConnectOptions::from_str(&database.url)
        .expect("an address")
        .connect()
        .await
        .expect("it connects")
}

async fn postgres(database: &Database) -> PgConnection {
    PgConnection::connect(&database.url)
        .await
        .expect("it connects")
}

type Columns = BTreeMap<String, BTreeSet<String>>;

async fn sqlite_columns(database: &Database) -> Columns {
    let rows = sqlite(database)
        .await
        .fetch_all(
            "SELECT t.name AS name, c.name AS column_name FROM sqlite_master t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite%'",
        )
        .await
        .expect("the catalogue answers");
    gather(
        rows.iter()
            .map(|row| (row.get("name"), row.get("column_name"))),
    )
}

async fn postgres_columns(database: &Database) -> Columns {
    let rows = postgres(database)
        .await
        .fetch_all(
            "SELECT CAST(table_name AS text) AS name, CAST(column_name AS text) AS column_name
             FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
        )
        .await
        .expect("the catalogue answers");
    gather(
        rows.iter()
            .map(|row| (row.get("name"), row.get("column_name"))),
    )
}

fn gather(places: impl Iterator<Item = (String, String)>) -> Columns {
    let mut columns = Columns::new();
    for (table, column) in places {
        columns.entry(table).or_default().insert(column);
    }
    columns
}
