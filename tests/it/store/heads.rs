//! The few columns that are looked at before a write, and how much of a mailbox is here.

use graph_mirror::model::calendar::EventKind;
use graph_mirror::model::mail::{Folder, Message};
use graph_mirror::model::time::Clock;
use graph_mirror::store::{Counts, MessageHead};

use super::samples::{
    connected, event, event_write, folder, folder_write, id, message, message_write, writing,
};
use crate::support::database::on_both_stores;

on_both_stores!(a_head_says_where_a_message_stands, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let mails = [
        message("one"),
        Message {
            conversation_id: None,
            change_key: None,
            is_draft: true,
            has_attachments: true,
            ..message("two")
        },
    ];
    let writes = mails
        .iter()
        .map(|mail| message_write(mail, clock.now()))
        .collect::<Vec<_>>();
    let ids = [id("two"), id("none"), id("one")];
    let mut tx = writing(&store).await;
    tx.messages_upsert(mailbox, &writes, clock.now()).await?;

    let mut inside = tx.messages_heads(mailbox, &ids).await?;
    let outside = store.messages_heads(mailbox, &ids).await?;
    tx.commit().await?;
    let mut after = store.messages_heads(mailbox, &ids).await?;

    inside.sort_by(|one, other| one.external_id.cmp(&other.external_id));
    after.sort_by(|one, other| one.external_id.cmp(&other.external_id));
    let head = |message: &Message| MessageHead {
        external_id: message.external_id.clone(),
        folder_external_id: message.folder_external_id.clone(),
        thread_external_id: message.conversation_id.clone(),
        change_key: message.change_key.clone(),
        is_draft: message.is_draft,
        has_attachments: message.has_attachments,
        made_at: message.created_at,
        fetched_at: clock.now(),
    };
    assert_eq!(inside, [head(&mails[0]), head(&mails[1])]);
    assert_eq!(after, inside);
    assert!(outside.is_empty(), "it is not committed yet");
    assert!(store.messages_heads(mailbox, &[]).await?.is_empty());

    let mut tx = writing(&store).await;
    let gone = [id("one"), id("buried")];
    tx.messages_delete(mailbox, &gone, clock.now(), clock.now())
        .await?;
    tx.commit().await?;
    let asked = [id("two"), id("none"), id("one"), id("buried")];
    let unheard_of = store.messages_unheard_of(mailbox, &asked).await?;
    assert_eq!(unheard_of, [id("none")], "rows and tombstones are known");
});

on_both_stores!(counts_are_of_one_mailbox, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let other = connected(&store, &clock, "ben").await;
    assert_eq!(store.mailbox_counts(mailbox).await?, Counts::default());
    let mail = message("one");
    let single = event("single", EventKind::SingleInstance, "2026-02-01T09:00:00Z");
    let folders = [
        folder("a"),
        Folder {
            total_item_count: 40,
            ..folder("b")
        },
    ];
    let mut tx = writing(&store).await;
    tx.messages_upsert(mailbox, &[message_write(&mail, clock.now())], clock.now())
        .await?;
    tx.events_upsert(mailbox, &[event_write(&single, clock.now())], clock.now())
        .await?;
    let writes = folders
        .iter()
        .map(|folder| folder_write(folder, clock.now()))
        .collect::<Vec<_>>();
    tx.folders_upsert(mailbox, &writes, clock.now()).await?;
    tx.commit().await?;

    let counts = store.mailbox_counts(mailbox).await?;

    let expected = Counts {
        messages: 1,
        messages_announced: 43,
        events: 1,
    };
    assert_eq!(counts, expected);
    assert_eq!(store.mailbox_counts(other).await?, Counts::default());
});
