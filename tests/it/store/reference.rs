//! `docs/reference/schema.md` says what the schema is: the tables applications read, as PostgreSQL itself describes
//! them.

use std::fmt::Write as _;
use std::path::Path;

use graph_mirror::store::Backend;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};

use crate::support::database::Database;

const HEAD: &str = "# The tables

<!-- Written by the tests: `UPDATE_REFERENCE=1 scripts/test --test it store::reference` -->

Applications read these tables; only graph-mirror writes them. The types are PostgreSQL's. On SQLite the names are the
same: a `uuid` is text of 36 characters, a `timestamptz` UTC text with six decimals and a `Z`, `jsonb` is JSON text,
`boolean` is 0 or 1, `bytea` a blob. Every table of mirrored data and of work is keyed by its mailbox first.
";

#[tokio::test]
async fn the_reference_of_the_schema_is_what_the_migrations_make() {
    let database = Database::create(Backend::Postgres).await;
    let mut connection = PgConnection::connect(&database.url)
        .await
        .expect("it connects");
    let rows = connection
        .fetch_all(
            "SELECT CAST(c.relname AS text) AS name, obj_description(c.oid) AS meaning,
                CAST(a.attname AS text) AS column_name, format_type(a.atttypid, a.atttypmod) AS type,
                NOT a.attnotnull AS may_be_null, col_description(c.oid, a.attnum) AS column_meaning,
                COALESCE(k.place, 0) AS key_place
             FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             LEFT JOIN (SELECT conrelid, key.attnum, CAST(key.place AS bigint) AS place
                FROM pg_constraint, unnest(conkey) WITH ORDINALITY AS key (attnum, place) WHERE contype = 'p') k
                ON k.conrelid = c.oid AND k.attnum = a.attnum
             WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE '\\_sqlx%'
             ORDER BY c.relname, a.attnum",
        )
        .await
        .expect("the catalogue answers");

    let mut text = HEAD.to_owned();
    let mut table = String::new();
    for row in &rows {
        let name = row.get::<String, _>("name");
        if name != table {
            let meaning = row.get::<String, _>("meaning");
            let _ = write!(
                text,
                "\n## {name}\n\n{meaning}\n\n| column | type | key | meaning |\n| --- | --- | --- | --- |\n"
            );
            table = name;
        }
        let place = match row.get::<i64, _>("key_place") {
            0 => String::new(),
            place => place.to_string(),
        };
        let _ = writeln!(
            text,
            "| {} | {}{} | {place} | {} |",
            row.get::<String, _>("column_name"),
            row.get::<String, _>("type"),
            if row.get::<bool, _>("may_be_null") {
                ", may be null"
            } else {
                ""
            },
            row.get::<String, _>("column_meaning"),
        );
    }

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/schema.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::create_dir_all(file.parent().expect("it is in a folder"))
            .expect("the folder is made");
        std::fs::write(&file, &text).expect("it is written");
    }
    let committed = std::fs::read_to_string(&file).expect("docs/reference/schema.md is there");
    assert_eq!(
        committed, text,
        "the schema has changed: UPDATE_REFERENCE=1 scripts/test --test it store::reference"
    );
}
