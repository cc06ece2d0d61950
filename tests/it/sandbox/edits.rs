//! S63 and S72: random edits, what they announce, and the truth a mirror is compared with.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::commands::Which;
use graph_mirror::sandbox::edits::{Edit, EditOrder, kinds};
use graph_mirror::sandbox::hostile::Hostility;
use serde_json::{Value, json};

use super::bench::{Bench, Ear, morning};

fn order(count: usize, kinds: &[&str]) -> EditOrder {
    EditOrder {
        count,
        seed: 5,
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
    }
}

fn edit(bench: &Bench, count: usize, kinds: &[&str]) -> Vec<Edit> {
    let mailbox = bench.user_id(0);
    bench.world().edit(&mailbox, &order(count, kinds)).unwrap()
}

fn truth(bench: &Bench, index: usize) -> Value {
    let text = bench.world().truth(&bench.user_id(index), None).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Notifications of messages and of events of the first person, at once.
async fn listen(bench: &Bench) -> Ear {
    let ear = Ear::open().await;
    bench.turn(&json!({
        "notification_delay_min_ms": 0,
        "notification_delay_max_ms": 0,
        "events_default_calendar_only": false,
    }));
    let token = bench.token(0);
    for resource in ["me/messages", "me/events"] {
        let body = json!({
            "changeType": "created,updated,deleted",
            "notificationUrl": ear.url,
            "resource": resource,
            "expirationDateTime": (morning() + chrono::TimeDelta::days(6)).to_rfc3339(),
        });
        let prefer = [("prefer", "IdType=\"ImmutableId\"")];
        let created = bench
            .call_with(&token, Method::POST, "/subscriptions", Some(body), &prefer)
            .await;
        assert_eq!(created.status, 201, "{created:?}");
    }
    ear
}

/// What is told about an edit: kind of change and id.
async fn told(ear: &Ear, count: usize) -> Vec<(String, String)> {
    let items = ear.items(count).await;
    items
        .iter()
        .map(|item| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&item["changeType"]), text(&item["resourceData"]["id"]))
        })
        .collect()
}

#[tokio::test]
async fn s72_the_same_seed_gives_the_same_world_the_same_edits_and_the_same_truth() {
    let (one, other) = (Bench::start().await, Bench::start().await);
    assert_eq!(truth(&one, 0), truth(&other, 0));

    let edits = edit(&one, 300, &[]);

    assert_eq!(edits, edit(&other, 300, &[]));
    assert_eq!(truth(&one, 0), truth(&other, 0));
    let different = Bench::with(Options {
        seed: 2,
        messages: Some(20),
        ..Options::default()
    })
    .await;
    assert_ne!(truth(&one, 1), truth(&different, 1));
}

#[tokio::test]
async fn s72_every_kind_of_edit_comes_up_and_counts_reach_what_was_asked() {
    let bench = Bench::start().await;

    let edits = edit(&bench, 1_500, &[]);

    assert_eq!(edits.len(), 1_500);
    let made: BTreeSet<_> = edits.iter().map(|edit| edit.kind.as_str()).collect();
    assert_eq!(made, kinds().into_iter().collect());
    let entities: BTreeSet<_> = edits.iter().map(|edit| edit.entity.as_str()).collect();
    assert_eq!(entities.len(), 4);
    assert!(edits.iter().all(|edit| !edit.id.is_empty()));

    let mail = edit(&bench, 50, &["mail"]);
    assert!(
        mail.iter()
            .all(|edit| ["message", "folder"].contains(&edit.entity.as_str()))
    );
}

#[tokio::test]
async fn s72_the_truth_is_what_a_client_reads() {
    let bench = Bench::start().await;
    edit(&bench, 200, &[]);
    let truth = truth(&bench, 0);
    let token = bench.token(0);
    let prefer = [("prefer", "IdType=\"ImmutableId\", odata.maxpagesize=500")];
    let read = async |path: &str| {
        let mut found = BTreeMap::new();
        let mut path = path.to_owned();
        loop {
            let page = bench
                .call_with(&token, Method::GET, &path, None, &prefer)
                .await
                .json();
            for item in page["value"].as_array().unwrap() {
                found.insert(item["id"].as_str().unwrap().to_owned(), item.clone());
            }
            match page["@odata.nextLink"].as_str() {
                Some(next) => next.clone_into(&mut path),
                None => return found,
            }
        }
    };

    let messages = read("/me/messages?$top=500").await;
    let told = truth["messages"].as_array().unwrap();
    assert!(told.len() > 10);
    assert_eq!(told.len(), messages.len());
    for message in told {
        let read = &messages[message["id"].as_str().unwrap()];
        for name in [
            "subject",
            "isRead",
            "parentFolderId",
            "body",
            "changeKey",
            "categories",
        ] {
            assert_eq!(message[name], read[name], "{name}");
        }
    }
    let events = read("/me/events?$top=500").await;
    let default = truth["calendars"]
        .as_array()
        .unwrap()
        .iter()
        .find(|calendar| calendar["isDefaultCalendar"] == true)
        .unwrap();
    let told: Vec<_> = truth["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["calendarId"] == default["id"])
        .collect();
    assert_eq!(told.len(), events.len());
    assert!(
        told.iter()
            .all(|event| events.contains_key(event["id"].as_str().unwrap()))
    );
    assert!(truth["folders"].as_array().unwrap().len() >= 9);
}

#[tokio::test]
async fn s72_a_window_tells_the_occurrences_in_it() {
    let bench = Bench::start().await;
    let path = format!(
        "/mailboxes/{}/truth?window_start=2026-03-01T00:00:00Z&window_end=2026-05-01T00:00:00Z",
        bench.user_id(0)
    );

    let truth = bench.control(Method::GET, &path, None).await.json();

    let occurrences = truth["occurrences"].as_array().unwrap();
    assert!(!occurrences.is_empty());
    let masters: BTreeSet<_> = truth["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    for occurrence in occurrences {
        assert!(masters.contains(occurrence["seriesMasterId"].as_str().unwrap()));
    }
    let half = path.replace("&window_end=2026-05-01T00:00:00Z", "");
    assert_eq!(bench.control(Method::GET, &half, None).await.status, 400);
}

#[tokio::test]
async fn s63_a_move_is_deleted_and_created_with_one_id_in_either_order() {
    let bench = Bench::start().await;
    let ear = listen(&bench).await;

    let moved = edit(&bench, 12, &["message_move"]);

    let told = told(&ear, 24).await;
    let mut orders = BTreeSet::new();
    for (edit, pair) in moved.iter().zip(told.chunks(2)) {
        assert!(pair.iter().all(|(_, id)| *id == edit.id));
        let kinds: BTreeSet<_> = pair.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, BTreeSet::from(["created", "deleted"]));
        orders.insert(pair[0].0.clone());
    }
    assert_eq!(orders.len(), 2, "both orders come up");
}

#[tokio::test]
async fn s63_sending_creates_a_draft_an_id_that_never_resolves_and_the_sent_message() {
    let bench = Bench::start().await;
    let ear = listen(&bench).await;

    let sent = edit(&bench, 1, &["message_send"]).remove(0);

    let told = told(&ear, 3).await;
    assert!(told.iter().all(|(kind, _)| kind == "created"));
    assert_eq!((&told[0].1, &told[2].1), (&sent.id, &sent.id));
    let transient = &told[1].1;
    assert_ne!(transient, &sent.id);
    let token = bench.token(0);
    let path = |id: &str| {
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        format!("/me/messages/{id}")
    };
    let lost = bench
        .call(&token, Method::GET, &path(transient), None)
        .await;
    assert_eq!(
        (lost.status, lost.code().as_str()),
        (404, "ErrorItemNotFound")
    );
    let found = bench
        .call(&token, Method::GET, &path(&sent.id), None)
        .await
        .json();
    let folders = bench
        .call(&token, Method::GET, "/me/mailFolders/sentitems", None)
        .await
        .json();
    assert_eq!(found["parentFolderId"], folders["id"]);
}

#[tokio::test]
async fn s63_an_edited_event_is_updated_one_to_three_times_and_an_occurrence_names_its_master() {
    let bench = Bench::start().await;
    let ear = listen(&bench).await;
    let masters: BTreeSet<_> = truth(&bench, 0)["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "seriesMaster")
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();

    let mut counts = BTreeSet::new();
    for seed in 0..20 {
        let order = EditOrder {
            seed,
            ..order(1, &["occurrence_edit"])
        };
        let mailbox = bench.user_id(0);
        let edited = bench.world().edit(&mailbox, &order).unwrap().remove(0);
        bench.quiet().await;
        let updates = told(&ear, ear.unheard_items()).await;
        assert!(
            updates
                .iter()
                .all(|(kind, id)| kind == "updated" && *id == edited.id)
        );
        assert!(masters.contains(&edited.id));
        assert!((1..=3).contains(&updates.len()));
        counts.insert(updates.len());
    }
    assert!(counts.len() > 1);
}

#[tokio::test]
async fn a_delivered_message_is_in_the_inbox_and_announced() {
    let bench = Bench::start().await;
    let ear = listen(&bench).await;

    let path = format!("/mailboxes/{}/messages", bench.user_id(0));
    let ids = bench
        .control(Method::POST, &path, Some(json!({"count": 3})))
        .await
        .json();

    let told = told(&ear, 3).await;
    let ids: Vec<_> = ids["ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        told.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>()
    );
    let inbox = bench
        .call(&bench.token(0), Method::GET, "/me/mailFolders/inbox", None)
        .await
        .json();
    let messages = truth(&bench, 0);
    let message = messages["messages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|message| message["id"] == ids[0])
        .unwrap();
    assert_eq!(
        (&message["parentFolderId"], &message["isRead"]),
        (&inbox["id"], &json!(false))
    );
}

#[tokio::test]
async fn s40_delta_tokens_die_by_command() {
    let bench = Bench::start().await;
    let token = bench.token(0);
    let mut path = "/me/mailFolders/inbox/messages/delta".to_owned();
    let link = loop {
        let page = bench.call(&token, Method::GET, &path, None).await.json();
        match (&page["@odata.nextLink"], &page["@odata.deltaLink"]) {
            (Value::String(next), _) => next.clone_into(&mut path),
            (_, link) => break link.as_str().unwrap().to_owned(),
        }
    };
    assert_eq!(
        bench.call(&token, Method::GET, &link, None).await.status,
        200
    );

    let wish = json!({"mailbox": bench.user_id(1)});
    bench
        .control(Method::POST, "/delta/expire", Some(wish))
        .await;
    assert_eq!(
        bench.call(&token, Method::GET, &link, None).await.status,
        200
    );
    let wish = json!({"mailbox": bench.user_id(0), "kind": "mail"});
    let expired = bench
        .control(Method::POST, "/delta/expire", Some(wish))
        .await
        .json();
    assert!(expired["expired"].as_u64().unwrap() > 0);

    let dead = bench.call(&token, Method::GET, &link, None).await;
    assert_eq!(
        (dead.status, dead.code().as_str()),
        (410, "SyncStateNotFound")
    );
}

#[tokio::test]
async fn s68_hostile_notifications_are_what_they_say() {
    let bench = Bench::start().await;
    let ear = listen(&bench).await;
    let which = Which {
        id: Some(bench.world().subscriptions()[0].id.clone()),
        mailbox: None,
    };
    let state = bench.world().subscriptions()[0].clone();
    let post = async |kind: Hostility| {
        let statuses = bench.world().send_hostile(&which, kind).await.unwrap();
        assert_eq!(statuses, [Some(202)]);
        ear.next().await
    };

    let forged = post(Hostility::WrongClientState).await.items();
    assert!(forged.iter().all(|item| item["clientState"] == "not yours"));
    let unknown = post(Hostility::UnknownSubscription).await.items();
    assert!(
        unknown
            .iter()
            .all(|item| item["subscriptionId"] != state.id.as_str())
    );
    let renamed = post(Hostility::UnknownChangeType).await.items();
    assert!(renamed.iter().all(|item| item["changeType"] == "renamed"));
    assert_eq!(post(Hostility::ThousandItems).await.items().len(), 1_000);
    assert_eq!(post(Hostility::UnknownShape).await.items()[1], "item");
    let mixed = post(Hostility::BadAmongGood).await.items();
    let good = mixed.iter().filter(|item| {
        item["clientState"] == Value::Null && item["subscriptionId"] == state.id.as_str()
    });
    assert_eq!((mixed.len(), good.count()), (5, 3));
    assert!(serde_json::from_str::<Value>(&post(Hostility::InvalidJson).await.body).is_err());
}

#[tokio::test]
async fn an_unknown_kind_of_edit_is_refused_and_the_known_ones_are_named() {
    let bench = Bench::start().await;
    let path = format!("/mailboxes/{}/edits", bench.user_id(0));
    let reference = include_str!("../../../docs/reference/sandbox.md");

    let refused = bench
        .control(
            Method::POST,
            &path,
            Some(json!({"count": 1, "kinds": ["message_fly"]})),
        )
        .await;

    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("message_deliver") && refused.text.contains("event_create"));
    for kind in kinds() {
        assert!(
            reference.contains(&format!("`{kind}`")),
            "{kind} is not documented"
        );
    }
}
