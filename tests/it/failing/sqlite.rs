//! SQLite fails under the service: somebody else holds its only writer, or its disk is full.
//!
//! That the file cannot be written to is not tried by its permissions: whoever runs as root writes all the same.

use std::str::FromStr;
use std::time::Duration;

use graph_mirror::store::{Backend, Priority};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor, Row};

use super::scene::{copied, edit, ends_equal, intake, refusal, service_on, status, warnings};
use crate::support::database::Database;

async fn beside(url: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::from_str(url).expect("an address of SQLite");
    let opened = options.busy_timeout(Duration::from_mins(1)).connect().await;
    opened.expect("the database opens beside the service")
}

async fn does(connection: &mut SqliteConnection, statement: &str) {
    let done = connection.execute(statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_somebody_else_holds_for_seconds_is_waited_for() {
    let database = Database::create(Backend::Sqlite).await;
    let mut stranger = beside(&database.url).await;
    let rig = service_on(database, 100).await;
    rig.connect().await;
    rig.copy_has_begun().await;

    does(&mut stranger, "BEGIN IMMEDIATE").await;
    edit(&rig, 10, 3);
    assert_eq!(intake(&rig).await, 503);
    // Until SQLite itself has given up waiting, for whoever is before us and for us.
    let busy = rig.parts.store.write(Priority::Acknowledgement).await;
    let busy = busy.expect_err("somebody else writes").to_string();
    assert!(busy.contains("does not answer in time"), "{busy}");
    assert_eq!(status(&rig, "/readyz").await, 200);
    does(&mut stranger, "ROLLBACK").await;

    copied(&rig).await;
    ends_equal(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_sqlite_is_waited_out() {
    // No table can be made to meet a full disk, but one whose ids are used up answers with the very same code.
    const FULL: &str = "CREATE TABLE disk (block INTEGER PRIMARY KEY AUTOINCREMENT);
        INSERT INTO disk VALUES (9223372036854775807)";
    let database = Database::create(Backend::Sqlite).await;
    let mut stranger = beside(&database.url).await;
    let rig = service_on(database, 100).await;
    rig.connect().await;
    rig.copy_has_begun().await;

    does(&mut stranger, FULL).await;
    let tables = stranger
        .fetch_all(
            "SELECT name FROM sqlite_master
             WHERE type = 'table' AND name <> 'disk' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx_%'",
        )
        .await
        .expect("the schema can be read");
    let mut tables: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
    tables.sort();
    for table in &tables {
        let trigger = format!(
            "CREATE TRIGGER {table}_is_full BEFORE INSERT ON {table} BEGIN INSERT INTO disk (block) VALUES (NULL); END"
        );
        does(&mut stranger, &trigger).await;
    }
    edit(&rig, 10, 3);
    assert_eq!(intake(&rig).await, 503);
    let why = refusal(&rig).await;
    assert!(why.contains("disk of the database is full"), "{why}");
    assert!(why.contains("database or disk is full"), "{why}");
    assert_eq!(warnings(&rig).await, ["database_not_writable"]);
    rig.clock.advance(Duration::from_mins(1));
    rig.until("a refused delivery", async || {
        rig.sandbox.world().deliveries().waiting > 0
    })
    .await;
    for table in &tables {
        does(&mut stranger, &format!("DROP TRIGGER {table}_is_full")).await;
    }

    copied(&rig).await;
    rig.until("the end of the warning", async || {
        warnings(&rig).await.is_empty()
    })
    .await;
    ends_equal(rig).await;
}
