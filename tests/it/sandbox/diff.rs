//! S72: what is in a sandbox can be compared with a mirror's database, row by row.

use std::time::Duration;

use graph_mirror::model::time::Clock as _;
use graph_mirror::store::{Backend, MessageWrite, Priority};

use crate::mirror::mailbox::{Connected, Setup};

async fn the_truth_is_compared_row_by_row(backend: Backend) {
    let bench = Connected::open_with(backend, Setup::small(30)).await;
    bench.backfill().await;
    bench.settle(Duration::from_mins(3)).await;
    assert_eq!(bench.differences().await, Vec::<String>::new());

    // Somebody writes into the database.
    let stored = bench.store.messages_page(bench.mailbox, None, 1).await;
    let mut message = stored.unwrap().remove(0).message;
    let id = message.external_id.0.clone();
    message.subject = Some("altered".to_owned());
    let now = bench.clock.now();
    let write = MessageWrite {
        message: &message,
        fetched_at: now + chrono::TimeDelta::seconds(1),
        round: None,
    };
    let mut tx = bench.store.write(Priority::Live).await.unwrap();
    tx.messages_upsert(bench.mailbox, &[write], now)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let differences = bench.differences().await;
    assert_eq!(differences.len(), 1, "{differences:?}");
    let told = format!("message {id}: subject is \"altered\", should be ");
    assert!(differences[0].starts_with(&told), "{differences:?}");
}

#[tokio::test]
async fn s72_one_altered_row_is_the_only_difference_on_sqlite() {
    the_truth_is_compared_row_by_row(Backend::Sqlite).await;
}

#[tokio::test]
async fn s72_one_altered_row_is_the_only_difference_on_postgres() {
    the_truth_is_compared_row_by_row(Backend::Postgres).await;
}
