//! SIGTERM under load: what is under way is answered, mailboxes are given back, and the process is gone within ten seconds.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use graph_mirror::model::time::{Clock as _, SystemClock, until as between};
use graph_mirror::store::Backend;
use serde_json::json;

use crate::failing::scene::notification;
use crate::replicas::stage::{Stage, until};
use crate::support::database::Database;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_told_to_stop_answers_what_is_under_way_and_gives_every_mailbox_back() {
    let database = Database::create(Backend::Postgres).await;
    let stage = Stage::set(database, 3, &json!({}), &[]).await;
    let replica = stage.begin("one").ready().await;
    stage.front.lead_to(&[replica.address]);
    stage.connect().await;
    // Graph takes longer over each request than anybody may wait for the end of the process.
    let slowly = json!({ "latency_ms": 20_000 });
    stage
        .sandbox
        .world()
        .turn_knobs(&slowly)
        .expect("it exists");
    stage.edit(5, 7);
    until("homes at work", async || stage.holders().await.len() == 3).await;
    let body = notification(stage.signer(), "one").to_string();
    let (first, second) = body.split_at(body.len() / 2);
    let mut under_way = TcpStream::connect(replica.address).expect("it listens");
    let head = format!(
        "POST /webhooks/microsoft/notifications HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    under_way.write_all(head.as_bytes()).expect("it reads");
    // Once it asks for the body, the request has been begun.
    let mut go_on = [0; 25];
    under_way.read_exact(&mut go_on).expect("it answers");
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"), "{go_on:?}");
    under_way.write_all(first.as_bytes()).expect("it reads");

    let told_at = SystemClock.now();
    replica.asked_to_end();
    until("the word that it stops", async || {
        let said = replica.said();
        said.iter()
            .any(|line| line.message.starts_with("stopping:"))
    })
    .await;
    until("a closed door", async || {
        TcpStream::connect(replica.address).is_err()
    })
    .await;
    under_way.write_all(second.as_bytes()).expect("it reads");
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).expect("it answers");
    let said = replica.said();
    let ended = replica.end().await;
    let took = between(told_at, SystemClock.now());

    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(stage.parked().await, 1, "it was answered and not kept");
    assert!(ended.success(), "{ended}: {said:#?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let holders = stage.holders().await;
    assert!(holders.is_empty(), "{holders:?}");
    let refused: Vec<u16> = stage
        .front
        .posts()
        .into_iter()
        .filter(|status| !matches!(status, 200..300 | 503))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
    stage.strike().await;
}
