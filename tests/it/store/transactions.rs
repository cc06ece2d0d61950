//! Transactions: whole or not at all, whoever goes away; the urgent first.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{ChangeHint, Lane, NoticeKind};
use graph_mirror::store::{Backend, NewNotice, Priority, Store, StoreError, StoreSettings, Wake};

use super::samples::{LEASE, connected, id, message, message_write, served, writing};
use crate::support::database::{Database, on_both_stores, standing_clock};

on_both_stores!(
    a_dropped_transaction_leaves_nothing_behind,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let mail = message("one");
        let mut tx = writing(&store).await;
        tx.messages_upsert(mailbox, &[message_write(&mail, clock.now())], clock.now())
            .await?;

        drop(tx);

        assert_eq!(store.messages_count(mailbox).await?, 0);
        let mut tx = writing(&store).await;
        tx.messages_upsert(mailbox, &[message_write(&mail, clock.now())], clock.now())
            .await?;
        tx.rollback().await?;
        assert_eq!(store.messages_count(mailbox).await?, 0);
    }
);

// Crate fact: a `begin()` that is dropped half way poisons its pooled connection in sqlx.
on_both_stores!(a_dropped_begin_leaves_nothing_behind, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;

    for polls in 1..12 {
        for priority in [Priority::Acknowledgement, Priority::Live, Priority::Bulk] {
            let mut begin = Box::pin(store.write(priority));
            for _ in 0..polls {
                let mut context = Context::from_waker(Waker::noop());
                if let Poll::Ready(tx) = begin.as_mut().poll(&mut context) {
                    drop(tx?);
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    for priority in [Priority::Acknowledgement, Priority::Live, Priority::Bulk] {
        let tx = store.write(priority).await?;
        tx.commit().await?;
    }
    assert!(store.mailbox_get(mailbox).await?.is_some());
});

on_both_stores!(
    a_commit_is_done_whole_though_its_caller_goes_away,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let mail = message("one");
        let mut tx = writing(&store).await;
        tx.messages_upsert(mailbox, &[message_write(&mail, clock.now())], clock.now())
            .await?;
        tx.wake(mailbox);
        let mut wakes = store.wake_listen();

        let mut commit = Box::pin(tx.commit());
        let mut context = Context::from_waker(Waker::noop());
        let _ = commit.as_mut().poll(&mut context);
        drop(commit);

        assert_eq!(wakes.next().await, Wake::Mailbox(mailbox));
        assert_eq!(store.messages_count(mailbox).await?, 1);
    }
);

// Design §4: every write of a home is refused once its lease has moved on.
on_both_stores!(a_home_that_lost_its_lease_cannot_write, |store, clock| {
    let (mailbox, fence) = served(&store, &clock, "anna").await;
    let mut tx = writing(&store).await;
    tx.fence(&fence).await?;
    tx.commit().await?;
    clock.advance(LEASE + Duration::from_secs(1));
    let (_, newer) = store
        .mailbox_claim_one(mailbox.id, "other", clock.now(), LEASE)
        .await?
        .expect("the lease ran out");

    let refused = writing(&store).await.fence(&fence).await;

    assert!(matches!(refused, Err(StoreError::LeaseLost)));
    writing(&store).await.fence(&newer).await?;
});

// Design §6: no backfill stands before an acknowledgement; the urgent goes first when the writer is free again.
#[tokio::test]
async fn on_sqlite_an_acknowledgement_goes_before_whoever_waits_longer() {
    let database = Database::create(Backend::Sqlite).await;
    let store = database.open(&standing_clock()).await;
    let writer = writing(&store).await;
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    for (name, priority) in [
        ("bulk", Priority::Bulk),
        ("live", Priority::Live),
        ("acknowledgement", Priority::Acknowledgement),
    ] {
        let (store, sender) = (store.clone(), sender.clone());
        tokio::spawn(async move {
            let tx = store.write(priority).await.expect("its turn comes");
            let _ = sender.send(name);
            tx.commit().await.expect("it commits");
        });
        tokio::task::yield_now().await;
    }

    writer.commit().await.expect("it commits");

    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(order.recv().await.expect("three writers"));
    }
    assert_eq!(seen, ["acknowledgement", "live", "bulk"]);
}

#[tokio::test]
async fn on_postgres_an_acknowledgement_does_not_wait_for_a_pool_that_is_taken() {
    let database = Database::create(Backend::Postgres).await;
    let settings = StoreSettings {
        connections: 1,
        readers: 1,
        ..StoreSettings::default()
    };
    let store = Store::open_with(&database.url, settings, Arc::new(standing_clock()))
        .await
        .expect("it opens");
    assert_eq!(store.backend(), Backend::Postgres);
    let _bulk = store.write(Priority::Bulk).await.expect("it begins");

    let tx = store
        .write(Priority::Acknowledgement)
        .await
        .expect("it begins too");

    tx.commit().await.expect("it commits");
}

// Crate fact: sqlx 0.9.0 leaves Nagle's algorithm on, and a large bind waits for a delayed acknowledgement of 40 ms.
#[tokio::test]
async fn a_bind_of_50_kb_over_tcp_does_not_wait_for_a_delayed_acknowledgement() {
    let database = Database::create(Backend::Postgres).await;
    let clock = standing_clock();
    let store = database.open(&clock).await;
    let mailbox = connected(&store, &clock, "anna").await;
    let mut fastest = Duration::MAX;

    for attempt in 0..10 {
        let mut mail = message("one");
        mail.body = Some(format!("{attempt}").repeat(50_000));
        let mut tx = writing(&store).await;
        let began = tokio::time::Instant::now();
        tx.messages_upsert(mailbox, &[message_write(&mail, clock.now())], clock.now())
            .await
            .expect("it is written");
        fastest = fastest.min(began.elapsed());
        tx.commit().await.expect("it commits");
    }

    assert!(fastest < Duration::from_millis(20), "{fastest:?}");
}

on_both_stores!(
    a_signal_comes_with_the_commit_and_not_before,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let other = connected(&store, &clock, "ben").await;
        let mut wakes = store.wake_listen();
        let mut undone = writing(&store).await;
        undone.wake(other);
        undone.rollback().await?;
        let mut tx = writing(&store).await;

        tx.wake(mailbox);
        tx.wake(mailbox);
        tx.commit().await?;
        let mut last = writing(&store).await;
        last.wake(other);
        last.commit().await?;

        assert_eq!(wakes.next().await, Wake::Mailbox(mailbox));
        assert_eq!(wakes.next().await, Wake::Mailbox(other));
    }
);

on_both_stores!(
    everybody_can_be_told_to_look_at_everything,
    |store, _clock| {
        let mut wakes = store.wake_listen();

        store.wake_all();

        assert_eq!(wakes.next().await, Wake::Everything);
    }
);

#[tokio::test]
async fn on_postgres_a_signal_reaches_another_process() {
    let database = Database::create(Backend::Postgres).await;
    let clock = standing_clock();
    let (here, there) = (database.open(&clock).await, database.open(&clock).await);
    let mut wakes = there.wake_listen();
    let mailbox = connected(&here, &clock, "anna").await;
    assert_eq!(wakes.next().await, Wake::Mailbox(mailbox));

    let mut tx = writing(&here).await;
    tx.notices_add(
        mailbox,
        &[NewNotice {
            kind: NoticeKind::Message,
            external_id: id("one"),
            lane: Lane::Live,
            hint: ChangeHint::Created,
            due_at: clock.now(),
            trace: None,
        }],
        clock.now(),
    )
    .await
    .expect("it is added");
    tx.wake(mailbox);
    tx.commit().await.expect("it commits");

    assert_eq!(wakes.next().await, Wake::Mailbox(mailbox));
}

on_both_stores!(
    a_store_that_was_closed_answers_with_an_error,
    |store, _clock| {
        store.ping().await?;

        store.close().await;

        let error = store.ping().await.expect_err("it is closed");
        assert!(error.is_transient(), "{error:?}");
        assert!(error.retry_after().is_some());
        assert!(store.write(Priority::Live).await.is_err());
    }
);

#[tokio::test]
async fn on_sqlite_a_closed_store_has_everything_in_one_file() {
    let database = Database::create(Backend::Sqlite).await;
    let clock = standing_clock();
    let store = database.open(&clock).await;
    connected(&store, &clock, "anna").await;

    store.close().await;

    let log = format!("{}-wal", database.url.trim_start_matches("sqlite://"));
    assert!(!std::path::Path::new(&log).exists());
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_named_without_being_shown() {
    for address in [
        "mysql://secret@host/db",
        "sqlite::memory:",
        "postgres://[secret",
    ] {
        let error = Store::open(address, Arc::new(standing_clock()))
            .await
            .expect_err(address);

        assert!(matches!(error, StoreError::Address { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let error = Store::open(
        "sqlite:///proc/none/such/file.db",
        Arc::new(standing_clock()),
    )
    .await
    .expect_err("nobody can make that");

    assert!(
        matches!(&error, StoreError::NotWritable { path, .. } if path.ends_with("none/such")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let error = Store::open(
        "postgres://nobody@127.0.0.1:1/none",
        Arc::new(standing_clock()),
    )
    .await
    .expect_err("nobody listens there");

    assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
}

on_both_stores!(a_transaction_under_way_can_be_told, |store, clock| {
    connected(&store, &clock, "anna").await;
    store.idle().await;

    let tx = writing(&store).await;
    assert!(store.is_busy());

    tx.commit().await?;
    store.idle().await;
    assert!(!store.is_busy());
});
