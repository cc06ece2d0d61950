//! Events: made once, changed, called off, and changed or deleted only at the version that was meant.

use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{ALL, Stage, escaped, to};

#[tokio::test]
async fn an_event_is_made_once_changed_and_called_off_over_lost_answers() {
    let stage = Stage::open(ALL, &json!({})).await;
    let mailbox = stage.mailbox(0).await;
    stage.fault(json!({"method": "POST", "path": "/events$", "lose": true, "times": 2}));
    // The third time Graph says that it has made it, and not which one it is.
    stage.fault(json!({
        "method": "POST", "path": "/events$", "status": 409, "times": 1,
        "body": {"error": {"code": "ErrorDuplicateTransactionId", "message": "used before"}},
    }));
    stage.fault(json!({"method": "PATCH", "path": "/events/", "lose": true, "times": 1}));
    stage.fault(json!({"method": "POST", "path": "/cancel$", "lose": true, "times": 1}));
    let at = |time: &str| json!({"date_time": time, "time_zone": "Europe/Vienna"});
    let event = json!({
        "subject": "Written", "start": at("2027-03-01T09:00:00"), "end": at("2027-03-01T10:00:00"),
        "attendees": [{"address": stage.address(1)}],
        "recurrence": {"pattern": {"type": "weekly", "days_of_week": ["monday"]}, "range": {"type": "numbered", "number_of_occurrences": 3}},
    });

    let made = stage
        .ask(
            Method::POST,
            &format!("/api/v1/mailboxes/{mailbox}/events?wait=60"),
            Some("e"),
            event,
        )
        .await;
    assert_eq!(made.status, 200, "{}", made.body);
    let id = made.body["graph_id"].as_str().expect("an id").to_owned();
    let escaped: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let path = format!("/api/v1/mailboxes/{mailbox}/events/{escaped}");
    let changed = stage
        .ask(
            Method::PATCH,
            &format!("{path}?wait=60"),
            None,
            json!({"subject": "Written anew"}),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);

    let events = stage.graph(0, "/me/events?$top=500").await;
    let found: Vec<&Value> = events["value"]
        .as_array()
        .expect("a page")
        .iter()
        .filter(|one| {
            one["subject"]
                .as_str()
                .is_some_and(|subject| subject.starts_with("Written"))
        })
        .collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], id.as_str());
    assert_eq!(
        (&found[0]["subject"], &found[0]["type"]),
        (&json!("Written anew"), &json!("seriesMaster"))
    );
    let cancelled = stage
        .ask(
            Method::POST,
            &format!("{path}/cancel?wait=60"),
            None,
            json!({"comment": "sorry"}),
        )
        .await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    let gone = stage.graph(0, &format!("/me/events/{escaped}")).await;
    assert!(
        gone["error"].is_object() || gone["isCancelled"] == true,
        "{gone}"
    );
    stage.close().await;
}

#[tokio::test]
async fn an_event_is_changed_and_deleted_only_at_the_version_that_is_named() {
    let stage = Stage::open(ALL, &json!({})).await;
    let mailbox = stage.mailbox(0).await;
    let at = |time: &str| json!({"date_time": time, "time_zone": "Europe/Vienna"});
    let event = json!({
        "subject": "First", "start": at("2027-03-01T09:00:00"), "end": at("2027-03-01T10:00:00"),
        "attendees": to(stage.address(1)),
    });
    let events = format!("/api/v1/mailboxes/{mailbox}/events");
    let made = stage.done(Method::POST, &events, event).await;
    let old = made["outcome"]["change_key"].as_str().expect("a version");
    let id = escaped(&made["graph_id"]);
    let path = format!("{events}/{id}");
    let second = stage
        .done(Method::PATCH, &path, json!({"subject": "Second"}))
        .await;
    let seen = format!("/me/events/{id}");
    let before = stage.graph(0, &seen).await;
    assert_eq!(before["changeKey"], second["outcome"]["change_key"]);
    let waiting = format!("{path}?wait=60");

    let third = json!({"subject": "Third"});
    for (method, body) in [
        (Method::PATCH, third.clone()),
        (Method::DELETE, Value::Null),
    ] {
        let told = stage.ask_of(old, method.clone(), &waiting, body).await;
        let said = (told.status, &told.body["code"]);
        let conflict = json!("version_conflict");
        assert_eq!(said, (412, &conflict), "{method}: {}", told.body);
    }
    assert_eq!(stage.graph(0, &seen).await, before, "it was written to");

    // An entity tag is as good as the bare key.
    let present = before["@odata.etag"].as_str().expect("a version");
    let told = stage.ask_of(present, Method::PATCH, &waiting, third).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(stage.graph(0, &seen).await["subject"], "Third");
    let present = told.body["outcome"]["change_key"].as_str().expect("one");
    let told = stage.ask_of(present, Method::DELETE, &waiting, Value::Null);
    let told = told.await;
    assert_eq!(told.status, 200, "{}", told.body);
    let gone = stage.graph(0, &seen).await;
    assert_eq!(gone["error"]["code"], "ErrorItemNotFound", "{gone}");
    stage.close().await;
}
