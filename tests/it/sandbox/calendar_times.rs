//! When events happen: recurrence and zones, through HTTP.

use serde_json::json;

use super::calendar_scene::{create, empty, instances, single, text, weekly};
use super::client::segment;

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
