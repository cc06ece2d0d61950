//! Calendars: series as sets, windows that roll.

use std::time::Duration;

use graph_mirror::model::calendar::EventKind;
use graph_mirror::model::ids::GraphId;
use graph_mirror::model::work::{ChangeHint, NoticeKind};
use graph_mirror::store::Backend;
use serde_json::{Value, json};

use super::mailbox::Connected;
use super::on_both;

pub const PATIENCE: Duration = Duration::from_mins(3);

pub async fn mirrored(backend: Backend) -> Connected {
    let bench = Connected::open(backend).await;
    bench.backfill().await;
    bench.settle(PATIENCE).await;
    bench
}

pub fn slot(day: &str, hour: u32) -> Value {
    json!({ "dateTime": format!("{day}T{hour:02}:00:00"), "timeZone": "W. Europe Standard Time" })
}

/// A daily series of ten days from the 2nd of March 2026.
pub async fn series(bench: &Connected) -> String {
    let event = json!({
        "subject": "Stand-up",
        "body": { "contentType": "text", "content": "daily" },
        "start": slot("2026-03-02", 9),
        "end": slot("2026-03-02", 10),
        "recurrence": {
            "pattern": { "type": "daily", "interval": 1 },
            "range": { "type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": 10,
                "recurrenceTimeZone": "W. Europe Standard Time" },
        },
    });
    let made = bench.act("POST", "/events", Some(event)).await;
    made["id"].as_str().expect("an event has an id").to_owned()
}

pub async fn instances(bench: &Connected, master: &str) -> Vec<String> {
    let path = format!(
        "/events/{}/instances?startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z&$top=50",
        Connected::segment(master)
    );
    let listed = bench.act("GET", &path, None).await;
    listed["value"]
        .as_array()
        .expect("instances")
        .iter()
        .map(|instance| instance["id"].as_str().expect("an id").to_owned())
        .collect()
}

pub async fn change(bench: &Connected, event: &str, changed: Value) {
    let path = format!("/events/{}", Connected::segment(event));
    bench.act("PATCH", &path, Some(changed)).await;
}

pub async fn delete(bench: &Connected, event: &str) {
    let path = format!("/events/{}", Connected::segment(event));
    bench.act("DELETE", &path, None).await;
}

pub async fn kinds(bench: &Connected, master: &str) -> Vec<EventKind> {
    let rows = bench
        .store
        .events_in_series(bench.mailbox, &GraphId::from(master))
        .await
        .expect("the series is read");
    rows.into_iter().map(|stored| stored.event.kind).collect()
}

on_both!(a_new_series_comes_with_its_occurrences, |backend| {
    // F6.32, M50
    let bench = mirrored(backend).await;
    let master = series(&bench).await;

    bench.poll().await;

    bench.assert_true().await;
    assert_eq!(kinds(&bench, &master).await, [EventKind::Occurrence; 10]);
});

on_both!(a_renamed_series_renames_its_occurrences, |backend| {
    let bench = mirrored(backend).await;
    let master = series(&bench).await;
    bench.poll().await;

    change(&bench, &master, json!({ "subject": "Sit-down" })).await;
    bench.poll().await;

    bench.assert_true().await;
});

on_both!(a_notice_about_any_event_refreshes_its_series, |backend| {
    // M52, F10.26
    let bench = mirrored(backend).await;
    let master = series(&bench).await;
    bench
        .announce(NoticeKind::Event, &master, ChangeHint::Created)
        .await;
    bench.settle(PATIENCE).await;
    bench.assert_true().await;

    let fifth = instances(&bench, &master).await.swap_remove(4);
    change(&bench, &fifth, json!({ "subject": "Moved", "start": slot("2026-03-06", 16), "end": slot("2026-03-06", 17) }))
        .await;
    bench
        .announce(NoticeKind::Event, &master, ChangeHint::Updated)
        .await;
    bench
        .announce(NoticeKind::Event, &fifth, ChangeHint::Updated)
        .await;
    let before = bench.graph_requests();
    bench.mirror.refresh_live().await.expect("it is refreshed");

    assert!(
        bench.graph_requests() - before <= 2,
        "a series costs two requests"
    );
    bench.assert_true().await;
    assert!(kinds(&bench, &master).await.contains(&EventKind::Exception));
});

on_both!(a_deleted_series_takes_its_occurrences_with_it, |backend| {
    // F6.38
    let bench = mirrored(backend).await;
    let master = series(&bench).await;
    bench.poll().await;

    delete(&bench, &master).await;
    bench
        .announce(NoticeKind::Event, &master, ChangeHint::Deleted)
        .await;
    bench.mirror.refresh_live().await.expect("it is refreshed");

    bench.assert_true().await;
    assert!(kinds(&bench, &master).await.is_empty());
});

on_both!(
    a_single_event_that_leaves_the_window_leaves_the_mirror,
    |backend| {
        // F6.36, M51
        let bench = mirrored(backend).await;
        let event = json!({ "subject": "Soon", "start": slot("2026-03-02", 9), "end": slot("2026-03-02", 10) });
        let made = bench.act("POST", "/events", Some(event)).await;
        let id = made["id"].as_str().expect("an id").to_owned();
        bench.poll().await;
        bench.assert_true().await;

        change(
            &bench,
            &id,
            json!({ "start": slot("2031-03-02", 9), "end": slot("2031-03-02", 10) }),
        )
        .await;
        bench.poll().await;
        bench.assert_true().await;
        let row = bench
            .store
            .event_get(bench.mailbox, &GraphId::from(id.as_str()))
            .await
            .expect("it is read");
        assert!(row.is_none());

        change(
            &bench,
            &id,
            json!({ "start": slot("2026-04-02", 9), "end": slot("2026-04-02", 10) }),
        )
        .await;
        bench.poll().await;
        bench.assert_true().await;
    }
);

on_both!(calendars_come_and_go, |backend| {
    // M55
    let bench = mirrored(backend).await;
    let made = bench
        .act("POST", "/calendars", Some(json!({ "name": "Court dates" })))
        .await;
    let calendar = made["id"].as_str().expect("an id").to_owned();
    let event = json!({ "subject": "Hearing", "start": slot("2026-03-02", 9), "end": slot("2026-03-02", 10) });
    let path = format!("/calendars/{}/events", Connected::segment(&calendar));
    let hearing = bench.act("POST", &path, Some(event)).await;
    let hearing = hearing["id"].as_str().expect("an id").to_owned();

    // Its first notice comes before anybody has listed the calendar.
    bench
        .announce(NoticeKind::Event, &hearing, ChangeHint::Created)
        .await;
    bench.settle(PATIENCE).await;
    bench.poll().await;
    bench.assert_true().await;

    let path = format!("/calendars/{}", Connected::segment(&calendar));
    bench.act("DELETE", &path, None).await;
    bench.poll().await;
    bench.assert_true().await;
});
