//! Notices.

use graph_mirror::model::time::{Clock, Timestamp};
use graph_mirror::model::work::{ChangeHint, Lane, NoticeKind};
use graph_mirror::store::{Backlog, NewNotice, SeenNotice};

use super::samples::{connected, id, seconds, writing};
use crate::support::database::on_both_stores;

fn notice(name: &str, lane: Lane, due_at: Timestamp) -> NewNotice {
    NewNotice {
        kind: NoticeKind::Message,
        external_id: id(name),
        lane,
        hint: if lane == Lane::Live {
            ChangeHint::Updated
        } else {
            ChangeHint::Suspected
        },
        due_at,
        trace: None,
    }
}

on_both_stores!(one_item_has_one_notice_of_each_kind, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let now = clock.now();
    let mut tx = writing(&store).await;
    let waits = notice("one", Lane::Live, now + seconds(90));
    tx.notices_add(mailbox, &[waits], now).await?;
    tx.commit().await?;

    let found = store
        .notice_get(mailbox, NoticeKind::Message, &id("one"))
        .await?;
    assert_eq!(found.map(|notice| notice.lane), Some(Lane::Live));
    for (kind, name) in [(NoticeKind::Event, "one"), (NoticeKind::Message, "two")] {
        assert_eq!(store.notice_get(mailbox, kind, &id(name)).await?, None);
    }
});

on_both_stores!(
    announced_items_come_first_then_the_longest_due,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let other = connected(&store, &clock, "ben").await;
        let now = clock.now();
        let mut tx = writing(&store).await;
        let notices = [
            notice("suspect", Lane::Repair, now - seconds(90)),
            notice("second", Lane::Live, now),
            notice("first", Lane::Live, now - seconds(1)),
            notice("not yet", Lane::Live, now + seconds(5)),
            NewNotice {
                kind: NoticeKind::Event,
                ..notice("second", Lane::Audit, now)
            },
        ];
        tx.notices_add(mailbox, &notices, now).await?;
        tx.notices_add(other, &notices[..1], now).await?;
        tx.commit().await?;

        let due = store.notices_due(mailbox, now, 10).await?;

        let names = due
            .iter()
            .map(|notice| notice.external_id.as_str())
            .collect::<Vec<_>>();
        assert_eq!(names, ["first", "second", "suspect", "second"]);
        assert_eq!(
            (due[3].kind, due[3].lane),
            (NoticeKind::Event, Lane::Repair)
        );
        assert_eq!((due[0].generation, due[0].attempts), (1, 0));
        assert_eq!((due[0].received_at, due[0].due_at), (now, now - seconds(1)));
        assert_eq!(store.notices_due(mailbox, now, 1).await?.len(), 1);
        assert_eq!(
            store.notices_next_due(mailbox).await?,
            Some(now - seconds(90))
        );
        let live = store.notices_next_due_in(mailbox, Lane::Live).await?;
        assert_eq!(live, Some(now - seconds(1)));
        let backlog = store.notices_backlog(mailbox).await?;
        let expected = Backlog {
            live: 3,
            repair: 2,
            oldest_live_at: Some(now),
        };
        assert_eq!(backlog, expected);
        let mut tx = writing(&store).await;
        assert_eq!(tx.notices_clear(mailbox).await?, 5);
        tx.commit().await?;
        assert_eq!(store.notices_next_due(mailbox).await?, None);
        assert_eq!(store.notices_backlog(mailbox).await?, Backlog::default());
    }
);

// M3: what is named again while it waits is looked at once.
on_both_stores!(
    a_further_notice_is_taken_in_by_the_one_that_waits,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        let mut tx = writing(&store).await;
        tx.notices_add(
            mailbox,
            &[notice("one", Lane::Repair, now + seconds(60))],
            now,
        )
        .await?;
        tx.notices_add(mailbox, &[notice("one", Lane::Live, now)], now + seconds(1))
            .await?;
        tx.notices_add(
            mailbox,
            &[notice("one", Lane::Repair, now + seconds(9))],
            now + seconds(2),
        )
        .await?;
        tx.commit().await?;

        let due = store.notices_due(mailbox, now, 10).await?;

        assert_eq!(due.len(), 1);
        assert_eq!(
            (due[0].lane, due[0].hint, due[0].generation),
            (Lane::Live, ChangeHint::Updated, 3)
        );
        assert_eq!((due[0].received_at, due[0].due_at), (now, now));
    }
);

on_both_stores!(
    settling_takes_only_the_generation_that_was_seen,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        let names = (0..40)
            .map(|number| format!("n{number}"))
            .collect::<Vec<_>>();
        let notices = names
            .iter()
            .map(|name| notice(name, Lane::Live, now))
            .collect::<Vec<_>>();
        let mut tx = writing(&store).await;
        tx.notices_add(mailbox, &notices, now).await?;
        tx.commit().await?;
        let seen = store.notices_due(mailbox, now, 100).await?;
        let seen = seen.iter().map(SeenNotice::from).collect::<Vec<_>>();
        let mut tx = writing(&store).await;
        tx.notices_add(mailbox, &notices[..3], now).await?;
        tx.commit().await?;

        let mut tx = writing(&store).await;
        assert_eq!(tx.notices_settle(mailbox, &seen).await?, 37);
        assert_eq!(tx.notices_settle(mailbox, &[]).await?, 0);
        tx.commit().await?;

        let left = store.notices_due(mailbox, now, 100).await?;
        assert_eq!(left.len(), 3);
        assert!(left.iter().all(|notice| notice.generation == 2));
    }
);

// M34, M41: failures are put off; a suspicion does not hurry them, an announcement does.
on_both_stores!(
    a_failing_item_waits_until_it_is_announced_anew,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        let later = now + seconds(600);
        let mut tx = writing(&store).await;
        tx.notices_add(mailbox, &[notice("one", Lane::Live, now)], now)
            .await?;
        let mut seen = SeenNotice {
            kind: NoticeKind::Message,
            external_id: id("one"),
            generation: 1,
            received_at: now,
            trace: None,
        };
        assert!(tx.notices_postpone(mailbox, &seen, later).await?);
        tx.notices_add(mailbox, &[notice("one", Lane::Repair, now)], now)
            .await?;
        assert!(
            !tx.notices_postpone(mailbox, &seen, now).await?,
            "it was renewed meanwhile"
        );
        seen.generation = 2;
        tx.commit().await?;

        assert!(store.notices_due(mailbox, now, 10).await?.is_empty());
        let failing = store.notices_failing(mailbox, 1, 10).await?;
        assert_eq!(
            (failing.len(), failing[0].attempts, failing[0].due_at),
            (1, 1, later)
        );
        assert!(store.notices_failing(mailbox, 2, 10).await?.is_empty());
        assert_eq!(store.notices_backlog(mailbox).await?.oldest_live_at, None);
        let mut tx = writing(&store).await;
        tx.notices_add(mailbox, &[notice("one", Lane::Live, now)], now)
            .await?;
        tx.commit().await?;
        let due = store.notices_due(mailbox, now, 10).await?;
        assert_eq!((due.len(), due[0].attempts, due[0].generation), (1, 0, 3));
    }
);

// M41: what always fails is retried or released by hand, and nothing else is touched.
on_both_stores!(
    a_quarantined_item_is_retried_or_released_and_no_other,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        let rests_until = now + seconds(600);
        let mut tx = writing(&store).await;
        let names = ["one", "two", "three"];
        let notices = names.map(|name| notice(name, Lane::Live, now));
        tx.notices_add(mailbox, &notices, now).await?;
        for name in ["one", "two"] {
            let seen = SeenNotice {
                kind: NoticeKind::Message,
                external_id: id(name),
                generation: 1,
                received_at: now,
                trace: None,
            };
            assert!(tx.notices_postpone(mailbox, &seen, rests_until).await?);
        }
        tx.commit().await?;

        let mut tx = writing(&store).await;
        let (one, three) = (id("one"), id("three"));
        let of = |id| Some((NoticeKind::Message, id));
        assert_eq!(tx.notices_retry(mailbox, of(&three), 1, now).await?, 0);
        assert_eq!(tx.notices_retry(mailbox, of(&one), 1, now).await?, 1);
        assert_eq!(tx.notices_release(mailbox, of(&one), 1).await?, 0);
        assert_eq!(tx.notices_release(mailbox, None, 1).await?, 1);
        tx.commit().await?;

        let due = store.notices_due(mailbox, now, 10).await?;
        let mut left: Vec<_> = due
            .iter()
            .map(|notice| (&notice.external_id, notice.attempts))
            .collect();
        left.sort();
        assert_eq!(left, [(&one, 0), (&three, 0)]);
        assert_eq!(store.notices_next_due(mailbox).await?, Some(now));
        let kind = NoticeKind::Message;
        let found = store.notice_get(mailbox, kind, &one).await?;
        assert_eq!(found.map(|notice| notice.external_id), Some(one));
        assert_eq!(store.notice_get(mailbox, kind, &id("two")).await?, None);
    }
);
