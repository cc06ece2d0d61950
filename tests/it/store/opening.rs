//! A database that does not open: whether waiting can help, and what it is called.

use std::sync::Arc;

use graph_mirror::model::time::SystemClock;
use graph_mirror::store::{Backend, Store, StoreError};
use url::Url;

use crate::support::database::Database;

async fn refused(url: &str) -> StoreError {
    let opened = Store::open(url, Arc::new(SystemClock)).await;
    opened.expect_err("it does not open")
}

#[tokio::test]
async fn a_server_that_does_not_answer_may_come_up() {
    let nobody = refused("postgres://anna@127.0.0.1:1/mirror").await;

    assert!(nobody.may_come_up(), "{}", nobody.chain());
    assert!(nobody.is_transient());
}

#[tokio::test]
async fn a_database_that_is_not_for_us_does_not_become_so_by_waiting() {
    let database = Database::create_empty(Backend::Postgres).await;
    let mut unknown: Url = database.url.parse().expect("an address");
    unknown.set_path("/nowhere");

    let error = refused(unknown.as_str()).await;

    assert!(!error.may_come_up(), "{}", error.chain());
    assert!(error.chain().contains("nowhere"), "{}", error.chain());
}

#[tokio::test]
async fn a_path_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("it is written");
    let inside = file.join("data/mirror.db");

    let error = refused(&format!("sqlite://{}", inside.display())).await;

    assert!(!error.may_come_up() && !error.is_transient());
    let StoreError::NotWritable { path, .. } = &error else {
        panic!("{}", error.chain());
    };
    assert_eq!(path, inside.parent().expect("a folder"));
}
