//! Ticks, and what has served its time.

use graph_mirror::model::time::Clock;
use graph_mirror::model::work::Wish;

use super::samples::{connected, id, message, message_write, seconds, served, writing};
use crate::support::database::on_both_stores;

on_both_stores!(a_tick_is_taken_by_one_process, |store, clock| {
    let instant = clock.now();
    assert_eq!(store.ticks_last().await?, None);

    let takes = (0..6).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.ticks_take("renewals", instant, instant).await })
    });
    let mut winners = 0;
    for take in takes.collect::<Vec<_>>() {
        winners += usize::from(take.await??);
    }

    assert_eq!(winners, 1);
    assert!(store.ticks_take("audits", instant, instant).await?);
    assert!(
        store
            .ticks_take("renewals", instant + seconds(60), instant + seconds(61))
            .await?
    );
    assert_eq!(store.ticks_last().await?, Some(instant + seconds(61)));
    assert_eq!(
        store.ticks_newest().await?,
        [
            ("audits".to_owned(), instant),
            ("renewals".to_owned(), instant + seconds(61))
        ]
    );
});

on_both_stores!(what_has_served_its_time_is_deleted, |store, clock| {
    let (mailbox, _) = served(&store, &clock, "anna").await;
    let now = clock.now();
    store.ticks_take("renewals", now, now).await?;
    let command = store
        .command_add(mailbox.id, &Wish::Disconnect, now)
        .await?;
    let mut tx = writing(&store).await;
    tx.command_finish(mailbox.id, command, &Err(String::new()), now)
        .await?;
    tx.messages_delete(mailbox.id, &[id("one")], now, now)
        .await?;
    tx.commit().await?;

    assert_eq!(store.expired_prune(now).await?, 0);
    assert_eq!(store.expired_prune(now + seconds(1)).await?, 3);

    assert!(store.ticks_take("renewals", now, now).await?);
});

on_both_stores!(
    a_tombstone_that_was_deleted_no_longer_keeps_an_old_answer_out,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let mail = message("one");
        let mut tx = writing(&store).await;
        tx.messages_delete(mailbox, &[id("one")], clock.now(), clock.now())
            .await?;
        tx.commit().await?;
        store.expired_prune(clock.now() + seconds(1)).await?;

        let mut tx = writing(&store).await;
        let write = message_write(&mail, clock.now() - seconds(5));
        let effects = tx.messages_upsert(mailbox, &[write], clock.now()).await?;

        assert_eq!(effects[0].1, graph_mirror::model::work::Effect::Created);
    }
);
