//! Bodies that cannot come from Graph: a clear answer, nothing recorded, never a panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use graph_mirror::model::work::SubscriptionScope;
use graph_mirror::notifications::LARGEST_BODY;
use graph_mirror::store::Backend;

use super::post::{NOTIFICATIONS, Scene};
use crate::support::database::{Database, standing_clock};

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_all_of_it_was_read() {
    // M19: the limit holds while streaming, whatever the headers promise.
    let clock = standing_clock();
    let database = Database::create(Backend::Sqlite).await;
    let scene = Scene::new(&database.open(&clock).await, &clock);
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let piece = Bytes::from(vec![b' '; 64 << 10]);
    let endless = stream::repeat_with(move || {
        counter.fetch_add(piece.len(), Ordering::Relaxed);
        Ok::<_, std::io::Error>(piece.clone())
    });

    let answer = scene.post(NOTIFICATIONS, Body::from_stream(endless)).await;

    assert_eq!(answer.status, 413);
    assert!(sent.load(Ordering::Relaxed) <= LARGEST_BODY + (128 << 10));
    let at_once = scene
        .post(NOTIFICATIONS, vec![b' '; LARGEST_BODY + 1])
        .await;
    assert_eq!(at_once.status, 413);
}

#[tokio::test]
async fn a_body_that_is_no_notification_is_refused_and_changes_nothing() {
    let clock = standing_clock();
    let database = Database::create(Backend::Sqlite).await;
    let scene = Scene::new(&database.open(&clock).await, &clock);
    let mailbox = scene.connect("anna").await;
    scene.subscribe(mailbox, SubscriptionScope::Messages).await;

    for body in [
        "",
        "not json",
        "{\"value\":",
        "[]",
        "{\"value\":7}",
        "{\"items\":[]}",
        "\"\u{0}\"",
    ] {
        let answer = scene.post(NOTIFICATIONS, body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            !answer.text.contains("value"),
            "a refusal repeats nothing of the body"
        );
    }
    let binary = scene.post(NOTIFICATIONS, vec![0xff_u8; 1_000]).await;
    assert_eq!(binary.status, 400);
    assert!(scene.due(mailbox).await.is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let clock = standing_clock();
    let database = Database::create(Backend::Sqlite).await;
    let scene = Scene::new(&database.open(&clock).await, &clock);
    let broken = stream::iter([
        Ok(Bytes::from_static(b"{\"value\":[")),
        Err(std::io::Error::other("reset")),
    ]);

    let answer = scene.post(NOTIFICATIONS, Body::from_stream(broken)).await;

    assert_eq!(answer.status, 400);
}
