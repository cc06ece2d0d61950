//! At most one home per mailbox, whatever happens to processes (design §4, R9).

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use graph_mirror::home::{HomeSettings, Homes};
use graph_mirror::model::time::Clock;
use graph_mirror::store::{MailboxMark, Priority, StoreError};
use tokio_util::sync::CancellationToken;

use super::stage::{Act, Player, Process, connect, notice, released, until};
use crate::support::database::on_both_stores;

on_both_stores!(of_two_processes_one_serves_a_mailbox, |store, clock| {
    let mut one = Process::start(&store, &clock, "one", vec![Act::Stay]);
    let mut two = Process::start(&store, &clock, "two", vec![Act::Stay]);
    let mailbox = connect(&store, &clock, "anna").await;

    let home = tokio::select! {
        home = one.begins() => home,
        home = two.begins() => home,
    };
    for number in 0..5 {
        notice(&store, &clock, mailbox, &format!("AAMk{number}=")).await;
        clock.advance(Duration::from_secs(1));
    }

    assert!(one.has_said_nothing() && two.has_said_nothing());
    let row = store.mailbox_get(mailbox).await?.expect("it is there");
    assert_eq!(row.lease_token, Some(home.fence.token));
    one.stopped().await;
    two.stopped().await;
});

on_both_stores!(
    a_heartbeat_keeps_the_lease_for_as_long_as_the_work_lasts,
    |store, clock| {
        let mut process = Process::start(&store, &clock, "one", vec![Act::Stay]);
        let mailbox = connect(&store, &clock, "anna").await;
        let home = process.begins().await;

        for _ in 0..12 {
            let before = store
                .mailbox_get(mailbox)
                .await?
                .expect("it is there")
                .lease_until;
            clock.advance(HomeSettings::default().beat);
            until("the lease to be extended", async || {
                let row = store.mailbox_get(mailbox).await.expect("the store answers");
                (row.expect("it is there").lease_until > before).then_some(())
            })
            .await;
        }

        assert!(!home.lost.is_cancelled());
        assert!(!home.stopping.is_cancelled());
        process.stopped().await;
    }
);

on_both_stores!(
    a_lease_that_could_not_be_extended_in_time_is_given_up_and_taken_again,
    |store, clock| {
        // The database lets nobody write for longer than the lease lasts.
        let acts = vec![Act::Stay, Act::Stay];
        let mut process = Process::start(&store, &clock, "one", acts);
        let mailbox = connect(&store, &clock, "anna").await;
        let home = process.begins().await;
        let mut tx = store.write(Priority::Live).await?;
        tx.mailbox_mark(mailbox, &[MailboxMark::WorkAt(clock.now())], clock.now())
            .await?;

        until("the home to be given up", async || {
            clock.advance(Duration::from_secs(1));
            home.lost.is_cancelled().then_some(())
        })
        .await;
        assert_eq!(process.ends().await.0, mailbox);
        drop(tx);

        let again = until("the mailbox to be served again", async || {
            clock.advance(HomeSettings::default().poll);
            process.begun()
        })
        .await;
        assert_eq!(again.mailbox.id, mailbox);
        assert_ne!(again.fence.token, home.fence.token);
        process.stopped().await;
    }
);

on_both_stores!(
    a_home_that_lost_its_lease_is_told_and_can_write_nothing,
    |store, clock| {
        // R9: the process stood still, and another took over.
        let mut process = Process::start(&store, &clock, "one", vec![Act::Stay]);
        let mailbox = connect(&store, &clock, "anna").await;
        let home = process.begins().await;
        let later = clock.now() + TimeDelta::seconds(31);
        let taken = store
            .mailbox_claim_one(mailbox, "two", later, Duration::from_mins(10))
            .await?;
        let (_, successor) = taken.expect("the lease has run out for who looks later");

        clock.advance(HomeSettings::default().beat);
        home.lost.cancelled().await;

        let mut tx = store.write(Priority::Live).await?;
        assert!(matches!(
            tx.fence(&home.fence).await,
            Err(StoreError::LeaseLost)
        ));
        tx.rollback().await?;
        let mut tx = store.write(Priority::Live).await?;
        tx.fence(&successor).await?;
        tx.rollback().await?;
        process.stopped().await;
    }
);

on_both_stores!(
    the_mailbox_of_a_process_that_died_is_taken_over,
    |store, clock| {
        // A process that dies takes its tasks along and gives nothing back.
        let mut dying = Process::start(&store, &clock, "one", vec![Act::Stay]);
        let mailbox = connect(&store, &clock, "anna").await;
        let former = dying.begins().await;
        dying.task.abort();
        until("the process to be dead", async || {
            dying.task.is_finished().then_some(())
        })
        .await;

        let mut survivor = Process::start(&store, &clock, "two", vec![]);
        clock.advance(HomeSettings::default().lease + Duration::from_secs(1));

        let home = survivor.begins().await;
        assert_eq!(home.mailbox.id, mailbox);
        assert_ne!(home.fence.token, former.fence.token);
        survivor.stopped().await;
    }
);

on_both_stores!(
    a_long_pause_of_the_whole_process_loses_no_home,
    |store, clock| {
        // The sandbox moves a week in a millisecond; a laptop sleeps.
        let mut process = Process::start(&store, &clock, "one", vec![Act::Stay]);
        let mailbox = connect(&store, &clock, "anna").await;
        let home = process.begins().await;

        clock.advance(Duration::from_hours(7 * 24));

        until("the lease to be extended", async || {
            let row = store.mailbox_get(mailbox).await.expect("the store answers");
            (row.expect("it is there").lease_until > Some(clock.now())).then_some(())
        })
        .await;
        assert!(!home.lost.is_cancelled());
        assert!(process.has_said_nothing());
        process.stopped().await;
    }
);

on_both_stores!(
    a_process_that_stops_gives_its_leases_back,
    |store, clock| {
        let mut process = Process::start(&store, &clock, "one", vec![Act::Stay, Act::Stay]);
        let anna = connect(&store, &clock, "anna").await;
        let bert = connect(&store, &clock, "bert").await;
        process.begins().await;
        process.begins().await;

        process.stopped().await;

        released(&store, anna).await;
        released(&store, bert).await;
    }
);

on_both_stores!(a_resident_that_does_not_end_is_ended, |store, clock| {
    let settings = HomeSettings {
        grace: Duration::from_millis(50),
        ..HomeSettings::default()
    };
    let mut process = Process::start_with(&store, &clock, "one", vec![Act::Refuse], settings);
    let mailbox = connect(&store, &clock, "anna").await;
    process.begins().await;

    process.stopped().await;

    released(&store, mailbox).await;
});

on_both_stores!(
    a_panic_ends_a_spell_and_neither_the_process_nor_its_neighbours,
    |store, clock| {
        let mut process = Process::start(&store, &clock, "one", vec![Act::Panic]);
        let anna = connect(&store, &clock, "anna").await;
        assert_eq!(process.begins().await.mailbox.id, anna);

        let bert = connect(&store, &clock, "bert").await;
        assert_eq!(process.begins().await.mailbox.id, bert);

        clock.advance(Duration::from_secs(31));
        let mut again = process.begins().await.mailbox.id;
        while again != anna {
            again = process.begins().await.mailbox.id;
        }
        process.stopped().await;
    }
);

on_both_stores!(
    a_command_can_be_the_home_where_nobody_serves,
    |store, clock| {
        let mailbox = connect(&store, &clock, "anna").await;
        notice(&store, &clock, mailbox, "AAMk=").await;
        let homes = Homes::new(
            store.clone(),
            Arc::new(clock.clone()),
            "command".to_owned(),
            HomeSettings::default(),
        );
        let player = Player::silent(&store, &clock);

        let served = homes
            .serve_one(mailbox, player.clone(), CancellationToken::new())
            .await?;

        assert!(served.is_some());
        assert!(
            store
                .notices_due(mailbox, clock.now(), 10)
                .await?
                .is_empty()
        );
        released(&store, mailbox).await;
        let held = store
            .mailbox_claim_one(mailbox, "other", clock.now(), Duration::from_secs(30))
            .await?;
        assert!(held.is_some());
        let refused = homes
            .serve_one(mailbox, player, CancellationToken::new())
            .await?;
        assert!(refused.is_none(), "somebody serves it");
    }
);
