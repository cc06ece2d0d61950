//! What a campaign does to a database, and what it watches: the refusals are those of a real one, and they end.

use graph_mirror::model::ids::MailboxId;
use graph_mirror::model::time::{Clock, ManualClock};
use graph_mirror::model::work::{Cursor, CursorState};
use graph_mirror::store::trouble::{self, Server, Trouble};
use graph_mirror::store::{Backend, NewMailbox, Priority, Store, StoreError};

use super::cursors::folder_cursor;
use super::samples::{connected, new_mailbox};
use crate::support::database::{Database, standing_clock};

/// One more mailbox with a note of many pages, so that there is something to find room for.
async fn writes(store: &Store, clock: &ManualClock, count: usize) -> Result<(), StoreError> {
    let mut tx = store.write(Priority::Live).await?;
    let mailbox = NewMailbox {
        tenant_id: Some("x".repeat(20_000)),
        ..new_mailbox("owner", &format!("person {count}"))
    };
    tx.mailbox_connect(&mailbox, clock.now()).await?;
    tx.commit().await
}

async fn fails(backend: Backend, trouble: Trouble, is_it: fn(&StoreError) -> bool) {
    let (database, clock) = (Database::create(backend).await, standing_clock());
    let store = database.open(&clock).await;
    writes(&store, &clock, 0).await.expect("it is well");

    let begun = trouble::begin(&store, &database.url, trouble).await;
    let refused = writes(&store, &clock, 1).await.expect_err("it fails");
    store.ping().await.expect("it can be read");
    let ended = trouble::end(&store, &database.url, begun.expect("it begins")).await;

    assert!(is_it(&refused), "{}", refused.chain());
    assert!(refused.is_transient());
    ended.expect("it ends");
    // On PostgreSQL a connection or two remember that nothing was written.
    writes(&store, &clock, 2).await.expect("it is well again");
}

#[tokio::test]
async fn a_full_disk_is_one_to_both_databases() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        fails(backend, Trouble::Full, |error| {
            matches!(error, StoreError::DiskFull(_))
        })
        .await;
    }
}

#[tokio::test]
async fn a_read_only_database_is_one_to_both() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        fails(backend, Trouble::ReadOnly, |error| {
            matches!(error, StoreError::ReadOnly(_))
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_that_somebody_else_writes_to_is_busy() {
    fails(Backend::Sqlite, Trouble::Busy, |error| {
        matches!(error, StoreError::Busy)
    })
    .await;
}

/// A cursor in a round.
fn cursor(clock: &ManualClock, round: i64, state: CursorState) -> Cursor {
    Cursor {
        state,
        round,
        ..folder_cursor("inbox", clock.now())
    }
}

async fn saves(store: &Store, mailbox: MailboxId, cursor: &Cursor) {
    let mut tx = store.write(Priority::Live).await.expect("it begins");
    let saved = tx.cursor_save(mailbox, cursor, cursor.due_at).await;
    saved.expect("it is saved");
    tx.commit().await.expect("it is committed");
}

#[tokio::test]
async fn a_cursor_that_goes_back_is_noted_and_one_that_goes_on_is_not() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let (database, clock) = (Database::create(backend).await, standing_clock());
        let store = database.open(&clock).await;
        let mailbox = connected(&store, &clock, "anna").await;
        trouble::watch(&store, &database.url)
            .await
            .expect("it is watched");

        for (round, state) in [
            (7, CursorState::Fetching),
            (7, CursorState::Idle),
            (9, CursorState::Fetching),
            (9, CursorState::Fetching),
        ] {
            saves(&store, mailbox, &cursor(&clock, round, state)).await;
        }
        let before = trouble::noted(&store).await.expect("it answers");
        saves(&store, mailbox, &cursor(&clock, 7, CursorState::Fetching)).await;
        let after = trouble::noted(&store).await.expect("it answers");

        assert!(before.is_empty(), "{before:?}");
        assert_eq!(after, ["messages inbox"]);
    }
}

#[test]
fn where_a_server_listens_is_read_from_its_address() {
    let tcp = trouble::server_of("postgres://me@db.example:5433/mirror");
    let socket = trouble::server_of("postgres://me@localhost/mirror?host=/run/postgresql");

    assert_eq!(
        tcp.expect("an address"),
        Server::Tcp("db.example".to_owned(), 5433)
    );
    assert_eq!(
        socket.expect("an address"),
        Server::Socket("/run/postgresql/.s.PGSQL.5432".into())
    );
}
