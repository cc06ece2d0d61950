//! A signal claims at once, a home that lingers is woken, a lost signal costs a poll.

use std::time::{Duration, Instant};

use graph_mirror::home::HomeSettings;
use graph_mirror::model::time::{Clock, ManualClock};
use graph_mirror::store::{Backend, MailboxMark, Priority};

use super::stage::{Act, Process, connect, notice, released};
use crate::support::database::{Database, on_both_stores};

on_both_stores!(a_mailbox_with_work_is_found_at_the_start, |store, clock| {
    let mailbox = connect(&store, &clock, "anna").await;

    let mut process = Process::start(&store, &clock, "one", vec![]);

    assert_eq!(process.begins().await.mailbox.id, mailbox);
    process.stopped().await;
});

on_both_stores!(
    a_recorded_notice_claims_its_idle_mailbox_at_once,
    |store, clock| {
        // The clock stands: no poll can have found it.
        let mut process = Process::start(&store, &clock, "one", vec![]);
        let mailbox = connect(&store, &clock, "anna").await;
        assert_eq!(process.ends().await, (mailbox, 0));
        clock.advance(HomeSettings::default().linger);
        released(&store, mailbox).await;

        notice(&store, &clock, mailbox, "AAMk=").await;

        assert_eq!(process.ends().await, (mailbox, 1));
        process.stopped().await;
    }
);

on_both_stores!(
    a_burst_finds_the_home_that_lingers_and_claims_once,
    |store, clock| {
        let mut process = Process::start(&store, &clock, "one", vec![]);
        let mailbox = connect(&store, &clock, "anna").await;
        let first = process.begins().await;
        process.ends().await;

        for number in 0..5 {
            notice(&store, &clock, mailbox, &format!("AAMk{number}=")).await;
            let next = process.begins().await;
            assert_eq!(next.fence, first.fence, "the lease is the same");
            assert_eq!(process.ends().await, (mailbox, 1));
        }
        process.stopped().await;
    }
);

on_both_stores!(
    a_notice_that_comes_while_its_home_works_is_served_after,
    |store, clock| {
        let mut process = Process::start(&store, &clock, "one", vec![Act::Settle, Act::Stay]);
        let mailbox = connect(&store, &clock, "anna").await;
        process.ends().await;
        notice(&store, &clock, mailbox, "first").await;
        let home = process.begins().await;

        notice(&store, &clock, mailbox, "second").await;
        home.stopping.cancel();
        process.ends().await;

        assert_eq!(process.ends().await, (mailbox, 2));
        process.stopped().await;
    }
);

on_both_stores!(a_lost_signal_costs_one_poll, |store, clock| {
    let mut process = Process::start(&store, &clock, "one", vec![]);
    let mailbox = connect(&store, &clock, "anna").await;
    process.ends().await;
    clock.advance(HomeSettings::default().linger);
    released(&store, mailbox).await;
    // Recorded by a process whose signal does not reach this one.
    let now = clock.now();
    store
        .mailbox_mark(mailbox, &[MailboxMark::WorkAt(now)], now)
        .await?;
    assert!(process.has_said_nothing());

    clock.advance(HomeSettings::default().poll);

    assert_eq!(process.begins().await.mailbox.id, mailbox);
    process.stopped().await;
});

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_wakes_its_lingering_home_within_a_fraction_of_a_millisecond() {
    let clock = ManualClock::running();
    let database = Database::create(Backend::Sqlite).await;
    let store = database.open(&clock).await;
    let settings = HomeSettings {
        linger: Duration::from_mins(1),
        ..HomeSettings::default()
    };
    let mut process = Process::start_with(&store, &clock, "one", vec![], settings);
    let mailbox = connect(&store, &clock, "anna").await;
    process.ends().await;

    let mut waits = Vec::new();
    for _ in 0..50 {
        let mut tx = store.write(Priority::Live).await.expect("a transaction");
        tx.wake(mailbox);
        tx.commit().await.expect("it is committed");
        let began = Instant::now();
        process.begins().await;
        waits.push(began.elapsed());
        process.ends().await;
    }
    waits.sort_unstable();

    // Half of a busy machine's wakings; alone it is some tenths of a millisecond.
    assert!(
        waits[waits.len() / 4] < Duration::from_millis(5),
        "{waits:?}"
    );
    process.stopped().await;
}
