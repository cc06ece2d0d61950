//! The endpoint's validation, which must never depend on anything (F9.17 to F9.19, M17).

use std::time::{Duration, Instant};

use graph_mirror::store::Backend;

use super::post::{LIFECYCLE, NOTIFICATIONS, Scene};
use crate::support::database::{Database, standing_clock};

#[tokio::test]
async fn a_validation_is_echoed_without_a_database() {
    // R2, M17: at both addresses, within a second.
    let clock = standing_clock();
    let database = Database::create(Backend::Sqlite).await;
    let scene = Scene::new(&database.open(&clock).await, &clock);
    scene.store.close().await;
    let began = Instant::now();

    for path in [NOTIFICATIONS, LIFECYCLE] {
        let query =
            "s=0198c6d2&validationToken=Validation%3A+Testing%20client%2Bapp%25%E2%9C%93%3Cb%3E";
        let answer = scene.post(&format!("{path}?{query}"), "").await;

        assert_eq!(answer.status, 200);
        assert_eq!(answer.text, "Validation: Testing client+app%✓<b>");
        let content_type = answer.headers["content-type"].to_str().expect("text");
        assert!(content_type.starts_with("text/plain"), "{content_type}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn only_posts_are_answered() {
    let clock = standing_clock();
    let database = Database::create(Backend::Sqlite).await;
    let scene = Scene::new(&database.open(&clock).await, &clock);

    let request = axum::http::Request::get(format!("{NOTIFICATIONS}?validationToken=abc"))
        .body(axum::body::Body::empty())
        .expect("a request");

    assert_eq!(scene.send(request).await.status, 405);
}
