//! What came through the conversion stands in both databases, and takes none of its neighbours with it.

use std::collections::BTreeMap;

use graph_mirror::mirror::convert;
use graph_mirror::mirror::convert::event::EventItem;
use graph_mirror::mirror::convert::folder::FolderItem;
use graph_mirror::mirror::convert::message::MessageItem;
use graph_mirror::model::calendar::{Calendar, Event};
use graph_mirror::model::ids::GraphId;
use graph_mirror::model::mail::{Folder, Message};
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::Effect;
use graph_mirror::store::{CalendarWrite, EventWrite, FolderWrite, MessageWrite};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::Value;

use super::cases;
use super::damage::{calendar, damaged, event, folder, message, wrecks};
use crate::store::samples::{connected, seconds, writing};
use crate::support::database::on_both_stores;

/// Rows made of damaged items; the same in every run.
fn rows<T>(
    count: usize,
    whole: fn(&str) -> Value,
    read: impl Fn(&str) -> Option<(GraphId, T)>,
) -> Vec<T> {
    let mut config = cases(1);
    config.rng_seed = RngSeed::Fixed(7);
    let mut runner = TestRunner::new(config);
    let mut rows = BTreeMap::new();
    for number in 0.. {
        let wrecks = wrecks().new_tree(&mut runner).expect("a damage").current();
        rows.extend(read(&damaged(&whole(&format!("{number}")), &wrecks)));
        if rows.len() == count {
            break;
        }
    }
    rows.into_values().collect()
}

on_both_stores!(
    damaged_messages_are_written_and_read_back,
    |store, clock| {
        // S68, M14
        let mailbox = connected(&store, &clock, "anna").await;
        let messages: Vec<Message> = rows(40, message, |text| match convert::message::read(text) {
            Ok(MessageItem::Whole(message)) => Some((message.external_id.clone(), *message)),
            _ => None,
        });
        let writes: Vec<MessageWrite<'_>> = messages
            .iter()
            .map(|message| MessageWrite {
                message,
                fetched_at: clock.now(),
                round: None,
            })
            .collect();

        let mut tx = writing(&store).await;
        tx.messages_upsert(mailbox, &writes, clock.now()).await?;
        tx.commit().await?;

        for message in &messages {
            let stored = store.message_get(mailbox, &message.external_id).await?;
            let stored = stored.expect("it is there").message;
            let text = stored.subject.unwrap_or_default();
            assert_eq!(
                text,
                message
                    .subject
                    .clone()
                    .unwrap_or_default()
                    .replace('\0', "\u{fffd}")
            );
            assert!(serde_json::from_str::<&serde_json::value::RawValue>(&stored.raw).is_ok());
        }
        clock.advance(seconds(1));
        let again: Vec<MessageWrite<'_>> = writes
            .iter()
            .map(|write| MessageWrite {
                fetched_at: clock.now(),
                ..*write
            })
            .collect();
        let mut tx = writing(&store).await;
        let effects = tx.messages_upsert(mailbox, &again, clock.now()).await?;
        tx.commit().await?;
        let changed: Vec<_> = effects
            .iter()
            .filter(|(_, effect)| *effect != Effect::Unchanged)
            .collect();
        assert!(changed.is_empty(), "{changed:?}");
    }
);

on_both_stores!(damaged_events_are_written_and_read_back, |store, clock| {
    // S68, M14, M54
    let mailbox = connected(&store, &clock, "anna").await;
    let of = GraphId::from("calendar");
    let events: Vec<Event> = rows(40, event, |text| match convert::event::read(text, &of) {
        Ok(EventItem::Whole(event)) => Some((event.external_id.clone(), *event)),
        _ => None,
    });
    let writes: Vec<EventWrite<'_>> = events
        .iter()
        .map(|event| EventWrite {
            event,
            fetched_at: clock.now(),
            round: None,
        })
        .collect();

    let mut tx = writing(&store).await;
    tx.events_upsert(mailbox, &writes, clock.now()).await?;
    tx.commit().await?;

    for event in &events {
        let stored = store.event_get(mailbox, &event.external_id).await?;
        let stored = stored.expect("it is there").event;
        assert_eq!(stored.kind, event.kind);
        assert_eq!(stored.start_raw, event.start_raw.replace('\0', "\u{fffd}"));
    }
    clock.advance(seconds(1));
    let again: Vec<EventWrite<'_>> = writes
        .iter()
        .map(|write| EventWrite {
            fetched_at: clock.now(),
            ..*write
        })
        .collect();
    let mut tx = writing(&store).await;
    let effects = tx.events_upsert(mailbox, &again, clock.now()).await?;
    tx.commit().await?;
    let changed: Vec<_> = effects
        .iter()
        .filter(|(_, effect)| *effect != Effect::Unchanged)
        .collect();
    assert!(changed.is_empty(), "{changed:?}");
});

on_both_stores!(
    damaged_folders_and_calendars_are_written_and_read_back,
    |store, clock| {
        // S68, M14
        let mailbox = connected(&store, &clock, "anna").await;
        let folders: Vec<Folder> = rows(20, folder, |text| match convert::folder::read(text) {
            Ok(FolderItem::Whole { folder }) => Some((folder.external_id.clone(), folder)),
            _ => None,
        });
        let calendars: Vec<Calendar> = rows(20, calendar, |text| {
            let calendar = convert::calendar::read(text).ok()?;
            Some((calendar.external_id.clone(), calendar))
        });
        let mut tx = writing(&store).await;
        let writes: Vec<FolderWrite<'_>> = folders
            .iter()
            .map(|folder| FolderWrite {
                folder,
                fetched_at: clock.now(),
                round: None,
            })
            .collect();
        tx.folders_upsert(mailbox, &writes, clock.now()).await?;
        let writes: Vec<CalendarWrite<'_>> = calendars
            .iter()
            .map(|calendar| CalendarWrite {
                calendar,
                fetched_at: clock.now(),
                round: None,
            })
            .collect();
        tx.calendars_upsert(mailbox, &writes, clock.now()).await?;
        tx.commit().await?;

        assert_eq!(store.folders_list(mailbox).await?.len(), folders.len());
        assert_eq!(store.calendars_list(mailbox).await?.len(), calendars.len());
    }
);
