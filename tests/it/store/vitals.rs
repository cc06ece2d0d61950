//! What the metrics ask.

use chrono::TimeDelta;
use graph_mirror::model::ids::SubscriptionKey;
use graph_mirror::model::mailbox::MailboxState;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{
    ChangeHint, CursorScope, Lane, NoticeKind, Subscription, SubscriptionScope, SubscriptionState,
};
use graph_mirror::store::{Backend, CursorFilter, MailboxMark, NewNotice, SeenNotice, Vitals};

use super::cursors::cursor;
use super::samples::{connected, id, seconds, writing};
use crate::support::database::on_both_stores;

on_both_stores!(
    the_vitals_of_all_mailboxes_are_told_at_once,
    |store, clock| {
        // M56
        let now = clock.now();
        assert_eq!(store.vitals(5, now).await?, Vitals::default());
        let (anna, bert) = (
            connected(&store, &clock, "anna").await,
            connected(&store, &clock, "bert").await,
        );
        let carl = connected(&store, &clock, "carl").await;
        let notice = |name: &str, lane| NewNotice {
            kind: NoticeKind::Message,
            external_id: id(name),
            lane,
            hint: ChangeHint::Updated,
            due_at: now,
            trace: None,
        };
        let subscription = |mailbox, ends_in| Subscription {
            key: SubscriptionKey::generate(),
            mailbox,
            scope: SubscriptionScope::Messages,
            state: SubscriptionState::Active,
            graph_id: Some("one".to_owned()),
            public_url: "https://mirror.example".to_owned(),
            expires_at: Some(now + TimeDelta::hours(ends_in)),
            renew_at: None,
            not_before: None,
            failures: 0,
            created_at: now,
            touched_at: None,
            doubted_at: Some(now),
            client_state_key: None,
        };
        let mut tx = writing(&store).await;
        tx.notices_add(
            anna,
            &[notice("one", Lane::Live), notice("two", Lane::Repair)],
            now,
        )
        .await?;
        tx.notices_add(bert, &[notice("one", Lane::Live)], now + seconds(5))
            .await?;
        tx.notices_add(carl, &[notice("one", Lane::Live)], now - seconds(500))
            .await?;
        for _ in 0..2 {
            let seen = SeenNotice {
                kind: NoticeKind::Message,
                external_id: id("two"),
                generation: 1,
                received_at: now,
                trace: None,
            };
            tx.notices_postpone(anna, &seen, now).await?;
        }
        tx.subscription_save(&subscription(anna, 3)).await?;
        tx.subscription_save(&subscription(bert, 2)).await?;
        tx.subscription_save(&subscription(carl, 1)).await?;
        for (mailbox, ago) in [(anna, 10), (bert, 20), (carl, 30)] {
            let synced = MailboxMark::SyncedAt(now - seconds(ago));
            tx.mailbox_mark(mailbox, &[synced], now).await?;
            let scope = CursorScope::Folders;
            tx.cursor_save(mailbox, &cursor(CursorScope::Folders, now), now)
                .await?;
            tx.cursors_mark_dirty(mailbox, CursorFilter::Scope(&scope), now - seconds(ago))
                .await?;
        }
        tx.mailbox_mark(anna, &[MailboxMark::BackfilledAt(now)], now)
            .await?;
        let healthy = MailboxMark::Push {
            healthy: true,
            reason: None,
        };
        tx.mailbox_mark(bert, &[healthy], now).await?;
        tx.mailbox_state_set(carl, MailboxState::NeedsReauth, None, now)
            .await?;
        tx.commit().await?;
        store.ticks_take("due", now - seconds(10), now).await?;
        store.ticks_take("due", now, now).await?;
        store.ticks_take("upkeep", now - seconds(60), now).await?;

        let mut vitals = store.vitals(2, now).await?;

        vitals.mailboxes.sort_by_key(|(_, number)| *number);
        vitals.ticks.sort();
        let expected = Vitals {
            mailboxes: vec![(MailboxState::NeedsReauth, 1), (MailboxState::Connected, 2)],
            copying: 1,
            without_push: 1,
            oldest_synced_at: Some(now - seconds(20)),
            dirty_since: Some(now - seconds(20)),
            subscription_ends_at: Some(now + TimeDelta::hours(2)),
            subscriptions_doubted: 2,
            live: 2,
            repair: 1,
            oldest_live_at: Some(now),
            failing: 1,
            ticks: vec![
                ("due".to_owned(), now),
                ("upkeep".to_owned(), now - seconds(60)),
            ],
        };
        assert_eq!(vitals, expected);
        let pools: Vec<_> = store.pools().iter().map(|pool| pool.pool).collect();
        let known = match store.backend() {
            Backend::Postgres => ["shared", "acknowledgements"],
            Backend::Sqlite => ["writer", "readers"],
        };
        assert_eq!(pools, known);
        assert!(!store.is_read_only());
    }
);
