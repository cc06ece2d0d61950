//! A process keeps so many homes and no more, and everybody gets a turn.

use std::time::Duration;

use graph_mirror::home::HomeSettings;

use super::stage::{Act, Process, connect, notice};
use crate::support::database::on_both_stores;

fn narrow() -> HomeSettings {
    HomeSettings {
        limit: 2,
        ..HomeSettings::default()
    }
}

on_both_stores!(
    a_home_that_only_lingers_makes_place_for_one_with_work,
    |store, clock| {
        let mut process = Process::start_with(&store, &clock, "one", vec![], narrow());
        for user in ["anna", "bert"] {
            connect(&store, &clock, user).await;
            process.ends().await;
        }

        // Both linger, and the clock stands.
        let carl = connect(&store, &clock, "carl").await;

        assert_eq!(process.begins().await.mailbox.id, carl);
        process.stopped().await;
    }
);

on_both_stores!(
    a_home_that_works_for_long_gives_others_a_turn,
    |store, clock| {
        let acts = vec![Act::Stay, Act::Stay, Act::Settle];
        let mut process = Process::start_with(&store, &clock, "one", acts, narrow());
        connect(&store, &clock, "anna").await;
        connect(&store, &clock, "bert").await;
        let first = process.begins().await;
        let second = process.begins().await;
        let carl = connect(&store, &clock, "carl").await;
        notice(&store, &clock, carl, "AAMk=").await;
        assert!(!first.stopping.is_cancelled() && !second.stopping.is_cancelled());

        clock.advance(narrow().turn + Duration::from_secs(1));
        notice(&store, &clock, carl, "AAMl=").await;

        let mut served = process.begins().await.mailbox.id;
        while served != carl {
            served = process.begins().await.mailbox.id;
        }
        process.stopped().await;
    }
);
