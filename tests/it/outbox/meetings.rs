//! Meetings: answered by those invited, and changed, called off or moved one occurrence at a time.

use graph_mirror::model::ids::MailboxId;
use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{ALL, Stage, escaped, to};

/// An hour of one day, nine o'clock in Vienna.
fn hour(event: Value, day: &str) -> Value {
    let mut event = event;
    for (field, time) in [("start", "09:00:00"), ("end", "10:00:00")] {
        event[field] = json!({"date_time": format!("{day}T{time}"), "time_zone": "Europe/Vienna"});
    }
    event
}

/// The address of a mailbox's event at the service.
fn place(mailbox: MailboxId, id: &Value) -> String {
    format!("/api/v1/mailboxes/{mailbox}/events/{}", escaped(id))
}

/// Has a mailbox make an event, and gives its id.
async fn made(stage: &Stage, mailbox: MailboxId, event: Value) -> Value {
    let path = format!("/api/v1/mailboxes/{mailbox}/events");
    stage.done(Method::POST, &path, event).await["graph_id"].clone()
}

/// What somebody has under a subject.
async fn held(stage: &Stage, index: usize, subject: &str) -> Option<Value> {
    let page = stage.graph(index, "/me/events?$top=500").await;
    let events = page["value"].as_array().expect("a page");
    events.iter().find(|one| one["subject"] == subject).cloned()
}

/// The occurrences of a series in March 2027.
async fn occurrences(stage: &Stage, index: usize, series: &Value) -> Vec<Value> {
    let path = format!(
        "/me/events/{}/instances?startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-04-01T00:00:00Z",
        escaped(series)
    );
    let page = stage.graph(index, &path).await;
    page["value"].as_array().expect("a page").clone()
}

/// One field of each.
fn each(events: &[Value], field: &str) -> Vec<Value> {
    events.iter().map(|one| one[field].clone()).collect()
}

#[tokio::test]
async fn an_invitation_is_answered_once_and_only_its_organizer_calls_it_off() {
    let stage = Stage::open(ALL, &json!({})).await;
    let (organizer, attendee) = (stage.mailbox(0).await, stage.mailbox(1).await);
    let event = |subject: &str| json!({"subject": subject, "attendees": to(stage.address(1))});
    let mut made_of = Vec::new();
    for (act, response) in [("accept", "accepted"), ("decline", "declined")] {
        let id = made(&stage, organizer, hour(event(act), "2027-03-02")).await;
        let copy = held(&stage, 1, act).await.expect("it is invited");
        stage.lose_once("POST", &format!("/{act}$"));

        let path = format!("{}/{act}", place(attendee, &copy["id"]));
        stage
            .done(Method::POST, &path, json!({"comment": "so"}))
            .await;

        let own = stage
            .graph(0, &format!("/me/events/{}", escaped(&id)))
            .await;
        assert_eq!(own["attendees"][0]["status"]["response"], response, "{own}");
        made_of.push((id, copy));
    }
    assert_eq!(stage.sandbox.world().faults().len(), 2, "one was repeated");
    assert!(held(&stage, 1, "decline").await.is_none());

    let (id, copy) = &made_of[0];
    for (mailbox, id, act) in [(attendee, &copy["id"], "cancel"), (organizer, id, "accept")] {
        let path = format!("{}/{act}?wait=60", place(mailbox, id));
        let told = stage.ask(Method::POST, &path, None, json!({})).await;
        let said = (told.status, &told.body["code"]);
        assert_eq!(said, (502, &json!("write_refused")), "{}", told.body);
        let detail = told.body["detail"].as_str().expect("a sentence");
        assert!(detail.contains("organizer"), "{detail}");
    }
    for index in [0, 1] {
        let event = held(&stage, index, "accept").await.expect("it stands");
        assert_eq!(event["isCancelled"], false);
    }
    stage.close().await;
}

#[tokio::test]
async fn an_occurrence_is_changed_and_called_off_alone_and_never_crosses_its_neighbour() {
    let stage = Stage::open(ALL, &json!({})).await;
    let mailbox = stage.mailbox(0).await;
    let weekly = json!({"pattern": {"type": "weekly", "days_of_week": ["monday"]}, "range": {"type": "numbered", "number_of_occurrences": 4}});
    let event =
        json!({"subject": "Weekly", "attendees": to(stage.address(1)), "recurrence": weekly});
    let series = made(&stage, mailbox, hour(event, "2027-03-01")).await;
    let fresh = occurrences(&stage, 0, &series).await;
    assert_eq!(each(&fresh, "subject"), ["Weekly"; 4]);
    let second = place(mailbox, &fresh[1]["id"]);
    let third = place(mailbox, &fresh[2]["id"]);
    stage.lose_once("PATCH", "/events/");

    let alone = json!({"subject": "Alone", "location": "Room 7"});
    stage.done(Method::PATCH, &second, alone).await;

    assert_eq!(stage.sandbox.world().faults().len(), 1, "it was repeated");
    stage.sandbox.world().clear_faults();
    let changed = occurrences(&stage, 0, &series).await;
    assert_eq!(
        each(&changed, "subject"),
        ["Weekly", "Alone", "Weekly", "Weekly"]
    );
    assert_eq!(each(&changed, "start"), each(&fresh, "start"));
    let copy = held(&stage, 1, "Weekly").await.expect("it is invited")["id"].clone();
    let invited = occurrences(&stage, 1, &copy).await;
    assert_eq!(each(&invited, "subject"), each(&changed, "subject"));

    // The third is on the 15th.
    for day in ["2027-03-15", "2027-03-17"] {
        let path = format!("{second}?wait=60");
        let told = stage
            .ask(Method::PATCH, &path, None, hour(json!({}), day))
            .await;
        let said = (told.status, &told.body["code"]);
        let crossing = json!("occurrence_crosses_neighbour");
        assert_eq!(said, (409, &crossing), "{day}: {}", told.body);
    }
    assert_eq!(occurrences(&stage, 0, &series).await, changed);

    stage.lose_once("POST", "/cancel$");
    stage
        .done(Method::POST, &format!("{third}/cancel"), json!({}))
        .await;

    assert_eq!(stage.sandbox.world().faults().len(), 1, "it was repeated");
    let left = occurrences(&stage, 0, &series).await;
    assert_eq!(each(&left, "subject"), ["Weekly", "Alone", "Weekly"]);
    assert_eq!(left[2]["id"], changed[3]["id"]);
    let invited = occurrences(&stage, 1, &copy).await;
    assert_eq!(
        each(&invited, "isCancelled"),
        [false, false, true, false].map(Value::from)
    );
    stage.close().await;
}
