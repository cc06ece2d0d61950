//! Calendars, events and their delta, through HTTP.

use std::collections::{BTreeSet, HashMap};

use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::knobs::{DeadToken, ExtraOptions};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, segment};

const WINDOW: &str = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-05-01T00:00:00Z";
const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

/// A sandbox whose calendars are empty.
async fn empty() -> Client {
    Client::open_with(Options {
        messages: Some(20),
        events: false,
        ..Options::default()
    })
    .await
}

fn single(subject: &str, start: &str, end: &str) -> Value {
    json!({
        "subject": subject,
        "start": {"dateTime": start, "timeZone": "UTC"},
        "end": {"dateTime": end, "timeZone": "UTC"},
    })
}

/// Mondays at nine in Berlin, from 2 March 2026 on.
fn weekly(subject: &str, count: u32) -> Value {
    json!({
        "subject": subject,
        "start": {"dateTime": "2026-03-02T09:00:00", "timeZone": "W. Europe Standard Time"},
        "end": {"dateTime": "2026-03-02T10:00:00", "timeZone": "W. Europe Standard Time"},
        "recurrence": {
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
            "range": {"type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": count},
        },
    })
}

async fn create(client: &Client, event: Value) -> String {
    let answer = client.post("/me/events", event).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    text(&answer.json(), "/id").to_owned()
}

async fn instances(client: &Client, master: &str) -> Vec<Value> {
    let path = format!("/me/events/{}/instances?{WINDOW}", segment(master));
    client.walk(&path, IMMUTABLE).await.0
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn ids(items: &[Value]) -> Vec<String> {
    items
        .iter()
        .map(|item| text(item, "/id").to_owned())
        .collect()
}

fn of_type<'v>(items: &'v [Value], kind: &str) -> Vec<&'v Value> {
    items.iter().filter(|item| item["type"] == kind).collect()
}

/// A full round of the window; its items and its deltaLink.
async fn full_round(client: &Client) -> (Vec<Value>, String) {
    round(client, &format!("/me/calendarView/delta?{WINDOW}")).await
}

async fn round(client: &Client, link: &str) -> (Vec<Value>, String) {
    let (items, last) = client
        .walk(link, &format!("{IMMUTABLE}, odata.maxpagesize=3"))
        .await;
    (items, text(&last, "/@odata.deltaLink").to_owned())
}

// S45, F6.32
#[tokio::test]
async fn s45_a_round_has_full_masters_full_exceptions_and_bare_occurrences() {
    let client = empty().await;
    let master = create(&client, weekly("weekly", 4)).await;
    let alone = create(
        &client,
        single("alone", "2026-04-01T10:00:00", "2026-04-01T11:00:00"),
    )
    .await;
    let second = text(&instances(&client, &master).await[1], "/id").to_owned();
    client
        .patch(
            &format!("/me/events/{}", segment(&second)),
            json!({"subject": "another"}),
        )
        .await
        .ok();

    let (items, _) = full_round(&client).await;

    assert_eq!(items.len(), 6);
    let bare = of_type(&items, "occurrence");
    assert_eq!(bare.len(), 3);
    for occurrence in bare {
        let keys: BTreeSet<&str> = occurrence
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let expected = [
            "@odata.etag",
            "@odata.type",
            "end",
            "id",
            "seriesMasterId",
            "start",
            "type",
        ];
        assert_eq!(keys, BTreeSet::from(expected));
        assert_eq!(occurrence["seriesMasterId"], master.as_str());
    }
    let exception = of_type(&items, "exception")[0];
    assert_eq!(
        (text(exception, "/subject"), text(exception, "/id")),
        ("another", second.as_str())
    );
    assert_eq!(text(exception, "/originalStart"), "2026-03-09T08:00:00Z");
    let found = of_type(&items, "seriesMaster")[0];
    assert_eq!(text(found, "/subject"), "weekly");
    assert_eq!(text(found, "/recurrence/pattern/type"), "weekly");
    assert_eq!(of_type(&items, "singleInstance")[0]["id"], alone.as_str());
    assert!(
        items
            .iter()
            .all(|item| item["@odata.type"] == "#microsoft.graph.event")
    );
}

// S45, F6.32
#[tokio::test]
async fn s45_a_master_that_began_before_the_window_is_told_with_its_first_occurrence() {
    let client = empty().await;
    create(&client, weekly("weekly", 8)).await;

    let window = "startDateTime=2026-04-01T00:00:00Z&endDateTime=2026-04-10T00:00:00Z";
    let (items, _) = round(&client, &format!("/me/calendarView/delta?{window}")).await;

    let master = of_type(&items, "seriesMaster")[0];
    assert_eq!(
        text(master, "/start/dateTime"),
        "2026-03-02T08:00:00.0000000"
    );
    assert_eq!(of_type(&items, "occurrence").len(), 1);
}

// S45, F6.36
#[tokio::test]
async fn s45_what_changes_outside_the_window_is_reported_as_removed() {
    let client = empty().await;
    let inside = create(
        &client,
        single("inside", "2026-04-01T10:00:00", "2026-04-01T11:00:00"),
    )
    .await;
    let (_, link) = full_round(&client).await;

    let outside = create(
        &client,
        single("far", "2027-04-01T10:00:00", "2027-04-01T11:00:00"),
    )
    .await;
    let moved = json!({
        "start": {"dateTime": "2026-09-01T10:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2026-09-01T11:00:00", "timeZone": "UTC"},
    });
    client
        .patch(&format!("/me/events/{}", segment(&inside)), moved)
        .await
        .ok();
    let (items, _) = round(&client, &link).await;

    assert_eq!(ids(&items), [outside, inside.clone()]);
    assert!(
        items
            .iter()
            .all(|item| item["@removed"]["reason"] == "deleted")
    );
    assert_eq!(
        client
            .get(&format!("/me/events/{}", segment(&inside)))
            .await
            .status,
        200
    );
}

// S45, F6.34
#[tokio::test]
async fn s45_a_deleted_occurrence_is_unreported_but_its_series_is_told_again() {
    let client = empty().await;
    let master = create(&client, weekly("weekly", 4)).await;
    let (_, link) = full_round(&client).await;
    let gone = text(&instances(&client, &master).await[2], "/id").to_owned();

    assert_eq!(
        client
            .delete(&format!("/me/events/{}", segment(&gone)))
            .await
            .status,
        204
    );
    let (items, _) = round(&client, &link).await;

    assert_eq!(of_type(&items, "seriesMaster").len(), 1);
    assert_eq!(of_type(&items, "occurrence").len(), 3);
    assert!(!ids(&items).contains(&gone));
    assert!(items.iter().all(|item| item.get("@removed").is_none()));
    assert_eq!(
        client
            .get(&format!("/me/events/{}", segment(&gone)))
            .await
            .status,
        404
    );
}

// S45, F12.7
#[tokio::test]
async fn s45_rescheduling_mints_new_occurrence_ids_and_is_silent_on_the_old_ones() {
    let client = empty().await;
    let master = create(&client, weekly("weekly", 4)).await;
    let (before, link) = full_round(&client).await;

    let later = json!({
        "start": {"dateTime": "2026-03-03T14:00:00", "timeZone": "W. Europe Standard Time"},
        "end": {"dateTime": "2026-03-03T15:00:00", "timeZone": "W. Europe Standard Time"},
        "recurrence": {
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["tuesday"]},
            "range": {"type": "numbered", "startDate": "2026-03-03", "numberOfOccurrences": 4},
        },
    });
    client
        .patch(&format!("/me/events/{}", segment(&master)), later)
        .await
        .ok();
    let (after, _) = round(&client, &link).await;

    let old: BTreeSet<_> = of_type(&before, "occurrence")
        .iter()
        .map(|item| text(item, "/id"))
        .collect();
    let new: BTreeSet<_> = of_type(&after, "occurrence")
        .iter()
        .map(|item| text(item, "/id"))
        .collect();
    assert_eq!((old.len(), new.len()), (4, 4));
    assert!(old.is_disjoint(&new));
    assert!(after.iter().all(|item| item.get("@removed").is_none()));
    assert_eq!(of_type(&after, "seriesMaster")[0]["id"], master.as_str());
    for id in old {
        assert_eq!(
            client
                .get(&format!("/me/events/{}", segment(id)))
                .await
                .status,
            404
        );
    }
}

// S45, F6.38
#[tokio::test]
async fn s45_a_deleted_series_is_one_removal() {
    let client = empty().await;
    let master = create(&client, weekly("weekly", 4)).await;
    let (_, link) = full_round(&client).await;

    client
        .delete(&format!("/me/events/{}", segment(&master)))
        .await;
    let (quiet, _) = round(&client, &link).await;
    client
        .sandbox
        .world()
        .lock()
        .knobs
        .series_removal_reports_occurrences = true;
    let (loud, _) = round(&client, &link).await;

    assert_eq!(ids(&quiet), [master]);
    assert_eq!(loud.len(), 5);
}

// S45, F6.34
#[tokio::test]
async fn s45_a_named_calendar_has_a_stream_of_its_own() {
    let client = empty().await;
    let made = client
        .post("/me/calendars", json!({"name": "Projects"}))
        .await
        .ok();
    let path = format!("/me/calendars/{}", segment(text(&made, "/id")));
    let event = single("mine", "2026-04-01T10:00:00", "2026-04-01T11:00:00");
    let event = client.post(&format!("{path}/events"), event).await.ok();

    let (named, _) = round(&client, &format!("{path}/calendarView/delta?{WINDOW}")).await;
    let (default, _) = full_round(&client).await;

    assert_eq!(ids(&named), [text(&event, "/id")]);
    assert!(default.is_empty());
}

// S46
#[tokio::test]
async fn s46_other_dates_on_a_delta_link_have_no_effect() {
    let client = empty().await;
    let (_, link) = full_round(&client).await;
    let far = create(
        &client,
        single("far", "2027-04-01T10:00:00", "2027-04-01T11:00:00"),
    )
    .await;

    let wider =
        format!("{link}&startDateTime=2020-01-01T00:00:00Z&endDateTime=2030-01-01T00:00:00Z");
    let (items, _) = round(&client, &wider).await;

    assert_eq!(ids(&items), [far]);
    assert_eq!(items[0]["@removed"]["reason"], "deleted");
}

// S31
#[tokio::test]
async fn s31_a_page_has_one_link_and_extra_options_are_refused_when_the_knob_says_so() {
    let client = empty().await;
    create(&client, weekly("weekly", 4)).await;

    let mut link = format!("/me/calendarView/delta?{WINDOW}");
    let mut pages = 0;
    let delta_link = loop {
        let page = client.get_with(&link, "odata.maxpagesize=2").await.ok();
        pages += 1;
        match (
            page["@odata.nextLink"].as_str(),
            page["@odata.deltaLink"].as_str(),
        ) {
            (Some(next), None) => {
                assert!(next.contains("$skiptoken="));
                next.clone_into(&mut link);
            }
            (None, Some(end)) => break end.to_owned(),
            both => panic!("a page has exactly one link: {both:?}"),
        }
    };
    client.sandbox.world().lock().knobs.extra_delta_options = ExtraOptions::Refuse;
    let extra = client
        .get(&format!("{delta_link}&startDateTime=2020-01-01T00:00:00Z"))
        .await;

    assert_eq!(pages, 3);
    assert!(delta_link.contains("$deltatoken="));
    assert_eq!(extra.refusal(), (400, "ErrorInvalidUrlQuery".to_owned()));
    assert_eq!(client.get(&delta_link).await.status, 200);
}

// S32, F6.31
#[tokio::test]
async fn s32_a_calendar_view_delta_takes_none_of_the_five_options() {
    let client = empty().await;

    for option in [
        "$select=subject",
        "$expand=attachments",
        "$filter=isAllDay eq true",
        "$orderby=subject",
        "$search=%22x%22",
    ] {
        let answer = client
            .get(&format!("/me/calendarView/delta?{WINDOW}&{option}"))
            .await;
        assert_eq!(
            answer.refusal(),
            (400, "ErrorInvalidUrlQuery".to_owned()),
            "{option}"
        );
    }
    assert_eq!(client.get("/me/calendarView/delta").await.status, 400);
    assert_eq!(client.get("/me/events/delta").await.status, 400);
}

// S39
#[tokio::test]
async fn s39_replays_duplicates_and_delays_can_be_turned_on() {
    let client = empty().await;
    let (_, first) = full_round(&client).await;
    let one = create(
        &client,
        single("one", "2026-04-01T10:00:00", "2026-04-01T11:00:00"),
    )
    .await;
    let (_, second) = round(&client, &first).await;
    let two = create(
        &client,
        single("two", "2026-04-02T10:00:00", "2026-04-02T11:00:00"),
    )
    .await;

    client.sandbox.world().lock().knobs.delta_replays = true;
    let (replayed, _) = round(&client, &second).await;
    client.sandbox.world().lock().knobs.delta_replays = false;
    client.sandbox.world().lock().knobs.delta_delays = true;
    let (delayed, next) = round(&client, &second).await;
    let (late, _) = round(&client, &next).await;
    client.sandbox.world().lock().knobs.delta_delays = false;
    client.sandbox.world().lock().knobs.delta_duplicates = true;
    let (doubled, _) = round(&client, &second).await;

    assert_eq!(ids(&replayed), [one, two.clone()]);
    assert!(delayed.is_empty());
    assert_eq!(ids(&late), [two.as_str()]);
    assert_eq!(ids(&doubled), [two.clone(), two]);
}

// S40
#[tokio::test]
async fn s40_a_dead_token_is_refused_and_says_where_to_begin_anew() {
    let client = empty().await;
    let event = create(
        &client,
        single("one", "2026-04-01T10:00:00", "2026-04-01T11:00:00"),
    )
    .await;
    let (_, link) = full_round(&client).await;
    {
        let mut state = client.sandbox.world().lock();
        assert!(state.mailboxes[0].calendar.expire_tokens() > 0);
        state.knobs.dead_token = DeadToken::GoneWithLocation;
    }

    let gone = client.get(&link).await;
    let location = gone.headers["location"].to_str().unwrap().to_owned();
    let (items, _) = round(&client, &location).await;

    assert_eq!(gone.refusal(), (410, "SyncStateNotFound".to_owned()));
    assert_eq!(ids(&items), [event]);
}

// S41, S42
#[tokio::test]
async fn s41_a_delta_link_can_be_read_twice_and_s42_latest_is_a_full_round() {
    let client = empty().await;
    let (_, link) = full_round(&client).await;
    let one = create(
        &client,
        single("one", "2026-04-01T10:00:00", "2026-04-01T11:00:00"),
    )
    .await;
    let (first, _) = round(&client, &link).await;
    let two = create(
        &client,
        single("two", "2026-04-02T10:00:00", "2026-04-02T11:00:00"),
    )
    .await;

    let (again, _) = round(&client, &link).await;
    let latest = format!("/me/calendarView/delta?{WINDOW}&$deltatoken=latest");
    let (everything, _) = round(&client, &latest).await;

    assert_eq!(ids(&first), [one.as_str()]);
    assert_eq!(ids(&again), [one, two]);
    assert_eq!(everything.len(), 2);
}

// S47, F6.33, F7.13
#[tokio::test]
async fn s47_a_view_has_full_occurrences_and_no_masters_and_a_list_the_opposite() {
    let client = empty().await;
    let master = create(&client, weekly("weekly", 4)).await;
    create(
        &client,
        single("alone", "2026-04-01T10:00:00", "2026-04-01T11:00:00"),
    )
    .await;

    let (view, _) = client
        .walk(&format!("/me/calendarView?{WINDOW}&$top=2"), IMMUTABLE)
        .await;
    let (list, _) = client.walk("/me/events", IMMUTABLE).await;
    let expanded = instances(&client, &master).await;

    assert_eq!(view.len(), 5);
    assert!(of_type(&view, "seriesMaster").is_empty());
    assert_eq!(of_type(&view, "occurrence").len(), 4);
    assert!(
        view.iter()
            .all(|item| item["subject"].is_string() && item["iCalUId"].is_string())
    );
    let uids: BTreeSet<&str> = view.iter().map(|item| text(item, "/iCalUId")).collect();
    assert_eq!(uids.len(), 5);
    let kinds: BTreeSet<&str> = list.iter().map(|item| text(item, "/type")).collect();
    assert_eq!(kinds, BTreeSet::from(["seriesMaster", "singleInstance"]));
    assert_eq!(expanded.len(), 4);
    assert!(list.iter().chain(&view).all(|item| {
        item.get("cancelledOccurrences").is_none() && item.get("exceptionOccurrences").is_none()
    }));
}

// S47, F7.13
#[tokio::test]
async fn s47_cancelled_and_exception_occurrences_come_only_when_asked_for_of_a_master() {
    let client = empty().await;
    let master = create(&client, weekly("weekly", 4)).await;
    let dates = instances(&client, &master).await;
    let (changed, dropped) = (text(&dates[1], "/id"), text(&dates[2], "/id"));
    let change = json!({"subject": "another"});
    client
        .patch(&format!("/me/events/{}", segment(changed)), change)
        .await
        .ok();
    client
        .delete(&format!("/me/events/{}", segment(dropped)))
        .await;

    let path = format!("/me/events/{}", segment(&master));
    let plain = client.get(&path).await.ok();
    let options =
        "$select=subject,cancelledOccurrences&$expand=exceptionOccurrences($select=id,subject)";
    let asked = client.get(&format!("{path}?{options}")).await.ok();
    let of_occurrence = client
        .get(&format!("/me/events/{}?{options}", segment(changed)))
        .await
        .ok();

    assert!(plain.get("cancelledOccurrences").is_none());
    assert_eq!(
        asked["cancelledOccurrences"],
        json!([format!("OID.{master}.2026-03-16")])
    );
    let exceptions = asked["exceptionOccurrences"].as_array().unwrap();
    assert_eq!(exceptions.len(), 1);
    assert_eq!(
        (
            text(&exceptions[0], "/id"),
            text(&exceptions[0], "/subject")
        ),
        (changed, "another")
    );
    assert!(exceptions[0].get("body").is_none() && asked.get("body").is_none());
    assert!(of_occurrence.get("cancelledOccurrences").is_none());
    assert!(of_occurrence.get("exceptionOccurrences").is_none());
}

// S48
#[tokio::test]
async fn s48_the_six_patterns_and_three_ranges_expand() {
    let client = empty().await;
    let patterns = [
        (json!({"type": "daily", "interval": 2}), "numbered", 5),
        (
            json!({"type": "weekly", "interval": 2, "daysOfWeek": ["monday", "friday"]}),
            "endDate",
            9,
        ),
        (
            json!({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31}),
            "noEnd",
            2,
        ),
        (
            json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["monday"], "index": "last"}),
            "noEnd",
            2,
        ),
        (
            json!({"type": "absoluteYearly", "interval": 1, "month": 4, "dayOfMonth": 7}),
            "numbered",
            1,
        ),
        (
            json!({"type": "relativeYearly", "interval": 1, "month": 3, "daysOfWeek": ["tuesday"], "index": "third"}),
            "endDate",
            1,
        ),
    ];
    for (pattern, range, expected) in patterns {
        let mut event = weekly("series", 1);
        event["recurrence"] = json!({
            "pattern": pattern,
            "range": {"type": range, "startDate": "2026-03-02", "endDate": "2026-12-31", "numberOfOccurrences": 5},
        });
        let master = create(&client, event).await;

        let found = instances(&client, &master).await;

        assert_eq!(found.len(), expected, "{pattern}");
        let last = found.last().unwrap();
        // Nine in Berlin before and after 29 March.
        let hour = if text(last, "/start/dateTime") < "2026-03-29" {
            "T08:"
        } else {
            "T07:"
        };
        assert!(text(last, "/start/dateTime").contains(hour), "{last}");
    }
}

// S48, F7.12
#[tokio::test]
async fn s48_an_occurrence_moved_onto_its_neighbours_day_is_refused() {
    let client = empty().await;
    let master = create(&client, weekly("weekly", 4)).await;
    let second = text(&instances(&client, &master).await[1], "/id").to_owned();
    let to = |day: &str| {
        json!({
            "start": {"dateTime": format!("{day}T20:00:00"), "timeZone": "W. Europe Standard Time"},
            "end": {"dateTime": format!("{day}T21:00:00"), "timeZone": "W. Europe Standard Time"},
        })
    };
    let path = format!("/me/events/{}", segment(&second));

    let refused = client.patch(&path, to("2026-03-16")).await;
    let moved = client.patch(&path, to("2026-03-15")).await.ok();

    assert_eq!(
        refused.refusal(),
        (400, "ErrorOccurrenceCrossingBoundary".to_owned())
    );
    assert_eq!(
        (text(&moved, "/type"), text(&moved, "/id")),
        ("exception", second.as_str())
    );
    assert_eq!(
        text(&moved, "/start/dateTime"),
        "2026-03-15T19:00:00.0000000"
    );
}

// S49, F7.3, F7.5
#[tokio::test]
async fn s49_times_are_utc_with_seven_digits_unless_a_zone_is_preferred() {
    let client = empty().await;
    let id = create(&client, weekly("weekly", 4)).await;
    let mut leave = single("leave", "2026-07-01T00:00:00", "2026-07-02T00:00:00");
    leave["isAllDay"] = true.into();
    let leave = create(&client, leave).await;
    let path = format!("/me/events/{}", segment(&id));

    let utc = client.get(&path).await.ok();
    let tokyo = client
        .get_with(&path, "outlook.timezone=\"Tokyo Standard Time\"")
        .await;
    let iana = client
        .get_with(&path, "outlook.timezone=\"America/New_York\"")
        .await
        .ok();
    let unknown = client
        .get_with(&path, "outlook.timezone=\"Atlantis Standard Time\"")
        .await;
    let all_day = client
        .get_with(
            &format!("/me/events/{}", segment(&leave)),
            "outlook.timezone=\"Tokyo Standard Time\"",
        )
        .await
        .ok();

    assert_eq!(
        utc["start"],
        json!({"dateTime": "2026-03-02T08:00:00.0000000", "timeZone": "UTC"})
    );
    assert_eq!(
        text(&utc, "/originalStartTimeZone"),
        "W. Europe Standard Time"
    );
    assert!(
        tokyo.headers["preference-applied"]
            .to_str()
            .unwrap()
            .contains("Tokyo Standard Time")
    );
    assert_eq!(
        tokyo.ok()["start"],
        json!({"dateTime": "2026-03-02T17:00:00.0000000", "timeZone": "Tokyo Standard Time"})
    );
    assert_eq!(
        iana["end"],
        json!({"dateTime": "2026-03-02T04:00:00.0000000", "timeZone": "America/New_York"})
    );
    assert_eq!(
        unknown.refusal(),
        (400, "TimeZoneNotSupportedException".to_owned())
    );
    assert_eq!(
        text(&all_day, "/start/dateTime"),
        "2026-07-01T00:00:00.0000000"
    );
}

// S49
#[tokio::test]
async fn s49_an_unknown_zone_in_a_body_is_refused() {
    let client = empty().await;
    let mut event = single("x", "2026-04-01T10:00:00", "2026-04-01T11:00:00");
    event["start"]["timeZone"] = "Atlantis Standard Time".into();

    let answer = client.post("/me/events", event).await;

    assert_eq!(
        answer.refusal(),
        (400, "TimeZoneNotSupportedException".to_owned())
    );
}

// S19, S24, F12.7
#[tokio::test]
async fn s24_an_event_and_its_occurrences_have_two_ids_and_both_resolve() {
    let client = empty().await;
    let immutable = create(&client, weekly("weekly", 2)).await;

    let path = format!("/me/calendarView?{WINDOW}&$top=1");
    let first = client.get(&path).await.ok();
    let next = text(&first, "/@odata.nextLink").to_owned();
    let remembered = client.get(&next).await.ok();
    let forgotten = client.get_with(&next, "odata.maxpagesize=5").await.ok();
    let default = client
        .get_with("/me/events", "odata.maxpagesize=5")
        .await
        .ok();

    let default = text(&default, "/value/0/id");
    assert_ne!(default, immutable);
    for id in [
        default,
        &immutable,
        text(&remembered, "/value/0/id"),
        text(&forgotten, "/value/0/id"),
    ] {
        assert_eq!(
            client
                .get(&format!("/me/events/{}", segment(id)))
                .await
                .status,
            200
        );
    }
    assert_eq!(text(&remembered, "/value/0/seriesMasterId"), immutable);
    assert_eq!(text(&forgotten, "/value/0/seriesMasterId"), default);
}

// S70, F11.6
#[tokio::test]
async fn s70_a_repeated_transaction_makes_one_event() {
    let client = empty().await;
    let mut event = single("once", "2026-04-01T10:00:00", "2026-04-01T11:00:00");
    event["transactionId"] = "7E163156-7762-4BEB-A1C6-729EA81755A7".into();

    let first = client.post("/me/events", event.clone()).await;
    let second = client.post("/me/events", event.clone()).await;
    let path = format!("/me/events/{}", segment(text(&first.ok(), "/id")));
    let changed = client.patch(&path, json!({"transactionId": "other"})).await;

    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!(first.json()["transactionId"], event["transactionId"]);
    assert_eq!(client.walk("/me/events", IMMUTABLE).await.0.len(), 1);
    assert_eq!(changed.status, 400);
}

// S70, F11.8
#[tokio::test]
async fn s70_cancelling_an_occurrence_removes_one_slot() {
    let client = empty().await;
    let master = create(&client, weekly("weekly", 4)).await;
    let second = text(&instances(&client, &master).await[1], "/id").to_owned();

    let path = format!("/me/events/{}/cancel", segment(&second));
    let answer = client.post(&path, json!({"comment": "not today"})).await;

    assert_eq!((answer.status, answer.text.as_str()), (202, ""));
    assert_eq!(instances(&client, &master).await.len(), 3);
    assert_eq!(
        client
            .get(&format!("/me/events/{}", segment(&second)))
            .await
            .status,
        404
    );
}

// S70, F11.8, F11.9, F7.17
#[tokio::test]
async fn s70_an_attendee_cannot_cancel_but_answers() {
    let mut client = empty().await;
    client.sign_in(1);
    let invited = client.person().address.clone();
    client.sign_in(0);
    let mut meeting = weekly("meeting", 4);
    meeting["attendees"] = json!([{"emailAddress": {"address": invited}, "type": "required"}]);
    let own = create(&client, meeting).await;
    client.sign_in(1);
    let (copies, _) = client.walk("/me/events", IMMUTABLE).await;
    let path = format!("/me/events/{}", segment(text(&copies[0], "/id")));

    let cancelled = client.post(&format!("{path}/cancel"), json!({})).await;
    let accepted = client
        .post(&format!("{path}/accept"), json!({"sendResponse": true}))
        .await;
    let copy = client.get(&path).await.ok();
    client.sign_in(0);
    let original = client
        .get(&format!("/me/events/{}", segment(&own)))
        .await
        .ok();

    assert_eq!(cancelled.status, 400);
    assert_eq!(
        text(&cancelled.json(), "/error/message"),
        "Your request can't be completed. You need to be an organizer to cancel a meeting."
    );
    assert_eq!(accepted.status, 202);
    assert_eq!(copy["isOrganizer"], false);
    assert_eq!(text(&copy, "/responseStatus/response"), "accepted");
    assert_eq!(text(&copy, "/iCalUId"), text(&original, "/iCalUId"));
    assert_eq!(text(&original, "/attendees/0/status/response"), "accepted");
    assert_eq!(
        client
            .post(&format!("/me/events/{}/accept", segment(&own)), json!({}))
            .await
            .status,
        400
    );
}

// F6.37, F11.9
#[tokio::test]
async fn a_cancelled_meeting_stays_with_the_attendee_and_a_declined_one_goes() {
    let mut client = empty().await;
    client.sign_in(1);
    let invited = client.person().address.clone();
    client.sign_in(0);
    let mut own = Vec::new();
    for subject in ["off", "declined"] {
        let mut meeting = single(subject, "2026-04-01T10:00:00", "2026-04-01T11:00:00");
        meeting["attendees"] = json!([{"emailAddress": {"address": invited}}]);
        own.push(create(&client, meeting).await);
    }

    client
        .post(
            &format!("/me/events/{}/cancel", segment(&own[0])),
            json!({}),
        )
        .await;
    client.sign_in(1);
    let (copies, _) = client.walk("/me/events?$orderby=subject", IMMUTABLE).await;
    let declined = copies
        .iter()
        .find(|copy| copy["subject"] == "declined")
        .unwrap();
    let path = format!("/me/events/{}/decline", segment(text(declined, "/id")));
    assert_eq!(client.post(&path, json!({})).await.status, 202);
    let (left, _) = client.walk("/me/events", IMMUTABLE).await;

    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["isCancelled"], true);
    assert_eq!(text(&left[0], "/subject"), "Canceled: off");
    client.sign_in(0);
    assert_eq!(
        client
            .get(&format!("/me/events/{}", segment(&own[0])))
            .await
            .status,
        404
    );
}

// F7.16
#[tokio::test]
async fn calendars_are_listed_made_renamed_and_deleted_with_what_is_in_them() {
    let client = Client::open().await;
    let (listed, _) = client.walk("/me/calendars?$top=2", IMMUTABLE).await;
    let made = client
        .post(
            "/me/calendars",
            json!({"name": "Reisen", "color": "lightTeal"}),
        )
        .await;
    let path = format!("/me/calendars/{}", segment(text(&made.ok(), "/id")));
    let event = single("trip", "2026-04-01T10:00:00", "2026-04-01T11:00:00");
    let event = client.post(&format!("{path}/events"), event).await.ok();

    let twice = client
        .post("/me/calendars", json!({"name": "reisen"}))
        .await;
    let renamed = client.patch(&path, json!({"name": "Fahrten"})).await.ok();
    let deleted = client.delete(&path).await;

    assert!(listed.len() > 2);
    assert_eq!(
        listed
            .iter()
            .filter(|calendar| calendar["isDefaultCalendar"] == true)
            .count(),
        1
    );
    assert_eq!(made.status, 201);
    assert_eq!(twice.refusal(), (409, "ErrorFolderExists".to_owned()));
    assert_eq!(text(&renamed, "/name"), "Fahrten");
    assert_eq!(deleted.status, 204);
    assert_eq!(client.get(&path).await.status, 404);
    assert_eq!(
        client
            .get(&format!("/me/events/{}", segment(text(&event, "/id"))))
            .await
            .status,
        404
    );
    let default = listed
        .iter()
        .find(|calendar| calendar["isDefaultCalendar"] == true)
        .unwrap();
    let refused = client
        .delete(&format!("/me/calendars/{}", segment(text(default, "/id"))))
        .await;
    assert_eq!(refused.status, 400);
}

// S18, S20, F5.13
#[tokio::test]
async fn a_list_of_events_is_selected_filtered_and_ordered() {
    let client = empty().await;
    for (subject, day) in [("b", 2), ("a", 3), ("c", 1)] {
        let event = single(
            subject,
            &format!("2026-04-0{day}T10:00:00"),
            &format!("2026-04-0{day}T11:00:00"),
        );
        create(&client, event).await;
    }

    let ordered = client
        .get("/me/events?$select=subject&$orderby=start/dateTime desc&$top=2&$count=true")
        .await
        .ok();
    let filtered = client
        .get("/me/events?$filter=start/dateTime ge '2026-04-02'&$orderby=start/dateTime")
        .await
        .ok();
    let complex = client
        .get("/me/events?$filter=isAllDay eq false&$orderby=subject")
        .await;
    let too_many = client.get("/me/events?$top=1001").await;

    assert_eq!(ordered["@odata.count"], 3);
    let subjects = |page: &Value| -> Vec<String> {
        page["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| text(item, "/subject").to_owned())
            .collect()
    };
    assert_eq!(subjects(&ordered), ["a", "b"]);
    let keys: BTreeSet<&String> = ordered["value"][0].as_object().unwrap().keys().collect();
    assert_eq!(
        keys.into_iter().collect::<Vec<_>>(),
        ["@odata.etag", "id", "subject"]
    );
    let rest = client.get(text(&ordered, "/@odata.nextLink")).await.ok();
    assert_eq!(subjects(&rest), ["c"]);
    assert_eq!(subjects(&filtered), ["b", "a"]);
    assert_eq!(complex.refusal(), (400, "InefficientFilter".to_owned()));
    assert_eq!(too_many.status, 400);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_graphs_codes() {
    let client = empty().await;
    let id = create(&client, weekly("weekly", 2)).await;
    let path = format!("/me/events/{}", segment(&id));
    let cases = [
        (
            client
                .post("/me/events", json!({"subject": "no times"}))
                .await,
            400,
            "ErrorPropertyValidationFailure",
        ),
        (
            client.post("/me/events", json!([1])).await,
            400,
            "RequestBodyRead",
        ),
        (
            client.patch(&path, json!({"subjekt": "x"})).await,
            400,
            "RequestBodyRead",
        ),
        (
            client.patch(&path, json!({"showAs": "asleep"})).await,
            400,
            "RequestBodyRead",
        ),
        (
            client.get("/me/events/short").await,
            400,
            "ErrorInvalidIdMalformed",
        ),
        (
            client
                .get("/me/events/AAMkAGVmMDEzMTM4LTZmYWUtNDdkNC1hMDZi")
                .await,
            404,
            "ErrorItemNotFound",
        ),
        (
            client.get("/me/calendars/unknown/events").await,
            404,
            "ErrorItemNotFound",
        ),
        (
            client.get("/me/calendarView").await,
            400,
            "ErrorInvalidParameter",
        ),
        (
            client.get(&format!("{path}?$expand=children")).await,
            400,
            "ErrorInvalidUrlQuery",
        ),
    ];
    for (answer, status, code) in cases {
        assert_eq!(answer.refusal(), (status, code.to_owned()));
    }
    let stale = [("If-Match", "W/\"old\"")];
    let answer = client
        .send(Method::PATCH, &path, &stale, Some(json!({"subject": "x"})))
        .await;
    assert_eq!(
        answer.refusal(),
        (412, "ErrorIrresolvableConflict".to_owned())
    );
}

// S72
#[tokio::test]
async fn s72_the_truth_of_a_window_is_what_a_client_can_read_in_it() {
    let client = Client::open_with(Options {
        messages: Some(20),
        mailboxes: 2,
        ..Options::default()
    })
    .await;
    let truth = {
        use graph_mirror::sandbox::calendar::window::Window;
        use graph_mirror::sandbox::query::Query;
        let window = Window::of(&Query::parse(WINDOW).unwrap()).unwrap();
        client.sandbox.world().lock().mailboxes[0]
            .calendar
            .truth(Some(window))
    };

    let mut read: HashMap<String, Value> = HashMap::new();
    let (calendars, _) = client.walk("/me/calendars", IMMUTABLE).await;
    for calendar in &calendars {
        let path = format!(
            "/me/calendars/{}/calendarView?{WINDOW}",
            segment(text(calendar, "/id"))
        );
        let (items, _) = client
            .walk(&path, &format!("{IMMUTABLE}, odata.maxpagesize=50"))
            .await;
        read.extend(
            items
                .into_iter()
                .map(|item| (text(&item, "/id").to_owned(), item)),
        );
    }

    let told: Vec<&Value> = ["events", "occurrences"]
        .iter()
        .flat_map(|part| truth[part].as_array().unwrap())
        .filter(|item| item["type"] != "seriesMaster")
        .collect();
    assert_eq!(
        truth["calendars"].as_array().unwrap().len(),
        calendars.len()
    );
    assert_eq!(told.len(), read.len());
    assert!(told.len() > 30, "{}", told.len());
    for item in told {
        let seen = &read[text(item, "/id")];
        for (name, value) in seen.as_object().unwrap() {
            assert_eq!(&item[name], value, "{name}");
        }
    }
}
