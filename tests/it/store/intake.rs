//! Group commit of notices.

use graph_mirror::model::ids::{MailboxId, SubscriptionKey, TraceId};
use graph_mirror::model::mailbox::MailboxState;
use graph_mirror::model::time::{Clock, ManualClock, Timestamp};
use graph_mirror::model::work::{ChangeHint, Lane, NoticeKind, SubscriptionScope};
use graph_mirror::store::{
    Backend, IncomingNotice, IntakeOutcome, NewNotice, ParkedOutcome, Store, StoreError, Wake,
};

use super::samples::{connected, id, seconds, writing};
use super::subscriptions::sample;
use crate::support::database::on_both_stores;

async fn subscribed(store: &Store, clock: &ManualClock, mailbox: MailboxId) -> SubscriptionKey {
    let key = SubscriptionKey::generate();
    let mut tx = writing(store).await;
    tx.subscription_save(&sample(mailbox, key, clock.now()))
        .await
        .expect("it is saved");
    tx.commit().await.expect("it commits");
    key
}

fn incoming(key: SubscriptionKey, name: &str, received_at: Timestamp) -> IncomingNotice {
    IncomingNotice {
        subscription: key,
        graph_subscription_id: Some("graph id".to_owned()),
        external_id: id(name),
        hint: ChangeHint::Created,
        received_at,
        raw: Some(r#"{"changeType":"created"}"#.to_owned()),
        trace: None,
    }
}

// M5: what was accepted is durable, and its home is woken.
on_both_stores!(
    notices_wait_for_the_home_of_their_mailbox,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let key = subscribed(&store, &clock, mailbox).await;
        let mut wakes = store.wake_listen();
        let mut updated = incoming(key, "one", clock.now() + seconds(1));
        updated.hint = ChangeHint::Updated;

        let outcome = store
            .notices_intake(vec![
                incoming(key, "one", clock.now()),
                incoming(key, "two", clock.now()),
                updated,
            ])
            .await?;

        let expected = IntakeOutcome {
            recorded: 3,
            parked: 0,
            dropped: 0,
        };
        assert_eq!(outcome, expected);
        assert_eq!(wakes.next().await, Wake::Mailbox(mailbox));
        let due = store.notices_due(mailbox, clock.now(), 10).await?;
        assert_eq!(due.len(), 2);
        assert!(
            due.iter()
                .all(|notice| notice.kind == NoticeKind::Message && notice.lane == Lane::Live)
        );
        let one = due
            .iter()
            .find(|notice| notice.external_id == id("one"))
            .expect("it waits");
        assert_eq!(
            (one.hint, one.received_at, one.due_at),
            (ChangeHint::Updated, clock.now(), clock.now())
        );
        assert_eq!(
            store.notices_intake(Vec::new()).await?,
            IntakeOutcome::default()
        );
        // Who writes in bulk keeps it short for a while, where there is one writer.
        assert_eq!(store.is_hurried(), store.backend() == Backend::Sqlite);
    }
);

// M3.
on_both_stores!(a_notice_delivered_twice_is_one_row, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let old = subscribed(&store, &clock, mailbox).await;
    let successor = subscribed(&store, &clock, mailbox).await;

    store
        .notices_intake(vec![incoming(old, "one", clock.now())])
        .await?;
    store
        .notices_intake(vec![
            incoming(old, "one", clock.now()),
            incoming(successor, "one", clock.now()),
        ])
        .await?;

    let due = store.notices_due(mailbox, clock.now(), 10).await?;
    assert_eq!(due.len(), 1);
    assert!(due[0].generation >= 2, "{}", due[0].generation);
});

on_both_stores!(
    events_subscriptions_give_notices_of_events,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let mut subscription = sample(mailbox, SubscriptionKey::generate(), clock.now());
        subscription.scope = SubscriptionScope::Events {
            calendar: id("calendar"),
        };
        let mut tx = writing(&store).await;
        tx.subscription_save(&subscription).await?;
        tx.commit().await?;

        store
            .notices_intake(vec![incoming(subscription.key, "one", clock.now())])
            .await?;

        assert_eq!(
            store.notices_due(mailbox, clock.now(), 10).await?[0].kind,
            NoticeKind::Event
        );
    }
);

on_both_stores!(
    a_notice_keeps_the_trace_of_the_post_that_named_it_first,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let key = subscribed(&store, &clock, mailbox).await;
        let (first, second) = (TraceId::generate(), TraceId::generate());
        let traced = |name: &str, trace| IncomingNotice {
            trace,
            ..incoming(key, name, clock.now())
        };
        let suspicion = NewNotice {
            kind: NoticeKind::Message,
            external_id: id("suspected"),
            lane: Lane::Repair,
            hint: ChangeHint::Suspected,
            due_at: clock.now(),
            trace: None,
        };
        let mut tx = writing(&store).await;
        tx.notices_add(mailbox, &[suspicion], clock.now()).await?;
        tx.commit().await?;

        store
            .notices_intake(vec![
                traced("one", Some(first)),
                traced("one", Some(second)),
                traced("suspected", Some(first)),
                traced("untraced", None),
            ])
            .await?;
        store
            .notices_intake(vec![traced("one", Some(second))])
            .await?;

        let due = store.notices_due(mailbox, clock.now(), 10).await?;
        let trace_of = |name: &str| {
            let found = due.iter().find(|notice| notice.external_id == id(name));
            found.expect("it waits").trace
        };
        assert_eq!(trace_of("one"), Some(first));
        assert_eq!(trace_of("suspected"), Some(first));
        assert_eq!(trace_of("untraced"), None);
    }
);

// M20: a notice that is faster than its subscription's 201 is parked, then matched or dropped.
on_both_stores!(
    notices_of_an_unknown_subscription_are_parked_then_matched_or_dropped,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let (soon, never) = (SubscriptionKey::generate(), SubscriptionKey::generate());

        let mut bare = incoming(never, "two", clock.now());
        bare.raw = None;
        bare.graph_subscription_id = None;
        let outcome = store
            .notices_intake(vec![incoming(soon, "one", clock.now()), bare])
            .await?;

        let expected = IntakeOutcome {
            recorded: 0,
            parked: 2,
            dropped: 0,
        };
        assert_eq!(outcome, expected);
        assert!(store.parked_notices_exist(soon).await?);
        assert_eq!(
            store.parked_notices_match(clock.now()).await?,
            ParkedOutcome::default()
        );
        let mut tx = writing(&store).await;
        tx.subscription_save(&sample(mailbox, soon, clock.now()))
            .await?;
        tx.commit().await?;
        let mut wakes = store.wake_listen();
        let matched = store.parked_notices_match(clock.now()).await?;
        let expected = ParkedOutcome {
            recorded: 1,
            dropped: 0,
        };
        assert_eq!(matched, expected);
        assert_eq!(wakes.next().await, Wake::Mailbox(mailbox));
        assert_eq!(
            store.notices_due(mailbox, clock.now(), 10).await?[0].external_id,
            id("one")
        );
        assert!(!store.parked_notices_exist(soon).await?);
        assert!(store.parked_notices_exist(never).await?);
        let dropped = store.parked_notices_match(clock.now() + seconds(1)).await?;
        let expected = ParkedOutcome {
            recorded: 0,
            dropped: 1,
        };
        assert_eq!(dropped, expected);
        assert!(!store.parked_notices_exist(never).await?);
    }
);

on_both_stores!(
    notices_of_a_mailbox_that_is_not_mirrored_are_dropped,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let other = connected(&store, &clock, "ben").await;
        let (gone, alive) = (
            subscribed(&store, &clock, mailbox).await,
            subscribed(&store, &clock, other).await,
        );
        let mut tx = writing(&store).await;
        tx.mailbox_state_set(mailbox, MailboxState::Disconnected, None, clock.now())
            .await?;
        tx.commit().await?;

        let outcome = store
            .notices_intake(vec![
                incoming(gone, "one", clock.now()),
                incoming(alive, "one", clock.now()),
            ])
            .await?;

        let expected = IntakeOutcome {
            recorded: 1,
            parked: 0,
            dropped: 1,
        };
        assert_eq!(outcome, expected);
        assert!(
            store
                .notices_due(mailbox, clock.now(), 10)
                .await?
                .is_empty()
        );
        assert_eq!(store.notices_due(other, clock.now(), 10).await?.len(), 1);
    }
);

on_both_stores!(
    whoever_waits_is_written_together_and_each_gets_its_own_answer,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let key = subscribed(&store, &clock, mailbox).await;
        let tasks = (0..200).map(|number| {
            let (store, now) = (store.clone(), clock.now());
            tokio::spawn(async move {
                let mut notices = vec![incoming(key, &format!("item {number}"), now)];
                if number % 2 == 0 {
                    notices.push(incoming(SubscriptionKey::generate(), "unknown", now));
                }
                store.notices_intake(notices).await
            })
        });

        for (number, task) in tasks.collect::<Vec<_>>().into_iter().enumerate() {
            let outcome = task.await??;
            let expected = IntakeOutcome {
                recorded: 1,
                parked: usize::from(number % 2 == 0),
                dropped: 0,
            };
            assert_eq!(outcome, expected);
        }

        assert_eq!(
            store.notices_due(mailbox, clock.now(), 1_000).await?.len(),
            200
        );
    }
);

on_both_stores!(a_thousand_notices_at_once_are_recorded, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let key = subscribed(&store, &clock, mailbox).await;
    let notices = (0..1_500)
        .map(|number| incoming(key, &format!("item {number}"), clock.now()))
        .collect();

    let outcome = store.notices_intake(notices).await?;

    assert_eq!(outcome.recorded, 1_500);
    assert_eq!(store.notices_backlog(mailbox).await?.live, 1_500);
});

on_both_stores!(
    intake_and_home_on_the_same_items_never_wait_for_each_other,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let key = subscribed(&store, &clock, mailbox).await;
        let now = clock.now();
        let writer = {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..30 {
                    let notices = (0..40)
                        .rev()
                        .map(|number| incoming(key, &format!("item {number}"), now));
                    store.notices_intake(notices.collect()).await?;
                }
                Ok::<_, StoreError>(())
            })
        };

        while !writer.is_finished() {
            let seen = store.notices_due(mailbox, now, 40).await?;
            let seen = seen.iter().map(Into::into).collect::<Vec<_>>();
            let mut tx = writing(&store).await;
            tx.notices_settle(mailbox, &seen).await?;
            tx.commit().await?;
        }

        writer.await??;
    }
);

// The database is away: the caller is told why and to come again, and nothing hangs.
on_both_stores!(
    an_intake_that_cannot_be_made_durable_is_refused,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let key = subscribed(&store, &clock, mailbox).await;
        store.close().await;

        let refused = store
            .notices_intake(vec![incoming(key, "one", clock.now())])
            .await;

        let refused = refused.expect_err("nothing was written");
        assert!(matches!(refused, StoreError::Notices(_)), "{refused:?}");
        assert!(refused.is_transient());
        let said = refused.chain();
        assert!(
            said.starts_with("the notifications could not be made durable: "),
            "{said}"
        );
    }
);
