//! A throttled mailbox waits, its neighbours don't (M12); what was spent is remembered.

use std::time::Duration;

use graph_mirror::graph::Gate;
use graph_mirror::home::HomeSettings;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::Lane;

use super::stage::{Act, Process, connect, notice, released, until};
use crate::support::database::on_both_stores;

on_both_stores!(
    a_retry_after_holds_its_own_mailbox_and_no_other,
    |store, clock| {
        let (wait, last) = (Duration::from_secs(90), Duration::from_secs(1));
        let mut process = Process::start(&store, &clock, "one", vec![Act::Throttled(wait)]);
        let anna = connect(&store, &clock, "anna").await;
        assert_eq!(process.ends().await, (anna, 0));

        // It yields instead of sleeping: the lease is given back, and the row says until when.
        released(&store, anna).await;
        let row = store.mailbox_get(anna).await?.expect("it is there");
        assert_eq!(row.not_before, Some(clock.now() + wait));

        notice(&store, &clock, anna, "held").await;
        let bert = connect(&store, &clock, "bert").await;
        notice(&store, &clock, bert, "free").await;
        let mut settled = 0;
        while settled == 0 {
            let (mailbox, count) = process.ends().await;
            assert_eq!(mailbox, bert);
            settled = count;
        }

        clock.advance(wait.saturating_sub(last));
        assert_eq!(store.notices_due(anna, clock.now(), 10).await?.len(), 1);
        clock.advance(Duration::from_secs(1));
        until("the notice to be settled", async || {
            let due = store
                .notices_due(anna, clock.now(), 10)
                .await
                .expect("the store answers");
            due.is_empty().then_some(())
        })
        .await;
        process.stopped().await;
    }
);

on_both_stores!(
    a_mailbox_that_is_claimed_anew_remembers_what_it_spent,
    |store, clock| {
        // F3.9: the quota does not begin anew with a lease, nor with a process.
        let mut process = Process::start(&store, &clock, "one", vec![Act::Stay]);
        let mailbox = connect(&store, &clock, "anna").await;
        let home = process.begins().await;
        let full = home.gate.room(Lane::Live);
        for _ in 0..50 {
            drop(Gate::admit(&*home.gate, Lane::Live, 4).await?);
        }
        process.stopped().await;
        released(&store, mailbox).await;

        notice(&store, &clock, mailbox, "AAMk=").await;
        let mut restarted = Process::start(&store, &clock, "two", vec![Act::Stay]);
        let again = restarted.begins().await;

        assert_eq!(again.gate.room(Lane::Live), full - 200);
        restarted.stopped().await;
    }
);

on_both_stores!(
    a_killed_process_forgets_only_a_few_of_its_requests,
    |store, clock| {
        let mut process = Process::start(&store, &clock, "one", vec![Act::Stay]);
        connect(&store, &clock, "anna").await;
        let home = process.begins().await;
        let full = home.gate.room(Lane::Live);
        for _ in 0..250 {
            drop(Gate::admit(&*home.gate, Lane::Live, 4).await?);
            tokio::task::yield_now().await;
        }
        until("the count to be written down", async || {
            let row = store
                .mailbox_requests_spent(home.mailbox.id)
                .await
                .expect("the store answers");
            row.is_some().then_some(())
        })
        .await;
        process.task.abort();
        until("the process to be dead", async || {
            process.task.is_finished().then_some(())
        })
        .await;

        let mut survivor = Process::start(&store, &clock, "two", vec![Act::Stay]);
        clock.advance(HomeSettings::default().lease + Duration::from_secs(1));
        let again = survivor.begins().await;

        let left = again.gate.room(Lane::Live);
        assert!(left < full, "something was remembered");
        assert!(left >= full - 1_000);
        assert!(
            clock.now()
                > graph_mirror::model::time::Timestamp::UNIX_EPOCH + chrono::TimeDelta::days(1)
        );
        survivor.stopped().await;
    }
);
