//! What is known of attachments.

use graph_mirror::model::mail::Attachment;
use graph_mirror::model::time::Clock;

use super::samples::{connected, id, message, message_write, seconds, writing};
use crate::support::database::on_both_stores;

fn attachment(name: &str) -> Attachment {
    Attachment {
        external_id: id(name),
        name: Some(format!("{name}.pdf")),
        content_type: None,
        size: 12_345_678_901,
        is_inline: true,
        kind: "file".to_owned(),
    }
}

on_both_stores!(
    the_attachments_of_a_message_are_replaced_as_a_set,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        let mut tx = writing(&store).await;

        let first = tx
            .attachments_replace(
                mailbox,
                &id("one"),
                &[attachment("b"), attachment("a")],
                now,
            )
            .await?;
        let same = tx
            .attachments_replace(
                mailbox,
                &id("one"),
                &[attachment("a"), attachment("b")],
                now + seconds(1),
            )
            .await?;
        let fewer = tx
            .attachments_replace(mailbox, &id("one"), &[attachment("c")], now + seconds(2))
            .await?;
        let late = tx
            .attachments_replace(mailbox, &id("one"), &[attachment("a")], now + seconds(1))
            .await?;
        tx.attachments_replace(mailbox, &id("two"), &[attachment("a")], now)
            .await?;
        tx.commit().await?;

        assert!(first && !same && fewer && !late);
        assert_eq!(
            store.attachments_list(mailbox, &id("one")).await?,
            [attachment("c")]
        );
        assert_eq!(
            store.attachments_list(mailbox, &id("two")).await?,
            [attachment("a")]
        );
    }
);

on_both_stores!(attachments_go_with_their_message, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let mail = message("one");
    let mut tx = writing(&store).await;
    tx.messages_upsert(mailbox, &[message_write(&mail, clock.now())], clock.now())
        .await?;
    tx.attachments_replace(mailbox, &id("one"), &[attachment("a")], clock.now())
        .await?;
    tx.messages_delete(mailbox, &[id("one")], clock.now(), clock.now())
        .await?;
    tx.commit().await?;

    assert!(
        store
            .attachments_list(mailbox, &id("one"))
            .await?
            .is_empty()
    );
});
