//! Commands.

use std::time::Duration;

use graph_mirror::model::ids::CommandId;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::Wish;
use graph_mirror::store::Wake;

use super::samples::{connected, new_mailbox, seconds, writing};
use crate::support::database::on_both_stores;

on_both_stores!(
    a_wish_waits_for_the_home_and_its_outcome_for_the_caller,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let mut wakes = store.wake_listen();
        let wish = Wish::SyncEvents {
            max_results: 50,
            start: Some(clock.now()),
            end: None,
        };
        let id = store.command_add(mailbox, &wish, clock.now()).await?;
        assert_eq!(wakes.next().await, Wake::Mailbox(mailbox));
        let waiting = store.commands_waiting(mailbox).await?;
        assert_eq!(waiting.len(), 1);
        assert_eq!(
            (&waiting[0].wish, waiting[0].id, &waiting[0].outcome),
            (&wish, id, &None)
        );
        let caller = store.clone();
        let answer = tokio::spawn(async move {
            caller
                .command_wait(mailbox, id, Duration::from_secs(20))
                .await
        });

        let outcome = Ok(serde_json::json!({"created": 3}));
        let mut tx = writing(&store).await;
        assert!(
            tx.command_finish(mailbox, id, &outcome, clock.now())
                .await?
        );
        assert!(
            !tx.command_finish(mailbox, id, &Err("late".to_owned()), clock.now())
                .await?
        );
        tx.commit().await?;

        assert_eq!(answer.await??, Some(outcome.clone()));
        assert!(store.commands_waiting(mailbox).await?.is_empty());
        let stored = store.command_get(mailbox, id).await?.expect("it is there");
        assert_eq!(stored.outcome, Some(outcome));
        assert_eq!(
            store.command_get(mailbox, CommandId::generate()).await?,
            None
        );
    }
);

on_both_stores!(
    every_wish_reads_back_and_the_oldest_comes_first,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let wishes = [
            Wish::Sync { full: true },
            Wish::SyncMessages {
                max_results: 10,
                since: Some(clock.now()),
            },
            Wish::Verify { repair: false },
            Wish::Disconnect,
        ];
        for wish in &wishes {
            store.command_add(mailbox, wish, clock.now()).await?;
            clock.advance(seconds(1));
        }

        let waiting = store.commands_waiting(mailbox).await?;

        let waiting = waiting
            .into_iter()
            .map(|command| command.wish)
            .collect::<Vec<_>>();
        assert_eq!(waiting, wishes);
    }
);

on_both_stores!(
    an_outcome_that_does_not_come_is_not_waited_for_for_ever,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let id = store
            .command_add(mailbox, &Wish::Disconnect, clock.now())
            .await?;

        let outcome = store
            .command_wait(mailbox, id, Duration::from_millis(20))
            .await?;

        assert_eq!(outcome, None);
        assert_eq!(store.commands_waiting(mailbox).await?.len(), 1);
    }
);

on_both_stores!(
    a_failure_is_an_outcome_too_and_old_outcomes_are_deleted,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let failed = store
            .command_add(mailbox, &Wish::Disconnect, clock.now())
            .await?;
        store
            .command_add(mailbox, &Wish::Disconnect, clock.now())
            .await?;
        let mut tx = writing(&store).await;
        let outcome = Err("Graph refused".to_owned());
        tx.command_finish(mailbox, failed, &outcome, clock.now())
            .await?;
        tx.commit().await?;
        let stored = store
            .command_get(mailbox, failed)
            .await?
            .expect("it is there");
        assert_eq!(stored.outcome, Some(outcome));

        assert_eq!(store.commands_prune(clock.now()).await?, 0);
        assert_eq!(store.commands_prune(clock.now() + seconds(1)).await?, 1);

        assert_eq!(store.command_get(mailbox, failed).await?, None);
        assert_eq!(store.commands_waiting(mailbox).await?.len(), 1);
    }
);

on_both_stores!(
    connecting_a_mailbox_again_ends_wishes_to_disconnect_that_still_wait,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let other = connected(&store, &clock, "ben").await;
        let wish = |mailbox, wish: Wish| {
            let (store, now) = (store.clone(), clock.now());
            async move { store.command_add(mailbox, &wish, now).await }
        };
        let undone = wish(mailbox, Wish::Disconnect).await?;
        let kept = wish(mailbox, Wish::Sync { full: false }).await?;
        let others = wish(other, Wish::Disconnect).await?;

        let (again, _) = store
            .mailbox_connect(&new_mailbox("owner", "anna"), clock.now())
            .await?;

        assert_eq!(again, mailbox);
        let ended = store.command_get(mailbox, undone).await?;
        assert_eq!(
            ended.and_then(|command| command.outcome),
            Some(Err("the mailbox was connected again".to_owned()))
        );
        let waiting = store.commands_waiting(mailbox).await?;
        assert_eq!(
            waiting.iter().map(|command| command.id).collect::<Vec<_>>(),
            [kept]
        );
        let waiting = store.commands_waiting(other).await?;
        assert_eq!(
            waiting.iter().map(|command| command.id).collect::<Vec<_>>(),
            [others]
        );
    }
);
