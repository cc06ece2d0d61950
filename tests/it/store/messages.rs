//! Messages: written under guard.

use graph_mirror::model::ids::{GraphId, MailboxId};
use graph_mirror::model::mail::{Message, PartialMessage};
use graph_mirror::model::time::{Clock, Timestamp};
use graph_mirror::model::work::Effect;
use graph_mirror::store::{MergeEffect, MessageMerge, MessageRows, MessageWrite, Store};

use super::samples::{connected, id, json, message, message_write, party, seconds, writing};
use crate::support::database::on_both_stores;

/// Writes one message and says what that did.
async fn write(
    store: &Store,
    mailbox: MailboxId,
    message: &Message,
    fetched_at: Timestamp,
) -> Effect {
    write_in_round(store, mailbox, message, fetched_at, None).await
}

async fn write_in_round(
    store: &Store,
    mailbox: MailboxId,
    message: &Message,
    fetched_at: Timestamp,
    round: Option<i64>,
) -> Effect {
    let mut tx = writing(store).await;
    let write = MessageWrite {
        message,
        fetched_at,
        round,
    };
    let rows = MessageRows::of(&[write]).expect("it can be written down");
    let effects = tx
        .messages_write(mailbox, rows, fetched_at)
        .await
        .expect("it is written");
    tx.commit().await.expect("it commits");
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].0, message.external_id);
    effects[0].1
}

async fn delete(store: &Store, mailbox: MailboxId, name: &str, fetched_at: Timestamp) -> usize {
    let mut tx = writing(store).await;
    let gone = tx
        .messages_delete(mailbox, &[id(name)], fetched_at, fetched_at)
        .await
        .expect("it is deleted");
    tx.commit().await.expect("it commits");
    gone.len()
}

on_both_stores!(a_message_reads_back_as_it_was_written, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let mail = message("one");
    // F5.9: from may be missing, and so may a name or an address.
    let bare = Message {
        conversation_id: None,
        change_key: None,
        internet_message_id: None,
        subject: None,
        from: None,
        to: Vec::new(),
        cc: Vec::new(),
        reply_to: Vec::new(),
        received_at: None,
        sent_at: None,
        created_at: None,
        modified_at: None,
        categories: Vec::new(),
        importance: None,
        flag_status: None,
        inference: None,
        body_type: None,
        body: None,
        body_preview: None,
        web_link: None,
        is_draft: true,
        is_read: true,
        has_attachments: true,
        ..message("bare")
    };

    assert_eq!(
        write(&store, mailbox, &mail, clock.now()).await,
        Effect::Created
    );
    assert_eq!(
        write(&store, mailbox, &bare, clock.now()).await,
        Effect::Created
    );

    for expected in [mail, bare] {
        let stored = store
            .message_get(mailbox, &expected.external_id)
            .await?
            .expect("it is there");
        assert_eq!(stored.fetched_at, clock.now());
        assert_eq!(json(&stored.message.raw), json(&expected.raw));
        let raw = stored.message.raw.clone();
        assert_eq!(stored.message, Message { raw, ..expected });
    }
    assert_eq!(store.messages_count(mailbox).await?, 2);
    assert_eq!(store.message_get(mailbox, &id("none")).await?, None);
});

// Foreign text never makes a row unwritable: U+0000 and half surrogates are what PostgreSQL refuses.
on_both_stores!(
    text_that_a_database_cannot_hold_is_written_all_the_same,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let mail = Message {
            subject: Some("a\0b".to_owned()),
            categories: vec!["c\0d".to_owned()],
            raw: r#"{"a":"x\u0000y","b":"\ud83d","c":"\ud83d\ude00","d":"\\u0000"}"#.to_owned(),
            ..message("one")
        };

        let first = write(&store, mailbox, &mail, clock.now()).await;
        let again = write(&store, mailbox, &mail, clock.now()).await;

        assert_eq!((first, again), (Effect::Created, Effect::Unchanged));
        let stored = store
            .message_get(mailbox, &id("one"))
            .await?
            .expect("it is there");
        assert_eq!(stored.message.subject.as_deref(), Some("a\u{fffd}b"));
        assert_eq!(stored.message.categories, ["c\u{fffd}d"]);
        assert_eq!(
            json(&stored.message.raw),
            serde_json::json!({"a": "x\u{fffd}y", "b": "\u{fffd}", "c": "😀", "d": "\\u0000"})
        );
    }
);

// F5.22: ids differ by case only, and hold characters of every kind.
on_both_stores!(ids_that_differ_by_case_are_two_messages, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    for name in ["AAMk/x+y=", "aamk/x+y=", "ÄÖ'\"%_\\"] {
        assert_eq!(
            write(&store, mailbox, &message(name), clock.now()).await,
            Effect::Created
        );
    }

    assert_eq!(store.messages_count(mailbox).await?, 3);
    assert_eq!(delete(&store, mailbox, "aamk/x+y=", clock.now()).await, 1);
    assert!(
        store
            .message_get(mailbox, &id("AAMk/x+y="))
            .await?
            .is_some()
    );
});

on_both_stores!(mailboxes_do_not_see_each_other, |store, clock| {
    let anna = connected(&store, &clock, "anna").await;
    let ben = connected(&store, &clock, "ben").await;
    write(&store, anna, &message("one"), clock.now()).await;

    assert_eq!(
        write(&store, ben, &message("one"), clock.now()).await,
        Effect::Created
    );
    assert_eq!(delete(&store, ben, "one", clock.now()).await, 1);

    assert_eq!(store.messages_count(anna).await?, 1);
    assert_eq!(store.messages_count(ben).await?, 0);
});

// M3, M42: a replay writes nothing; only a round leaves its stamp.
on_both_stores!(equal_content_is_not_written_again, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let first = clock.now();
    write(&store, mailbox, &message("one"), first).await;

    let mut other_raw = message("one");
    r#"{"asked":"otherwise"}"#.clone_into(&mut other_raw.raw);
    let replay = write(&store, mailbox, &other_raw, first + seconds(5)).await;
    let after_replay = store
        .message_get(mailbox, &id("one"))
        .await?
        .expect("it is there");
    let round = write_in_round(&store, mailbox, &other_raw, first + seconds(9), Some(4)).await;
    let after_round = store
        .message_get(mailbox, &id("one"))
        .await?
        .expect("it is there");

    assert_eq!((replay, round), (Effect::Unchanged, Effect::Unchanged));
    assert_eq!((after_replay.fetched_at, after_replay.round), (first, None));
    assert_eq!(
        (after_round.fetched_at, after_round.round),
        (first + seconds(9), Some(4))
    );
    assert_eq!(json(&after_round.message.raw), json(&message("one").raw));
});

on_both_stores!(every_mirrored_field_counts_as_a_change, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let mut mail = message("one");
    write(&store, mailbox, &mail, clock.now()).await;
    let edits: [fn(&mut Message); 12] = [
        |mail| mail.is_read = true,
        |mail| mail.folder_external_id = id("archive"),
        |mail| mail.subject = None,
        |mail| mail.to.clear(),
        |mail| mail.categories.clear(),
        |mail| mail.body = Some("new".to_owned()),
        |mail| mail.flag_status = Some("flagged".to_owned()),
        |mail| mail.received_at = None,
        |mail| mail.change_key = Some("2".to_owned()),
        |mail| mail.from = None,
        |mail| mail.bcc.push(party("Eve")),
        |mail| mail.inference = Some("other".to_owned()),
    ];

    for (number, edit) in edits.iter().enumerate() {
        edit(&mut mail);
        let effect = write(&store, mailbox, &mail, clock.now()).await;
        assert_eq!(effect, Effect::Updated, "edit {number}");
    }

    let stored = store
        .message_get(mailbox, &id("one"))
        .await?
        .expect("it is there");
    assert_eq!(stored.message.body, mail.body);
    assert_eq!(stored.message.bcc, mail.bcc);
});

// M36: a fetch that started earlier never overwrites one that started later.
on_both_stores!(
    an_earlier_fetch_never_overwrites_a_later_one,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        let mut newer = message("one");
        newer.subject = Some("newer".to_owned());
        write(&store, mailbox, &newer, now).await;

        let stale =
            write_in_round(&store, mailbox, &message("one"), now - seconds(1), Some(1)).await;

        assert_eq!(stale, Effect::Stale);
        let stored = store
            .message_get(mailbox, &id("one"))
            .await?
            .expect("it is there");
        assert_eq!(stored.message.subject, newer.subject);
        assert_eq!((stored.fetched_at, stored.round), (now, None));
    }
);

// M35, M36: a tombstone keeps an older answer out and gives way to a newer one.
on_both_stores!(
    a_deleted_message_comes_back_only_by_a_later_fetch,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        write(&store, mailbox, &message("one"), now).await;

        assert_eq!(delete(&store, mailbox, "one", now + seconds(5)).await, 1);
        assert_eq!(delete(&store, mailbox, "one", now + seconds(5)).await, 0);
        assert_eq!(
            write(&store, mailbox, &message("one"), now + seconds(4)).await,
            Effect::Stale
        );
        assert_eq!(store.messages_count(mailbox).await?, 0);
        assert_eq!(
            write(&store, mailbox, &message("one"), now + seconds(6)).await,
            Effect::Created
        );
        // The tombstone went with that.
        assert_eq!(delete(&store, mailbox, "one", now + seconds(7)).await, 1);
    }
);

on_both_stores!(
    a_late_404_does_not_delete_what_was_fetched_after_it,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        write(&store, mailbox, &message("one"), now).await;

        assert_eq!(delete(&store, mailbox, "one", now - seconds(1)).await, 0);

        assert_eq!(store.messages_count(mailbox).await?, 1);
        assert_eq!(
            write(&store, mailbox, &message("one"), now).await,
            Effect::Unchanged
        );
    }
);

on_both_stores!(
    many_messages_at_once_have_each_their_effect,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        let mut mails = (0..150)
            .map(|number| message(&format!("m{number:03}")))
            .collect::<Vec<_>>();
        let writes = mails[..100]
            .iter()
            .map(|mail| message_write(mail, now))
            .collect::<Vec<_>>();
        let mut tx = writing(&store).await;
        tx.messages_upsert(mailbox, &writes, now).await?;
        tx.messages_delete(mailbox, &[id("m149")], now + seconds(60), now)
            .await?;
        tx.commit().await?;
        for mail in &mut mails[..10] {
            mail.is_read = true;
        }
        clock.advance(seconds(1));

        let writes = mails
            .iter()
            .map(|mail| message_write(mail, clock.now()))
            .collect::<Vec<_>>();
        let mut tx = writing(&store).await;
        let effects = tx.messages_upsert(mailbox, &writes, clock.now()).await?;
        tx.commit().await?;

        for (number, (message, effect)) in effects.iter().enumerate() {
            let expected = match number {
                ..10 => Effect::Updated,
                10..100 => Effect::Unchanged,
                149 => Effect::Stale,
                _ => Effect::Created,
            };
            assert_eq!(
                (message, *effect),
                (&mails[number].external_id, expected),
                "{number}"
            );
        }
        assert_eq!(store.messages_count(mailbox).await?, 149);
        let page = store.messages_page(mailbox, Some(&id("m009")), 3).await?;
        let names = page
            .iter()
            .map(|stored| stored.message.external_id.as_str())
            .collect::<Vec<_>>();
        assert_eq!(names, ["m010", "m011", "m012"]);
        assert_eq!(store.messages_page(mailbox, None, 1000).await?.len(), 149);
        let keys = store.messages_keys(mailbox, Some(&id("m147")), 10).await?;
        assert_eq!(keys.len(), 1);
        assert_eq!(
            (&keys[0].external_id, keys[0].fetched_at),
            (&id("m148"), clock.now())
        );
    }
);

// M38: a partial delta object changes what it names and nothing else.
on_both_stores!(
    a_partial_message_is_merged_by_its_present_keys,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        write(&store, mailbox, &message("one"), now).await;
        let read = PartialMessage {
            external_id: Some(id("one")),
            is_read: Some(true),
            folder_external_id: Some(id("archive")),
            raw: r#"{"id":"one","isRead":true,"x":7}"#.to_owned(),
            ..PartialMessage::default()
        };
        let unknown = PartialMessage {
            external_id: Some(id("two")),
            is_read: Some(true),
            ..PartialMessage::default()
        };
        let merge = |message, fetched_at| MessageMerge {
            message,
            fetched_at,
            round: None,
        };

        let mut tx = writing(&store).await;
        let merges = [merge(&unknown, now), merge(&read, now + seconds(1))];
        let effects = tx.messages_merge(mailbox, &merges, now).await?;
        let stale = tx
            .messages_merge(mailbox, &[merge(&read, now - seconds(9))], now)
            .await?;
        let same = tx
            .messages_merge(mailbox, &[merge(&read, now + seconds(2))], now)
            .await?;
        tx.commit().await?;

        assert_eq!(effects.len(), 2);
        assert!(effects.contains(&(id("two"), MergeEffect::Missing)));
        assert!(effects.contains(&(id("one"), MergeEffect::Merged(Effect::Updated))));
        assert_eq!(stale, [(id("one"), MergeEffect::Merged(Effect::Stale))]);
        assert_eq!(same, [(id("one"), MergeEffect::Merged(Effect::Unchanged))]);
        let stored = store
            .message_get(mailbox, &id("one"))
            .await?
            .expect("it is there")
            .message;
        assert_eq!(
            json(&stored.raw),
            serde_json::json!({"id": "one", "isRead": true, "x": 7})
        );
        let raw = stored.raw.clone();
        let expected = Message {
            is_read: true,
            folder_external_id: id("archive"),
            raw,
            ..message("one")
        };
        assert_eq!(stored, expected);
    }
);

on_both_stores!(every_key_of_a_partial_message_is_merged, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    write(&store, mailbox, &message("one"), clock.now()).await;
    let partial = PartialMessage {
        external_id: Some(id("one")),
        change_key: Some("9".to_owned()),
        modified_at: Some(clock.now()),
        flag_status: Some("complete".to_owned()),
        categories: Some(Vec::new()),
        importance: Some("high".to_owned()),
        inference: Some("other".to_owned()),
        raw: "not JSON".to_owned(),
        ..PartialMessage::default()
    };

    let mut tx = writing(&store).await;
    let merge = MessageMerge {
        message: &partial,
        fetched_at: clock.now(),
        round: Some(2),
    };
    tx.messages_merge(mailbox, &[merge], clock.now()).await?;
    tx.commit().await?;

    let stored = store
        .message_get(mailbox, &id("one"))
        .await?
        .expect("it is there");
    assert_eq!(stored.round, Some(2));
    assert_eq!(json(&stored.message.raw), json(&message("one").raw));
    let raw = stored.message.raw.clone();
    let expected = Message {
        change_key: Some("9".to_owned()),
        modified_at: Some(clock.now()),
        flag_status: Some("complete".to_owned()),
        categories: Vec::new(),
        importance: Some("high".to_owned()),
        inference: Some("other".to_owned()),
        raw,
        ..message("one")
    };
    assert_eq!(stored.message, expected);
});

// M44, M45: the sweep of a full round touches nothing that moved, appeared or was refreshed meanwhile.
on_both_stores!(
    a_sweep_finds_what_a_round_has_not_seen_and_nothing_newer,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let began = clock.now();
        let earlier = began - seconds(60);
        for name in [
            "seen",
            "refreshed",
            "moved away",
            "moved in",
            "left",
            "same instant",
        ] {
            write(&store, mailbox, &message(name), earlier).await;
        }
        let elsewhere = Message {
            folder_external_id: id("archive"),
            ..message("elsewhere")
        };
        write(&store, mailbox, &elsewhere, earlier).await;
        write_in_round(&store, mailbox, &message("seen"), began, Some(5)).await;
        write_in_round(
            &store,
            mailbox,
            &message("appeared"),
            began + seconds(2),
            None,
        )
        .await;
        let refreshed = Message {
            is_read: true,
            ..message("refreshed")
        };
        write(&store, mailbox, &refreshed, began + seconds(1)).await;
        let moved = Message {
            folder_external_id: id("archive"),
            ..message("moved away")
        };
        write(&store, mailbox, &moved, began + seconds(1)).await;
        // Another folder's round may have the same number, and must not hide anything.
        write_in_round(&store, mailbox, &message("left"), earlier, Some(5)).await;
        write_in_round(&store, mailbox, &message("same instant"), began, Some(4)).await;

        let mut unseen = store
            .messages_unseen(mailbox, &id("inbox"), 5, began)
            .await?;

        unseen.sort();
        assert_eq!(unseen, [id("left"), id("moved in"), id("same instant")]);
    }
);

on_both_stores!(a_folder_lists_the_keys_of_its_messages, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    write(&store, mailbox, &message("one"), clock.now()).await;
    let archived = Message {
        folder_external_id: id("Inbox"),
        change_key: None,
        ..message("two")
    };
    write(&store, mailbox, &archived, clock.now()).await;

    let inbox = store.messages_in_folder(mailbox, &id("inbox")).await?;
    let other = store.messages_in_folder(mailbox, &id("Inbox")).await?;

    assert_eq!(inbox.len(), 1);
    assert_eq!(
        (&inbox[0].external_id, inbox[0].change_key.as_deref()),
        (&id("one"), Some("1"))
    );
    assert_eq!(
        (&other[0].external_id, &other[0].change_key),
        (&id("two"), &None)
    );
    assert_eq!(other[0].folder_external_id, id("Inbox"));
});

on_both_stores!(
    a_deletion_names_the_conversations_to_be_summed_up_anew,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let alone = Message {
            conversation_id: None,
            ..message("alone")
        };
        write(&store, mailbox, &message("one"), clock.now()).await;
        write(&store, mailbox, &alone, clock.now()).await;
        let ids = [id("one"), id("alone"), id("none")];
        let mut tx = writing(&store).await;

        let threads = tx.messages_threads(mailbox, &ids).await?;
        let mut gone = tx
            .messages_delete(mailbox, &ids, clock.now(), clock.now())
            .await?;

        gone.sort();
        let conversation: Option<GraphId> = Some(id("conversation"));
        assert_eq!(threads, [id("conversation")]);
        assert_eq!(gone, [(id("alone"), None), (id("one"), conversation)]);
    }
);
