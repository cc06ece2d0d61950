//! Events, and series as sets.

use graph_mirror::model::calendar::{Event, EventKind};
use graph_mirror::model::ids::MailboxId;
use graph_mirror::model::time::{Clock, Timestamp};
use graph_mirror::model::work::Effect;
use graph_mirror::store::{EventWrite, Store};

use super::samples::{at, connected, event, event_write, id, json, occurrence, seconds, writing};
use crate::support::database::on_both_stores;

async fn write(
    store: &Store,
    mailbox: MailboxId,
    events: &[Event],
    fetched_at: Timestamp,
) -> Vec<Effect> {
    let writes = events
        .iter()
        .map(|event| event_write(event, fetched_at))
        .collect::<Vec<_>>();
    let mut tx = writing(store).await;
    let effects = tx
        .events_upsert(mailbox, &writes, fetched_at)
        .await
        .expect("they are written");
    tx.commit().await.expect("it commits");
    effects.into_iter().map(|(_, effect)| effect).collect()
}

fn window() -> (Timestamp, Timestamp) {
    (at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z"))
}

fn series() -> Vec<Event> {
    vec![
        event("master", EventKind::SeriesMaster, "2026-01-05T09:00:00Z"),
        occurrence("jan", "master", "2026-01-19T09:00:00Z"),
        occurrence("feb 1", "master", "2026-02-02T09:00:00Z"),
        occurrence("feb 2", "master", "2026-02-16T09:00:00Z"),
        occurrence("mar", "master", "2026-03-02T09:00:00Z"),
    ]
}

on_both_stores!(an_event_reads_back_as_it_was_written, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let events = [
        event("single", EventKind::SingleInstance, "2026-02-01T09:00:00Z"),
        event("master", EventKind::SeriesMaster, "2026-02-01T09:00:00Z"),
        Event {
            kind: EventKind::Exception,
            original_start_at: Some(at("2026-02-02T09:00:00Z")),
            start_date: None,
            end_date: None,
            subject: None,
            organizer: None,
            attendees: Vec::new(),
            reminder_minutes: None,
            ..occurrence("exception", "master", "2026-02-02T10:00:00Z")
        },
    ];

    let effects = write(&store, mailbox, &events, clock.now()).await;

    assert_eq!(effects, [Effect::Created; 3]);
    for expected in events {
        let stored = store
            .event_get(mailbox, &expected.external_id)
            .await?
            .expect("it is there");
        assert_eq!(stored.fetched_at, clock.now());
        assert_eq!(json(&stored.event.raw), json(&expected.raw));
        let raw = stored.event.raw.clone();
        let recurrence = stored.event.recurrence.clone();
        assert_eq!(
            recurrence.as_deref().map(json),
            expected.recurrence.as_deref().map(json)
        );
        assert_eq!(
            stored.event,
            Event {
                raw,
                recurrence,
                ..expected
            }
        );
    }
    assert_eq!(store.events_count(mailbox).await?, 3);
    let page = store
        .events_page(mailbox, Some(&id("exception")), 1)
        .await?;
    assert_eq!(page[0].event.external_id, id("master"));
    assert_eq!(store.event_get(mailbox, &id("none")).await?, None);
});

// M36.
on_both_stores!(an_event_is_guarded_as_a_message_is, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let now = clock.now();
    let mut single = event("single", EventKind::SingleInstance, "2026-02-01T09:00:00Z");
    write(&store, mailbox, std::slice::from_ref(&single), now).await;

    let same = write(
        &store,
        mailbox,
        std::slice::from_ref(&single),
        now + seconds(1),
    )
    .await;
    single.location = None;
    let stale = write(
        &store,
        mailbox,
        std::slice::from_ref(&single),
        now - seconds(1),
    )
    .await;
    let updated = write(
        &store,
        mailbox,
        std::slice::from_ref(&single),
        now + seconds(1),
    )
    .await;

    assert_eq!(
        (same, stale),
        (vec![Effect::Unchanged], vec![Effect::Stale])
    );
    assert_eq!(updated, [Effect::Updated]);
});

// M50, F6.34: the occurrences of a series inside the window are replaced as a set.
on_both_stores!(
    a_series_is_replaced_as_a_set_inside_its_window,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        write(&store, mailbox, &series(), now).await;
        let other = occurrence("other series", "another", "2026-02-03T09:00:00Z");
        write(&store, mailbox, std::slice::from_ref(&other), now).await;
        let set = [
            occurrence("feb 2", "master", "2026-02-16T09:00:00Z"),
            occurrence("feb 3", "master", "2026-02-23T09:00:00Z"),
        ];
        let writes = set
            .iter()
            .map(|event| event_write(event, now + seconds(5)))
            .collect::<Vec<_>>();

        let mut tx = writing(&store).await;
        let effects = tx
            .events_replace_series(
                mailbox,
                &id("master"),
                window(),
                now + seconds(5),
                &writes,
                now,
            )
            .await?;
        tx.commit().await?;

        assert_eq!(
            effects,
            [
                (id("feb 2"), Effect::Unchanged),
                (id("feb 3"), Effect::Created),
                (id("feb 1"), Effect::Deleted),
            ]
        );
        let left = store.events_in_series(mailbox, &id("master")).await?;
        let left = left
            .iter()
            .map(|stored| stored.event.external_id.as_str())
            .collect::<Vec<_>>();
        assert_eq!(left, ["jan", "feb 2", "feb 3", "mar"]);
        assert!(store.event_get(mailbox, &id("master")).await?.is_some());
        assert!(
            store
                .event_get(mailbox, &id("other series"))
                .await?
                .is_some()
        );
        // No tombstone: the slot may come back.
        let back = occurrence("feb 1", "master", "2026-02-02T09:00:00Z");
        assert_eq!(
            write(&store, mailbox, &[back], now).await,
            [Effect::Created]
        );
    }
);

on_both_stores!(
    an_occurrence_fetched_later_than_the_set_stays,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        write(&store, mailbox, &series(), now).await;

        let mut tx = writing(&store).await;
        let effects = tx
            .events_replace_series(mailbox, &id("master"), window(), now - seconds(5), &[], now)
            .await?;
        tx.commit().await?;

        assert!(effects.is_empty());
        assert_eq!(store.events_count(mailbox).await?, 5);
    }
);

on_both_stores!(a_master_is_deleted_with_its_series, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let now = clock.now();
    write(&store, mailbox, &series(), now).await;
    let single = event("single", EventKind::SingleInstance, "2026-02-01T09:00:00Z");
    write(&store, mailbox, std::slice::from_ref(&single), now).await;

    let mut tx = writing(&store).await;
    let gone = tx
        .events_delete(mailbox, &[id("master"), id("none")], now + seconds(1), now)
        .await?;
    tx.commit().await?;

    assert_eq!(
        gone,
        [id("master"), id("jan"), id("feb 1"), id("feb 2"), id("mar")]
    );
    assert_eq!(store.events_count(mailbox).await?, 1);
    assert_eq!(
        write(&store, mailbox, &series()[..1], now).await,
        [Effect::Stale]
    );
});

on_both_stores!(
    events_leave_with_their_calendar_or_their_window_and_may_come_back,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        write(&store, mailbox, &series(), now).await;
        let elsewhere = Event {
            calendar_external_id: id("other"),
            ..event(
                "elsewhere",
                EventKind::SingleInstance,
                "2026-02-01T09:00:00Z",
            )
        };
        write(&store, mailbox, std::slice::from_ref(&elsewhere), now).await;

        let mut tx = writing(&store).await;
        let dropped = tx.events_drop(mailbox, &[id("jan"), id("none")]).await?;
        let deleted = tx.events_delete_calendar(mailbox, &id("calendar")).await?;
        tx.commit().await?;

        assert_eq!(dropped, [id("jan")]);
        assert_eq!(deleted.len(), 4);
        assert_eq!(store.events_count(mailbox).await?, 1);
        assert_eq!(
            write(&store, mailbox, &series(), now).await,
            [Effect::Created; 5]
        );
    }
);

on_both_stores!(
    a_sweep_of_a_window_finds_what_its_round_has_not_seen,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let began = clock.now();
        let earlier = began - seconds(60);
        write(&store, mailbox, &series(), earlier).await;
        let events = [
            event("left", EventKind::SingleInstance, "2026-02-10T09:00:00Z"),
            event("seen", EventKind::SingleInstance, "2026-02-10T09:00:00Z"),
            event("before", EventKind::SingleInstance, "2026-01-10T09:00:00Z"),
            event("after", EventKind::SingleInstance, "2026-03-10T09:00:00Z"),
            event(
                "ended master",
                EventKind::SeriesMaster,
                "2026-01-01T09:00:00Z",
            ),
            occurrence("ended", "ended master", "2026-01-01T09:00:00Z"),
            event(
                "bare master",
                EventKind::SeriesMaster,
                "2026-01-01T09:00:00Z",
            ),
        ];
        write(&store, mailbox, &events, earlier).await;
        let mut tx = writing(&store).await;
        let seen = EventWrite {
            event: &events[1],
            fetched_at: began,
            round: Some(7),
        };
        tx.events_upsert(mailbox, &[seen], began).await?;
        tx.commit().await?;

        let unseen = store
            .events_unseen(mailbox, &id("calendar"), window(), 7, began)
            .await?;

        let mut names = unseen
            .iter()
            .map(|key| key.external_id.as_str())
            .collect::<Vec<_>>();
        names.sort_unstable();
        assert_eq!(names, ["bare master", "feb 1", "feb 2", "left", "master"]);
        let keys = store.events_in_calendar(mailbox, &id("calendar")).await?;
        assert_eq!(keys.len(), 12);
        let feb = keys
            .iter()
            .find(|key| key.external_id == id("feb 1"))
            .expect("it is listed");
        assert_eq!(feb.series_master_id, Some(id("master")));
        assert_eq!((feb.kind, feb.fetched_at), (EventKind::Occurrence, earlier));
        assert_eq!(
            (feb.start_at, feb.change_key.as_deref()),
            (at("2026-02-02T09:00:00Z"), Some("1"))
        );
    }
);
