//! Mailboxes and their states.

use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::model::time::Clock;
use graph_mirror::store::{MailboxMark, NewMailbox, Wake};

use super::samples::{connected, id, new_mailbox, seconds, writing};
use crate::support::database::on_both_stores;

on_both_stores!(
    a_mailbox_that_connects_is_there_and_is_worked_on,
    |store, clock| {
        let mut wakes = store.wake_listen();

        let (mailbox, is_new) = store
            .mailbox_connect(&new_mailbox("owner", "Anna"), clock.now())
            .await?;

        assert!(is_new);
        let stored = store.mailbox_get(mailbox).await?.expect("it is there");
        assert_eq!(stored.owner.as_str(), "owner");
        assert_eq!(stored.user_id, id("Anna"));
        assert_eq!(stored.address, "Anna@example.org");
        assert_eq!(stored.state, MailboxState::Connected);
        assert_eq!(stored.state_reason, None);
        assert_eq!(stored.connected_at, clock.now());
        assert_eq!(stored.work_at, Some(clock.now()));
        assert_eq!((stored.feed_position, stored.push_healthy), (0, false));
        assert_eq!(wakes.next().await, Wake::Mailbox(mailbox));
    }
);

on_both_stores!(
    a_mailbox_that_connects_again_keeps_its_row,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let mut tx = writing(&store).await;
        tx.mailbox_state_set(
            mailbox,
            MailboxState::NeedsReauth,
            Some(StateReason::GrantRevoked),
            clock.now(),
        )
        .await?;
        tx.mailbox_mark(
            mailbox,
            &[MailboxMark::NotBefore(Some(clock.now() + seconds(60)))],
            clock.now(),
        )
        .await?;
        tx.commit().await?;
        let first_connected = clock.now();
        clock.advance(seconds(10));

        let again = NewMailbox {
            tenant_id: None,
            address: "anna.new@example.org".to_owned(),
            ..new_mailbox("owner", "anna")
        };
        let (same, is_new) = store.mailbox_connect(&again, clock.now()).await?;

        assert_eq!((same, is_new), (mailbox, false));
        let stored = store.mailbox_get(mailbox).await?.expect("it is there");
        assert_eq!(stored.address, "anna.new@example.org");
        assert_eq!(stored.tenant_id.as_deref(), Some("tenant"));
        assert_eq!(
            (stored.state, stored.state_reason),
            (MailboxState::Connected, None)
        );
        assert_eq!(stored.state_since, clock.now());
        assert_eq!(stored.connected_at, first_connected);
        assert_eq!(stored.not_before, None);
    }
);

on_both_stores!(
    a_mailbox_belongs_to_one_owner_and_user_ids_differ_by_case,
    |store, clock| {
        let anna = connected(&store, &clock, "anna").await;
        let capital = connected(&store, &clock, "ANNA").await;
        let (foreign, is_new) = store
            .mailbox_connect(&new_mailbox("other", "anna"), clock.now())
            .await?;

        assert!(is_new);
        let found = store.mailbox_find(&"owner".into(), &id("anna")).await?;
        assert_eq!(found.map(|mailbox| mailbox.id), Some(anna));
        assert_eq!(
            store.mailbox_find(&"nobody".into(), &id("anna")).await?,
            None
        );
        let ids = |mailboxes: Vec<graph_mirror::model::mailbox::Mailbox>| {
            mailboxes
                .into_iter()
                .map(|mailbox| mailbox.id)
                .collect::<Vec<_>>()
        };
        let mine = ids(store.mailboxes_list(Some(&"owner".into())).await?);
        assert_eq!(mine.len(), 2);
        assert!(mine.contains(&anna) && mine.contains(&capital));
        assert_eq!(
            ids(store.mailboxes_list(Some(&"other".into())).await?),
            [foreign]
        );
        assert_eq!(store.mailboxes_list(None).await?.len(), 3);
    }
);

on_both_stores!(a_state_says_why_and_since_when, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let since = clock.now();
    let mut tx = writing(&store).await;

    let first = tx
        .mailbox_state_set(
            mailbox,
            MailboxState::Suspended,
            Some(StateReason::MailboxUnavailable),
            since,
        )
        .await?;
    clock.advance(seconds(5));
    let same = tx
        .mailbox_state_set(
            mailbox,
            MailboxState::Suspended,
            Some(StateReason::MailboxUnavailable),
            clock.now(),
        )
        .await?;
    tx.commit().await?;

    assert!(first && !same);
    let stored = store.mailbox_get(mailbox).await?.expect("it is there");
    assert_eq!(stored.state, MailboxState::Suspended);
    assert_eq!(stored.state_reason, Some(StateReason::MailboxUnavailable));
    assert_eq!(stored.state_since, since);
    let mut tx = writing(&store).await;
    assert!(
        tx.mailbox_state_set(mailbox, MailboxState::Connected, None, clock.now())
            .await?
    );
});

on_both_stores!(what_is_marked_on_a_mailbox_reads_back, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let now = clock.now();
    let in_one = now + seconds(1);
    let in_two = now + seconds(2);

    store
        .mailbox_mark(
            mailbox,
            &[
                MailboxMark::FoldersAt(now),
                MailboxMark::CalendarsAt(in_one),
                MailboxMark::SyncedAt(in_two),
                MailboxMark::BackfilledAt(in_one),
                MailboxMark::NoticedAt(now),
                MailboxMark::AuditAt(Some(in_two)),
                MailboxMark::NotBefore(Some(in_one)),
                MailboxMark::RequestsSpent("[[5,1]]".to_owned()),
                MailboxMark::Push {
                    healthy: true,
                    reason: Some("notices arrive".to_owned()),
                },
            ],
            now,
        )
        .await?;
    // The first backfill stays the first, and an earlier instant for work stays.
    store
        .mailbox_mark(
            mailbox,
            &[
                MailboxMark::BackfilledAt(in_two),
                MailboxMark::WorkAt(in_two),
                MailboxMark::InternetHeaders(true),
            ],
            now,
        )
        .await?;

    assert!(store.mailbox_has_headers(mailbox).await?);
    let spent = store.mailbox_requests_spent(mailbox).await?;
    let spent = spent.map(|text| text.replace(' ', ""));
    assert_eq!(spent.as_deref(), Some("[[5,1]]"));
    let stored = store.mailbox_get(mailbox).await?.expect("it is there");
    assert_eq!(stored.folders_at, Some(now));
    assert_eq!(stored.calendars_at, Some(in_one));
    assert_eq!(stored.synced_at, Some(in_two));
    assert_eq!(stored.backfilled_at, Some(in_one));
    assert_eq!(stored.noticed_at, Some(now));
    assert_eq!(stored.audit_at, Some(in_two));
    assert_eq!(stored.not_before, Some(in_one));
    assert_eq!(stored.work_at, Some(now));
    assert!(stored.push_healthy);
    assert_eq!(stored.push_reason.as_deref(), Some("notices arrive"));
});
