//! Delta over calendar views, through HTTP.

use std::collections::BTreeSet;

use graph_mirror::sandbox::knobs::ExtraOptions;
use serde_json::{Value, json};

use super::calendar_scene::{
    IMMUTABLE, WINDOW, create, empty, ids, instances, of_type, single, text, weekly,
};
use super::client::{Client, segment};

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
    let (items, link) = round(&client, &link).await;

    assert_eq!(ids(&items), [outside.clone(), inside.clone()]);
    assert!(
        items
            .iter()
            .all(|item| item["@removed"]["reason"] == "deleted")
    );
    client
        .delete(&format!("/me/events/{}", segment(&outside)))
        .await;
    let (items, _) = round(&client, &link).await;
    assert_eq!(ids(&items), [outside], "one that was never in it, too");
    assert_eq!(items[0]["@removed"]["reason"], "deleted");
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
