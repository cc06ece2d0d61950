//! The feed.

use graph_mirror::model::feed::{ChangeKind, ItemKind};
use graph_mirror::model::time::Clock;
use graph_mirror::store::NewChange;

use super::samples::{connected, id, writing};
use crate::support::database::on_both_stores;

fn entry(number: usize) -> NewChange {
    let kinds = [
        ItemKind::Message,
        ItemKind::Event,
        ItemKind::Folder,
        ItemKind::Calendar,
        ItemKind::Thread,
    ];
    let changes = [
        ChangeKind::Created,
        ChangeKind::Updated,
        ChangeKind::Deleted,
    ];
    NewChange {
        kind: kinds[number % kinds.len()],
        external_id: id(&format!("item {number}")),
        change: changes[number % changes.len()],
    }
}

on_both_stores!(
    positions_count_up_by_one_within_a_mailbox,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let other = connected(&store, &clock, "ben").await;
        let entries = (0..300).map(entry).collect::<Vec<_>>();
        let mut tx = writing(&store).await;
        assert_eq!(
            tx.changes_append(mailbox, &entries[..1], clock.now())
                .await?,
            1
        );
        assert_eq!(
            tx.changes_append(other, &entries[..2], clock.now()).await?,
            2
        );
        assert_eq!(
            tx.changes_append(mailbox, &entries[1..], clock.now())
                .await?,
            300
        );
        assert_eq!(tx.changes_append(mailbox, &[], clock.now()).await?, 300);
        tx.commit().await?;

        let read = store.changes_after(mailbox, 0, 1000).await?;

        assert_eq!(read.len(), 300);
        for (number, change) in read.iter().enumerate() {
            assert_eq!(change.position, i64::try_from(number)? + 1);
            let NewChange {
                kind,
                external_id,
                change: what,
            } = entry(number);
            assert_eq!(
                (change.kind, &change.external_id, change.change),
                (kind, &external_id, what)
            );
            assert_eq!(change.at, clock.now());
        }
        assert_eq!(store.changes_after(mailbox, 290, 5).await?[0].position, 291);
        let stored = store.mailbox_get(mailbox).await?.expect("it is there");
        assert_eq!(stored.feed_position, 300);
    }
);

on_both_stores!(entries_that_are_undone_leave_no_gap, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let mut undone = writing(&store).await;
    undone
        .changes_append(mailbox, &[entry(0), entry(1)], clock.now())
        .await?;
    undone.rollback().await?;

    let mut tx = writing(&store).await;
    let position = tx.changes_append(mailbox, &[entry(2)], clock.now()).await?;
    tx.commit().await?;

    assert_eq!(position, 1);
    assert_eq!(store.changes_prune(mailbox, 1).await?, 1);
    assert!(store.changes_after(mailbox, 0, 10).await?.is_empty());
});
