//! The examples: SQL that both databases take, and TypeScript that stands in the guide as it stands in its file.

use graph_mirror::store::Backend;
use sqlx::{Connection, Executor, PgConnection, Row, SqliteConnection};

use super::blocks::{blocks, documents};
use super::{files, text};
use crate::support::database::Database;

/// The SQL of the examples and the guides, each with its place.
fn queries() -> Vec<(String, String)> {
    let mut queries: Vec<(String, String)> = files("examples/sql", ".sql")
        .into_iter()
        .map(|file| (file.clone(), text(&file)))
        .collect();
    for document in documents() {
        let of_document = blocks(&document).into_iter();
        queries.extend(
            of_document
                .filter(|block| block.info == "sql")
                .map(|block| (block.place, block.text)),
        );
    }
    queries
}

#[tokio::test]
async fn both_databases_take_every_query() {
    let sqlite = Database::create(Backend::Sqlite).await;
    let postgres = Database::create(Backend::Postgres).await;
    let mut of_sqlite = SqliteConnection::connect(&sqlite.url)
        .await
        .expect("it opens");
    let mut of_postgres = PgConnection::connect(&postgres.url)
        .await
        .expect("it opens");

    for (place, query) in queries() {
        let ran = of_sqlite.execute(sqlx::raw_sql(&query)).await;
        ran.unwrap_or_else(|error| panic!("{place} on SQLite: {error}"));
        let ran = of_postgres.execute(sqlx::raw_sql(&query)).await;
        ran.unwrap_or_else(|error| panic!("{place} on PostgreSQL: {error}"));
    }
}

#[tokio::test]
async fn deleting_a_mailbox_forgets_no_table() {
    let database = Database::create(Backend::Sqlite).await;
    let mut connection = SqliteConnection::connect(&database.url)
        .await
        .expect("it opens");
    let tables = connection
        .fetch_all(
            "SELECT m.name AS name FROM sqlite_master m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND c.name = 'mailbox_id'",
        )
        .await
        .expect("it answers");
    let statement = text("examples/sql/mailbox-delete.sql");

    assert!(tables.len() > 10, "{} tables", tables.len());
    for table in tables {
        let name: String = table.get("name");
        assert!(
            statement.contains(&format!("delete from {name} where mailbox_id")),
            "{name} is forgotten"
        );
    }
}

#[test]
fn the_typescript_of_the_guides_stands_in_the_examples() {
    let sources: Vec<String> = files("examples/typescript", ".ts")
        .iter()
        .map(|file| text(file))
        .collect();
    let mut count = 0;
    for document in documents() {
        for block in blocks(&document).iter().filter(|block| block.info == "ts") {
            count += 1;
            assert!(
                sources.iter().any(|source| source.contains(&block.text)),
                "{}: it stands in no file of examples/typescript",
                block.place
            );
        }
    }
    assert!(count > 5, "only {count} blocks were found");
}
