//! Threads: summaries that follow their messages.

use graph_mirror::model::ids::{GraphId, MailboxId};
use graph_mirror::model::mail::{Message, Party};
use graph_mirror::model::time::{Clock, ManualClock};
use graph_mirror::model::work::Effect;
use graph_mirror::store::{Store, Thread};

use super::samples::{at, connected, id, message, message_write, party, writing};
use crate::support::database::on_both_stores;

async fn write(store: &Store, clock: &ManualClock, mailbox: MailboxId, mails: &[Message]) {
    let writes = mails
        .iter()
        .map(|mail| message_write(mail, clock.now()))
        .collect::<Vec<_>>();
    let mut tx = writing(store).await;
    tx.messages_upsert(mailbox, &writes, clock.now())
        .await
        .expect("they are written");
    tx.commit().await.expect("it commits");
}

async fn refresh(
    store: &Store,
    clock: &ManualClock,
    mailbox: MailboxId,
    names: &[&str],
) -> Vec<(GraphId, Effect)> {
    let ids = names.iter().map(|name| id(name)).collect::<Vec<_>>();
    let mut tx = writing(store).await;
    let effects = tx
        .threads_refresh(mailbox, &ids, clock.now())
        .await
        .expect("they are summed up");
    tx.commit().await.expect("it commits");
    effects
}

fn reply(name: &str, received: &str) -> Message {
    Message {
        received_at: Some(at(received)),
        ..message(name)
    }
}

on_both_stores!(a_thread_sums_up_its_messages, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let mails = [
        Message {
            subject: Some("Re: Lunch".to_owned()),
            from: Some(Party {
                name: None,
                address: Some("BEN@example.org".to_owned()),
            }),
            to: vec![party("Anna")],
            cc: Vec::new(),
            is_read: true,
            has_attachments: true,
            ..reply("second", "2026-01-10T09:00:00Z")
        },
        Message {
            subject: Some("Lunch".to_owned()),
            to: vec![
                party("Ben"),
                Party {
                    name: Some("A list".to_owned()),
                    address: None,
                },
            ],
            cc: vec![party("Cleo")],
            bcc: vec![party("Secret")],
            ..reply("first", "2026-01-10T08:00:00Z")
        },
        Message {
            conversation_id: Some(id("another")),
            ..reply("elsewhere", "2026-01-11T08:00:00Z")
        },
    ];
    write(&store, &clock, mailbox, &mails).await;

    let effects = refresh(&store, &clock, mailbox, &["conversation"]).await;

    assert_eq!(effects, [(id("conversation"), Effect::Created)]);
    let thread = store
        .thread_get(mailbox, &id("conversation"))
        .await?
        .expect("it is there");
    let expected = Thread {
        external_id: id("conversation"),
        subject: Some("Lunch".to_owned()),
        participants: vec![
            Party {
                name: Some("A list".to_owned()),
                address: None,
            },
            party("Anna"),
            party("Ben"),
            party("Cleo"),
        ],
        message_count: 2,
        unread_count: 1,
        has_attachments: true,
        first_message_at: Some(at("2026-01-10T08:00:00Z")),
        last_message_at: Some(at("2026-01-10T09:00:00Z")),
        last_message_external_id: Some(id("second")),
    };
    assert_eq!(thread, expected);
    assert_eq!(store.thread_get(mailbox, &id("another")).await?, None);
});

on_both_stores!(
    a_thread_follows_its_messages_and_goes_with_the_last,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let mut mail = message("one");
        write(&store, &clock, mailbox, std::slice::from_ref(&mail)).await;
        refresh(&store, &clock, mailbox, &["conversation"]).await;

        let same = refresh(
            &store,
            &clock,
            mailbox,
            &["conversation", "conversation", "unknown"],
        )
        .await;
        mail.is_read = true;
        write(&store, &clock, mailbox, std::slice::from_ref(&mail)).await;
        let read = refresh(&store, &clock, mailbox, &["conversation"]).await;
        let mut tx = writing(&store).await;
        tx.messages_delete(mailbox, &[id("one")], clock.now(), clock.now())
            .await?;
        tx.commit().await?;
        let gone = refresh(&store, &clock, mailbox, &["conversation"]).await;
        let still_gone = refresh(&store, &clock, mailbox, &["conversation"]).await;

        assert_eq!(same, [(id("conversation"), Effect::Unchanged)]);
        assert_eq!(read, [(id("conversation"), Effect::Updated)]);
        assert_eq!(gone, [(id("conversation"), Effect::Deleted)]);
        assert!(still_gone.is_empty());
        assert_eq!(store.thread_get(mailbox, &id("conversation")).await?, None);
    }
);

on_both_stores!(many_threads_are_summed_up_at_once, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let names = (0..70)
        .map(|number| format!("c{number}"))
        .collect::<Vec<_>>();
    let mails = names
        .iter()
        .map(|name| Message {
            conversation_id: Some(id(name)),
            ..message(&format!("m {name}"))
        })
        .collect::<Vec<_>>();
    write(&store, &clock, mailbox, &mails).await;

    let names = names.iter().map(String::as_str).collect::<Vec<_>>();
    let effects = refresh(&store, &clock, mailbox, &names).await;

    assert_eq!(effects.len(), 70);
    assert!(effects.iter().all(|(_, effect)| *effect == Effect::Created));
});
