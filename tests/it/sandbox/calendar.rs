//! Calendars and events, through HTTP.

use std::collections::{BTreeSet, HashMap};

use graph_mirror::sandbox::Options;
use reqwest::Method;
use serde_json::{Value, json};

use super::calendar_scene::{
    IMMUTABLE, WINDOW, create, empty, instances, of_type, single, text, weekly,
};
use super::client::{Client, segment};

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
    let changed = text(&instances(&client, &master).await[1], "/id").to_owned();
    let change = json!({"subject": "another"});
    client
        .patch(&format!("/me/events/{}", segment(&changed)), change)
        .await
        .ok();

    let (view, _) = client
        .walk(&format!("/me/calendarView?{WINDOW}&$top=2"), IMMUTABLE)
        .await;
    let (list, _) = client.walk("/me/events", IMMUTABLE).await;
    let expanded = instances(&client, &master).await;

    assert_eq!(view.len(), 5);
    assert!(of_type(&view, "seriesMaster").is_empty());
    assert_eq!(of_type(&view, "occurrence").len(), 3);
    let exceptions = of_type(&view, "exception");
    assert_eq!(exceptions.len(), 1);
    assert_eq!(exceptions[0]["id"], changed.as_str());
    assert!(
        view.iter()
            .all(|item| item["subject"].is_string() && item["iCalUId"].is_string())
    );
    let uids: BTreeSet<&str> = view.iter().map(|item| text(item, "/iCalUId")).collect();
    assert_eq!(uids.len(), 5);
    let kinds: BTreeSet<&str> = list.iter().map(|item| text(item, "/type")).collect();
    assert_eq!(kinds, BTreeSet::from(["seriesMaster", "singleInstance"]));
    assert_eq!(list.len(), 2);
    let subjects: BTreeSet<&str> = list.iter().map(|item| text(item, "/subject")).collect();
    assert_eq!(subjects, BTreeSet::from(["alone", "weekly"]));
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
