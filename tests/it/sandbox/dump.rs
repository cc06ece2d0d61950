//! S72: cursors, queues and knobs can be dumped.

use axum::http::Method;
use serde_json::{Value, json};

use super::bench::{Bench, Ear, Manner};
use super::subscriptions::{create, wish};

const WINDOW: &str = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-03-03T00:00:00Z";

async fn dump(bench: &Bench) -> Value {
    let answer = bench.control(Method::GET, "/dump", None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn get(bench: &Bench, token: &str, path: &str) -> Value {
    let headers = [("prefer", "odata.maxpagesize=5")];
    let answer = bench
        .call_with(token, Method::GET, path, None, &headers)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// A round to its end; its deltaLink.
async fn round(bench: &Bench, token: &str, path: &str) -> String {
    let mut next = path.to_owned();
    loop {
        let page = get(bench, token, &next).await;
        match page["@odata.nextLink"].as_str() {
            Some(link) => link.clone_into(&mut next),
            None => return page["@odata.deltaLink"].as_str().unwrap().to_owned(),
        }
    }
}

/// The cursors of one stream and kind of link.
fn cursors<'d>(dump: &'d Value, stream: &str, link: &str) -> Vec<&'d Value> {
    let cursors = dump["cursors"].as_array().unwrap().iter();
    cursors
        .filter(|cursor| cursor["stream"] == stream && cursor["link"] == link)
        .collect()
}

#[tokio::test]
async fn s72_every_cursor_is_in_the_dump_and_moves_with_a_round() {
    let bench = Bench::start().await;
    let token = bench.token(0);
    assert_eq!(dump(&bench).await["cursors"], json!([]));

    get(&bench, &token, "/me/mailFolders/inbox/messages/delta").await;
    let midway = dump(&bench).await;
    let pages = cursors(&midway, "messages", "next");
    assert_eq!(pages.len(), 1, "{midway}");
    assert!(pages[0]["left"].as_u64().unwrap() > 0);

    let link = round(&bench, &token, "/me/mailFolders/inbox/messages/delta").await;
    round(&bench, &token, "/me/mailFolders/delta").await;
    round(&bench, &token, &format!("/me/calendarView/delta?{WINDOW}")).await;
    let first = dump(&bench).await;
    let inbox = get(&bench, &token, "/me/mailFolders/inbox").await["id"].clone();
    let messages = cursors(&first, "messages", "delta");
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["folder"], inbox);
    assert_eq!(messages[0]["mailbox"], bench.user_id(0).as_str());
    let end = messages[0]["token_end"].as_str().unwrap();
    assert!(link.ends_with(end) && end.len() == 8, "{end}");
    assert!(!first.to_string().contains(link.rsplit('=').next().unwrap()));
    assert_eq!(cursors(&first, "folders", "delta").len(), 1);
    let views = cursors(&first, "calendar_view", "delta");
    assert_eq!(views.len(), 1);
    assert_eq!(views[0]["window_start"], "2026-03-01T00:00:00Z");
    assert_eq!(views[0]["window_end"], "2026-03-03T00:00:00Z");

    bench.world().deliver_message(&bench.user_id(0)).unwrap();
    round(&bench, &token, &link).await;
    let second = dump(&bench).await;
    let moved = cursors(&second, "messages", "delta");
    assert_eq!(moved.len(), 2);
    assert!(moved[1]["sequence"].as_u64() > messages[0]["sequence"].as_u64());
    assert_eq!(
        moved[1]["sequence"],
        second["mailboxes"][0]["mail_sequence"]
    );
    let count = |dump: &Value| dump["mailboxes"][0]["messages"].as_u64().unwrap();
    assert_eq!(count(&second), count(&first) + 1);

    bench.world().expire_delta_tokens(None, None).unwrap();
    assert_eq!(dump(&bench).await["cursors"], json!([]));
}

#[tokio::test]
async fn s72_every_item_that_waits_is_in_the_dump() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let knobs = json!({"notification_delay_min_ms": 2_000, "notification_delay_max_ms": 2_000});
    bench.turn(&knobs);
    let token = bench.token(0);
    let id = create(&bench, &token, wish(&ear, "me/messages"))
        .await
        .json()["id"]
        .clone();
    assert_eq!(dump(&bench).await["queue"], json!([]));

    bench.world().deliver_message(&bench.user_id(0)).unwrap();
    let item = |state: &str, due: &str, attempt: u32| {
        json!([{
            "subscription_id": id,
            "url": format!("{}/notify?tag=1%20a", ear.url),
            "state": state,
            "due": due,
            "attempt": attempt,
        }])
    };
    let queued = dump(&bench).await;
    assert_eq!(queued["queue"], item("queued", "2026-03-02T09:00:02Z", 1));
    assert_eq!(queued["now"], "2026-03-02T09:00:00Z");

    ear.behave(Manner::Answer(503));
    bench.advance(2);
    ear.next().await;
    let retrying = async {
        loop {
            let dump = dump(&bench).await;
            if dump["queue"] != json!([]) {
                return dump;
            }
        }
    };
    let retrying = retrying.await;
    assert_eq!(
        retrying["queue"],
        item("retrying", "2026-03-02T09:00:12Z", 2)
    );

    ear.behave(Manner::Answer(202));
    bench.advance(10);
    ear.next().await;
    bench.quiet().await;
    assert_eq!(dump(&bench).await["queue"], json!([]));
}

#[tokio::test]
async fn s72_what_is_held_for_a_lapsed_token_is_in_the_dump() {
    // S65
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    bench.turn(&json!({"token_lapse_pauses": true, "reauthorization_schedule": false}));
    let id = create(&bench, &bench.token(0), wish(&ear, "me/messages"))
        .await
        .json()["id"]
        .clone();

    bench.advance(5_400);
    bench.world().deliver_message(&bench.user_id(0)).unwrap();

    let queue = dump(&bench).await["queue"].clone();
    assert_eq!(queue.as_array().unwrap().len(), 1);
    assert_eq!(queue[0]["subscription_id"], id);
    assert_eq!(queue[0]["state"], "held");
    assert_eq!(queue[0]["due"], Value::Null);
}

#[tokio::test]
async fn s72_knobs_and_faults_are_in_the_dump() {
    let bench = Bench::start().await;
    let before = dump(&bench).await;
    assert_eq!(before["faults"], json!([]));
    assert_eq!(
        before["knobs"],
        bench.control(Method::GET, "/knobs", None).await.json()
    );

    bench.turn(&json!({"latency_ms": 5}));
    let fault = json!({"path": "/me", "status": 503, "times": 2});
    bench.control(Method::POST, "/faults", Some(fault)).await;

    let after = dump(&bench).await;
    assert_eq!(after["knobs"]["latency_ms"], 5);
    assert_eq!(after["faults"][0]["times"], 2);
    assert_eq!(after["mailboxes"], before["mailboxes"]);
}
