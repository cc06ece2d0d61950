//! How events are read.

use super::*;
use chrono::NaiveDate;

const MASTER: &str = r#"{"@odata.etag":"W/\"K1\"","id":"M","createdDateTime":"2026-01-01T00:00:00Z",
    "lastModifiedDateTime":"2026-01-02T00:00:00Z","changeKey":"K1","categories":[],
    "originalStartTimeZone":"W. Europe Standard Time","originalEndTimeZone":"W. Europe Standard Time",
    "iCalUId":"U","reminderMinutesBeforeStart":15,"isReminderOn":true,"hasAttachments":false,"subject":"Stand-up",
    "bodyPreview":"b","importance":"normal","sensitivity":"normal","isAllDay":false,"isCancelled":false,
    "isOrganizer":true,"showAs":"busy","type":"seriesMaster","seriesMasterId":null,"webLink":"https://o/1",
    "onlineMeetingUrl":null,"isOnlineMeeting":true,"onlineMeeting":{"joinUrl":"https://teams.example/j"},
    "body":{"contentType":"html","content":"<p>b</p>"},
    "start":{"dateTime":"2026-01-05T08:00:00.0000000","timeZone":"UTC"},
    "end":{"dateTime":"2026-01-05T08:15:00.0000000","timeZone":"UTC"},
    "location":{"displayName":"Room 1"},"recurrence":{"pattern":{"type":"daily","interval":1}},
    "attendees":[{"type":"required","status":{"response":"accepted"},"emailAddress":{"name":"B","address":"b@x.example"}}],
    "organizer":{"emailAddress":{"name":"A","address":"a@x.example"}},"responseStatus":{"response":"organizer"}}"#;

const BARE: &str = r##"{"@odata.type":"#microsoft.graph.event","@odata.etag":"W/\"K1\"","id":"OID.M.2026-01-06",
    "seriesMasterId":"M","type":"occurrence","start":{"dateTime":"2026-01-06T08:00:00.0000000","timeZone":"UTC"},
    "end":{"dateTime":"2026-01-06T08:15:00.0000000","timeZone":"UTC"}}"##;

fn whole(item: &str) -> Event {
    match read(item, &GraphId::from("C")) {
        Ok(EventItem::Whole(event)) => *event,
        other => panic!("not whole: {other:?}"),
    }
}

fn occurrence(item: &str) -> Occurrence {
    match read(item, &GraphId::from("C")) {
        Ok(EventItem::Occurrence(occurrence)) => *occurrence,
        other => panic!("not an occurrence: {other:?}"),
    }
}

#[test]
fn a_master_becomes_a_row_with_its_rule_and_zone() {
    // M54
    let master = whole(MASTER);

    assert_eq!(master.kind, EventKind::SeriesMaster);
    assert_eq!(master.iana_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(master.start_raw, "2026-01-05T08:00:00.0000000 UTC");
    assert_eq!(
        master.recurrence.as_deref(),
        Some(r#"{"pattern":{"interval":1,"type":"daily"}}"#)
    );
    assert_eq!(
        master.online_meeting_url.as_deref(),
        Some("https://teams.example/j")
    );
    assert_eq!(master.attendees[0].response.as_deref(), Some("accepted"));
    assert_eq!(master.calendar_external_id, GraphId::from("C"));
}

#[test]
fn a_bare_occurrence_wears_its_masters_clothes_at_its_own_time() {
    // F6.32, M50
    let master = whole(MASTER);

    let row = occurrence(BARE).dressed_as(&master);

    assert_eq!(row.kind, EventKind::Occurrence);
    assert_eq!(row.subject, master.subject);
    assert_eq!(row.body, master.body);
    assert_eq!(row.series_master_id, Some(GraphId::from("M")));
    assert_eq!(row.recurrence, None);
    assert_eq!(row.ical_uid, None, "it differs per occurrence (F7.6)");
    assert_eq!(
        row.start_at,
        "2026-01-06T08:00:00Z"
            .parse::<crate::model::time::Timestamp>()
            .expect("an instant")
    );
}

#[test]
fn an_occurrence_is_the_same_row_whether_it_came_bare_or_whole() {
    let master = whole(MASTER);
    let full = MASTER
        .replace(r#""id":"M""#, r#""id":"OID.M.2026-01-06""#)
        .replace(
            r#""type":"seriesMaster","seriesMasterId":null"#,
            r#""type":"occurrence","seriesMasterId":"M""#,
        )
        .replace("2026-01-05T08", "2026-01-06T08");

    let from_full = occurrence(&full).dressed_as(&master);

    assert_eq!(from_full, occurrence(BARE).dressed_as(&master));
    assert_eq!(dressed_again(&from_full, &master), from_full);
}

#[test]
fn an_occurrence_changes_its_clothes_when_its_master_does() {
    let master = whole(MASTER);
    let row = occurrence(BARE).dressed_as(&master);
    let renamed = whole(&MASTER.replace("Stand-up", "Sit-down"));

    let again = dressed_again(&row, &renamed);

    assert_eq!(again.subject.as_deref(), Some("Sit-down"));
    assert_eq!((again.start_at, again.end_at), (row.start_at, row.end_at));
}

#[test]
fn an_all_day_event_is_days_and_is_not_shifted() {
    // F7.5
    let item = MASTER
        .replace(r#""isAllDay":false"#, r#""isAllDay":true"#)
        .replace("2026-01-05T08:00", "2026-01-05T00:00")
        .replace("2026-01-05T08:15", "2026-01-06T00:00");

    let event = whole(&item);

    assert_eq!(event.start_date, NaiveDate::from_ymd_opt(2026, 1, 5));
    assert_eq!(event.end_date, NaiveDate::from_ymd_opt(2026, 1, 6));
    assert_eq!(event.start_raw, "2026-01-05T00:00:00.0000000 UTC");
}

#[test]
fn a_zone_nobody_knows_stays_as_it_was_named() {
    // F7.3
    let event = whole(&MASTER.replace("W. Europe Standard Time", "tzone://Microsoft/Custom"));

    assert_eq!(
        event.original_zone.as_deref(),
        Some("tzone://Microsoft/Custom")
    );
    assert_eq!(event.iana_zone, None);
}

#[test]
fn removals_and_foreign_input_are_no_panic() {
    let read = |item: &str| read(item, &GraphId::from("C"));

    let removed = r#"{"id":"X","@removed":{"reason":"deleted"}}"#;
    assert_eq!(read(removed), Ok(EventItem::Removed(GraphId::from("X"))));
    assert_eq!(read("7"), Err(Unreadable::Shape));
    assert_eq!(read(r#"{"id":"X"}"#), Err(Unreadable::Missing("type")));
    assert_eq!(
        read(r#"{"id":"X","type":"singleInstance"}"#),
        Err(Unreadable::Missing("start"))
    );
    let orphan = BARE.replace(r#""seriesMasterId":"M","#, "");
    assert_eq!(read(&orphan), Err(Unreadable::Missing("seriesMasterId")));
}

#[test]
fn an_event_may_name_its_calendar() {
    assert_eq!(
        calendar_of(r#"{"id":"X","calendar":{"id":"C2","name":"n"}}"#),
        Some(GraphId::from("C2"))
    );
    assert_eq!(calendar_of(r#"{"id":"X"}"#), None);
}

#[test]
fn the_order_of_keys_is_no_change() {
    let before = r#"{"pattern":{"type":"daily","interval":1}, "range":{"type":"noEnd","startDate":"2026-03-02"}}"#;
    let after = r#"{"range":{"startDate":"2026-03-02","type":"noEnd"},"pattern":{"interval":1,"type":"daily"}}"#;

    assert_eq!(same_order(before), same_order(after));
    // More than a double holds.
    assert_eq!(same_order(r#"{"x":1e999}"#), r#"{"x":1e999}"#);
}
