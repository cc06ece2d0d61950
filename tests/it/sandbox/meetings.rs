//! Meetings between mailboxes, and writes that happen once, through HTTP.

use serde_json::json;

use super::calendar_scene::{IMMUTABLE, create, empty, instances, single, text, weekly};
use super::client::segment;

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

// F11.6
#[tokio::test]
async fn an_event_is_found_by_a_property_that_its_maker_gave_it() {
    const PROPERTY: &str = "String {6f1f4c02-3a57-4d0e-9f7e-2b8a1c5d9e40} Name key";
    let client = empty().await;
    let mut event = single("ours", "2026-04-01T10:00:00", "2026-04-01T11:00:00");
    event["singleValueExtendedProperties"] = json!([{"id": PROPERTY, "value": "17"}]);
    let ours = create(&client, event).await;
    create(
        &client,
        single("other", "2026-04-01T10:00:00", "2026-04-01T11:00:00"),
    )
    .await;
    let found = async |value: &str| {
        let filter = format!(
            "singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and ep/value eq '{value}')"
        );
        let path = format!("/me/events?$select=id&$filter={}", segment(&filter));
        client.walk(&path, IMMUTABLE).await.0
    };

    assert_eq!(found("18").await.len(), 0);
    let one = found("17").await;
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["id"], ours.as_str());
    assert!(one[0].get("singleValueExtendedProperties").is_none());
    let expand = segment(&format!(
        "singleValueExtendedProperties($filter=id eq '{PROPERTY}')"
    ));
    let shown = client
        .get(&format!("/me/events/{}?$expand={expand}", segment(&ours)))
        .await;
    assert_eq!(
        shown.json()["singleValueExtendedProperties"],
        json!([{"id": PROPERTY, "value": "17"}])
    );
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
