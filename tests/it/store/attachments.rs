//! What is known of attachments.

use graph_mirror::model::mail::{Attachment, ContentState, StoredAttachment};
use graph_mirror::model::time::Clock;

use super::blobs::stored;
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
        content_id: None,
        url: None,
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

on_both_stores!(
    an_attachment_that_stays_what_it_is_keeps_its_content_and_its_parts,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let (now, mail) = (clock.now(), id("one"));
        let item = Attachment {
            kind: "item".to_owned(),
            size: 9,
            ..attachment("a")
        };
        let link = Attachment {
            kind: "reference".to_owned(),
            ..attachment("b")
        };
        let part = StoredAttachment {
            attachment: Attachment {
                external_id: item.external_id.part(0),
                ..attachment("x")
            },
            parent: Some(item.external_id.clone()),
            position: Some(0),
            state: ContentState::Stored,
            stored: Some(stored(2)),
        };
        let mut tx = writing(&store).await;
        tx.attachments_replace(mailbox, &mail, &[item.clone(), link.clone()], now)
            .await?;
        tx.commit().await?;
        let before = now + seconds(1);
        let waiting = store.attachments_unfetched(mailbox, 9, before, 10).await?;
        assert_eq!(waiting, [(mail.clone(), item.external_id.clone())]);
        assert!(
            store
                .attachments_unfetched(mailbox, 8, before, 10)
                .await?
                .is_empty()
        );

        for bytes in [stored(1), stored(2)] {
            store.blob_claim(bytes, now).await?;
        }
        let mut tx = writing(&store).await;
        let (state, content) = (ContentState::Stored, Some(stored(1)));
        assert!(
            tx.attachment_content_set(mailbox, &mail, &item.external_id, state, content, now)
                .await?
        );
        assert!(
            !tx.attachment_content_set(mailbox, &mail, &id("none"), state, content, now)
                .await?
        );
        let parts = [part.clone()];
        assert!(
            tx.attached_parts_replace(mailbox, &mail, &item.external_id, &parts, now)
                .await?
        );
        tx.commit().await?;
        let told = Attachment {
            content_id: Some("logo".to_owned()),
            ..link.clone()
        };
        let mut tx = writing(&store).await;
        let later = now + seconds(2);
        let changed = tx
            .attachments_replace(mailbox, &mail, &[item.clone(), told.clone()], later)
            .await?;
        let same = tx
            .attachments_replace(mailbox, &mail, &[item.clone(), link.clone()], later)
            .await?;
        tx.commit().await?;

        assert!(changed && !same, "what was not asked for is no difference");
        let all = store.attachments_stored(mailbox, &mail).await?;
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].stored, Some(stored(1)));
        assert_eq!(all[1], part);
        assert_eq!(
            (&all[2].attachment, all[2].state),
            (&told, ContentState::Reference)
        );
        assert_eq!(
            store.attachments_list(mailbox, &mail).await?,
            [item.clone(), told]
        );
        let one = store
            .attachment_get(mailbox, &mail, &part.attachment.external_id)
            .await?;
        assert_eq!(one, Some(part));
        assert!(
            store
                .attachments_unfetched(mailbox, 9, later, 10)
                .await?
                .is_empty()
        );
        assert!(store.blobs_unreferenced(10).await?.is_empty());

        let mut tx = writing(&store).await;
        let other = Attachment { size: 10, ..item };
        tx.attachments_replace(mailbox, &mail, &[other], now + seconds(3))
            .await?;
        tx.commit().await?;
        let all = store.attachments_stored(mailbox, &mail).await?;
        assert_eq!((all.len(), all[0].state), (1, ContentState::Unfetched));
        assert_eq!(store.blobs_unreferenced(10).await?.len(), 2);
    }
);

on_both_stores!(
    the_original_of_a_message_is_kept_unless_it_is_a_draft,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let (now, mail) = (clock.now(), message("one"));
        let mut draft = message("two");
        draft.is_draft = true;
        store.blob_claim(stored(1), now).await?;
        let mut tx = writing(&store).await;
        let writes = [message_write(&mail, now), message_write(&draft, now)];
        tx.messages_upsert(mailbox, &writes, now).await?;

        assert!(
            tx.message_original_set(mailbox, &id("one"), stored(1))
                .await?
        );
        assert!(
            !tx.message_original_set(mailbox, &id("two"), stored(1))
                .await?
        );
        assert!(
            !tx.message_original_set(mailbox, &id("one"), stored(9))
                .await?
        );
        tx.commit().await?;

        assert_eq!(
            store.message_original(mailbox, &id("one")).await?,
            Some(stored(1))
        );
        assert_eq!(store.message_original(mailbox, &id("two")).await?, None);
    }
);
