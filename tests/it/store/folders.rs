//! Mail folders.

use graph_mirror::model::mail::Folder;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::Effect;
use graph_mirror::store::FolderWrite;

use super::samples::{connected, folder, folder_write, id, seconds, writing};
use crate::support::database::on_both_stores;

on_both_stores!(folders_read_back_as_they_were_written, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let root = Folder {
        parent_external_id: None,
        well_known_name: Some("inbox".to_owned()),
        is_hidden: true,
        ..folder("a")
    };
    let child = folder("b");
    let mut tx = writing(&store).await;

    let writes = [
        folder_write(&root, clock.now()),
        folder_write(&child, clock.now()),
    ];
    let effects = tx.folders_upsert(mailbox, &writes, clock.now()).await?;
    tx.commit().await?;

    assert_eq!(
        effects,
        [(id("a"), Effect::Created), (id("b"), Effect::Created)]
    );
    let stored = store.folders_list(mailbox).await?;
    assert_eq!(stored[0].folder, root);
    assert_eq!(stored[1].folder, child);
    assert_eq!(stored[1].fetched_at, clock.now());
});

on_both_stores!(counts_are_kept_but_are_no_change, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let mut inbox = folder("inbox");
    let mut tx = writing(&store).await;
    tx.folders_upsert(mailbox, &[folder_write(&inbox, clock.now())], clock.now())
        .await?;

    inbox.unread_item_count = 9;
    let counted = tx
        .folders_upsert(mailbox, &[folder_write(&inbox, clock.now())], clock.now())
        .await?;
    inbox.total_item_count = 10;
    "Posteingang".clone_into(&mut inbox.display_name);
    let renamed = tx
        .folders_upsert(mailbox, &[folder_write(&inbox, clock.now())], clock.now())
        .await?;
    let late = tx
        .folders_upsert(
            mailbox,
            &[folder_write(&folder("inbox"), clock.now() - seconds(1))],
            clock.now(),
        )
        .await?;
    tx.commit().await?;

    assert_eq!(counted[0].1, Effect::Unchanged);
    assert_eq!(renamed[0].1, Effect::Updated);
    assert_eq!(late[0].1, Effect::Stale);
    assert_eq!(store.folders_list(mailbox).await?[0].folder, inbox);
});

on_both_stores!(
    folders_that_a_round_has_not_seen_are_found_and_deleted,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let (seen, left) = (folder("seen"), folder("left"));
        let mut tx = writing(&store).await;
        let writes = [
            folder_write(&seen, clock.now()),
            folder_write(&left, clock.now()),
        ];
        tx.folders_upsert(mailbox, &writes, clock.now()).await?;
        clock.advance(seconds(60));
        let write = FolderWrite {
            round: Some(2),
            ..folder_write(&seen, clock.now())
        };
        tx.folders_upsert(mailbox, &[write], clock.now()).await?;
        tx.commit().await?;

        let unseen = store.folders_unseen(mailbox, 2, clock.now()).await?;
        assert_eq!(unseen, [id("left")]);

        let mut tx = writing(&store).await;
        assert_eq!(
            tx.folders_delete(mailbox, &unseen, clock.now(), clock.now())
                .await?,
            unseen
        );
        assert!(
            tx.folders_delete(mailbox, &unseen, clock.now(), clock.now())
                .await?
                .is_empty()
        );
        tx.commit().await?;
        assert_eq!(store.folders_list(mailbox).await?.len(), 1);
    }
);
