//! What tells an operator whether the database can be worked with: privileges, a write, and what came of the last ones.

use graph_mirror::model::time::Clock;
use graph_mirror::store::{Backend, StoreError};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor};

use super::samples::seconds;
use crate::support::database::{Database, on_both_stores, standing_clock};

on_both_stores!(a_probe_writes_a_row_and_leaves_nothing, |store, clock| {
    store.write_probe().await?;

    assert_eq!(store.writes_refused(), None);
    assert_eq!(
        store.expired_prune(clock.now() + seconds(1)).await?,
        0,
        "it was left"
    );
});

on_both_stores!(
    whoever_made_the_tables_may_do_everything,
    |store, _clock| {
        let privileges = store.privileges().await?;

        let is_postgres = store.backend() == Backend::Postgres;
        assert_eq!(privileges.is_some(), is_postgres);
        if let Some(privileges) = privileges {
            assert_eq!(privileges.schema.as_deref(), Some("public"));
            assert!(privileges.may_create);
            assert_eq!(privileges.unusable, Vec::<String>::new());
            assert_eq!(privileges.not_owned, Vec::<String>::new());
        }
    }
);

#[tokio::test]
async fn writes_that_are_refused_are_remembered_until_a_row_is_written() {
    // Used up ids answer with the very code of a full disk.
    const FULL: &str = "CREATE TABLE disk (block INTEGER PRIMARY KEY AUTOINCREMENT);
        INSERT INTO disk VALUES (9223372036854775807);
        CREATE TRIGGER is_full BEFORE INSERT ON oauth_states BEGIN INSERT INTO disk (block) VALUES (NULL); END";
    let clock = standing_clock();
    let database = Database::create(Backend::Sqlite).await;
    let store = database.open(&clock).await;
    let mut beside = SqliteConnection::connect(&database.url)
        .await
        .expect("it opens");
    beside.execute(FULL).await.expect("the disk is full");

    let refused = store.write_probe().await;
    let known = store.writes_refused().expect("it is remembered");
    let nothing = store.expired_prune(clock.now()).await;
    let still = store.writes_refused();
    let taken = store.ticks_take("due", clock.now(), clock.now()).await;

    assert!(
        matches!(refused, Err(StoreError::DiskFull(_))),
        "{refused:?}"
    );
    assert_eq!(known.since, clock.now());
    assert!(known.reason.contains("full"), "{}", known.reason);
    assert_eq!(nothing.expect("there is nothing to do"), 0);
    assert!(
        still.is_some(),
        "a transaction that changed nothing is no proof"
    );
    assert_eq!(store.writes_refused(), None);
    assert!(taken.expect("there is room elsewhere"));
}
