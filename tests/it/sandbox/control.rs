//! S72 and the control interface: everything anyone can do to a running sandbox.

use axum::http::Method;
use graph_mirror::sandbox::control::ENDPOINTS;
use serde_json::json;

use super::bench::{Bench, morning};

#[tokio::test]
async fn the_settings_are_those_the_sandbox_was_started_with() {
    let bench = Bench::start().await;

    let settings = bench.control(Method::GET, "/settings", None).await.json();

    assert_eq!(
        settings,
        serde_json::to_value(bench.sandbox.settings()).unwrap()
    );
    assert_eq!(settings["users"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn every_endpoint_of_the_list_answers_and_is_in_the_reference() {
    let bench = Bench::start().await;
    let reference = include_str!("../../../docs/reference/sandbox.md");

    let listed = bench.control(Method::GET, "", None).await.json();

    assert_eq!(
        listed["endpoints"].as_array().unwrap().len(),
        ENDPOINTS.len()
    );
    let mailbox = bench.user_id(0);
    for (method, path, _) in ENDPOINTS {
        assert!(
            reference.contains(&format!("`{method} {path}`")),
            "{method} {path} is not documented"
        );
        let path = path.replace("{id}", &mailbox);
        let path = if path == "/" { "" } else { &path };
        let method: Method = method.parse().unwrap();
        let answer = bench
            .control(method, path, Some(json!({"nonsense": 1})))
            .await;
        assert!(answer.status < 500, "{path}: {answer:?}");
        assert!(!answer.text.contains("there is no such command"), "{path}");
    }
}

#[tokio::test]
async fn every_knob_is_in_the_reference() {
    let bench = Bench::start().await;
    let reference = include_str!("../../../docs/reference/sandbox.md");

    let knobs = bench.control(Method::GET, "/knobs", None).await.json();

    for name in knobs.as_object().unwrap().keys() {
        assert!(
            reference.contains(&format!("`{name}`")),
            "{name} is not documented"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_in_a_sentence() {
    let bench = Bench::start().await;
    let cases = [
        (
            Method::PATCH,
            "/knobs",
            json!({"nonsense": 1}),
            400,
            "latency_ms",
        ),
        (
            Method::POST,
            "/clock/advance",
            json!({"seconds": -1}),
            400,
            "cannot be moved",
        ),
        (
            Method::POST,
            "/mailboxes/nobody/licence",
            json!({"on": true}),
            404,
            "nobody",
        ),
        (
            Method::POST,
            "/faults",
            json!({"path": "("}),
            400,
            "regular expression",
        ),
        (
            Method::POST,
            "/identity/revoke",
            json!({"user": "x"}),
            400,
            "kind",
        ),
        (Method::GET, "/nonsense", json!({}), 404, "no such command"),
    ];
    for (method, path, body, status, words) in cases {
        let answer = bench.control(method, path, Some(body)).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(
            answer.json()["error"].as_str().unwrap().contains(words),
            "{path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn the_clock_is_moved_over_http() {
    let bench = Bench::start().await;

    let moved = bench
        .control(Method::POST, "/clock/advance", Some(json!({"seconds": 90})))
        .await;

    let now = bench.control(Method::GET, "/clock", None).await.json();
    assert_eq!(moved.json(), now);
    let expected = morning() + chrono::TimeDelta::seconds(90);
    assert_eq!(now["now"], serde_json::to_value(expected).unwrap());
}

#[tokio::test]
async fn faults_are_set_listed_and_cleared() {
    let bench = Bench::start().await;
    let token = bench.token(0);
    let fault =
        json!({"method": "GET", "path": "/me$", "status": 503, "headers": {"Retry-After": "7"}});

    let id = bench
        .control(Method::POST, "/faults", Some(fault))
        .await
        .json()["id"]
        .clone();
    let struck = bench.call(&token, Method::GET, "/me", None).await;
    assert_eq!((struck.status, struck.header("retry-after")), (503, "7"));
    let listed = bench.control(Method::GET, "/faults", None).await.json();
    assert_eq!(listed["faults"][0]["id"], id);

    let path = format!("/faults/{id}");
    assert_eq!(bench.control(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(
        bench.call(&token, Method::GET, "/me", None).await.status,
        200
    );
    assert_eq!(bench.control(Method::DELETE, &path, None).await.status, 404);
    assert_eq!(
        bench.control(Method::DELETE, "/faults", None).await.status,
        204
    );
}
