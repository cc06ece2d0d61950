//! Who may ask, what is refused before a handler sees it, and health.

use axum::http::{Method, StatusCode, header};
use graph_mirror::api::Code;
use graph_mirror::model::time::Clock;

use super::bench::Bench;
use crate::support::database::on_both_stores;

on_both_stores!(
    nothing_of_the_api_opens_without_a_valid_key,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let document = graph_mirror::api::document();

        for (path, item) in &document.paths.paths {
            let path = path
                .replace("{id}", "01990000-0000-7000-8000-000000000000")
                .replace("{command_id}", "x");
            for (method, operation) in [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
            ] {
                let needs_key = operation
                    .as_ref()
                    .is_some_and(|operation| operation.security.is_some());
                if !needs_key {
                    continue;
                }
                let without = bench.call(method.clone(), &path, None, "").await;
                let wrong = bench
                    .call(method.clone(), &path, Some("gm_wrong"), "")
                    .await;
                for answer in [without, wrong] {
                    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
                    assert_eq!(answer.code(), "unauthorized");
                    assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
                }
            }
        }
    }
);

on_both_stores!(a_withdrawn_key_opens_nothing, |store, clock| {
    let bench = Bench::around(&store, &clock).await;
    let key = bench.key("anna").await;
    let before = bench.get("/api/v1/mailboxes", &key).await;

    let id = store
        .api_keys_list()
        .await?
        .first()
        .expect("there is one")
        .id;
    store.api_key_revoke(id, clock.now()).await?;
    let after = bench.get("/api/v1/mailboxes", &key).await;

    assert_eq!(before.status, StatusCode::OK);
    assert_eq!(after.code(), "unauthorized");
});

on_both_stores!(an_owner_sees_no_mailbox_of_another, |store, clock| {
    let bench = Bench::around(&store, &clock).await;
    let mailbox = bench.connect("anna", 0).await;
    let stranger = bench.key("ben").await;

    let list = bench.get("/api/v1/mailboxes", &stranger).await;
    let detail = bench
        .get(&format!("/api/v1/mailboxes/{mailbox}"), &stranger)
        .await;
    let sync = bench
        .post(
            &format!("/api/v1/integrations/microsoft/sync/outlook?mailbox_id={mailbox}"),
            &stranger,
        )
        .await;
    let disconnect = bench
        .call(
            Method::DELETE,
            &format!("/api/v1/integrations/microsoft/disconnect?mailbox_id={mailbox}"),
            Some(&stranger),
            "",
        )
        .await;

    assert_eq!(list.json()["mailboxes"], serde_json::json!([]));
    for answer in [detail, sync, disconnect] {
        assert_eq!(answer.code(), "mailbox_not_found");
    }
    assert!(store.commands_waiting(mailbox).await?.is_empty());
});

on_both_stores!(
    a_request_that_cannot_be_read_is_a_problem,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let key = bench.key("anna").await;
        let callback = "/api/v1/integrations/microsoft/callback";

        let not_json = bench
            .call(Method::POST, callback, Some(&key), "code=1&state=2")
            .await;
        let wrong_shape = bench
            .call(Method::POST, callback, Some(&key), r#"{"code": 1}"#)
            .await;
        let too_large = bench
            .call(Method::POST, callback, Some(&key), &"x".repeat(100_000))
            .await;
        let no_id = bench.get("/api/v1/mailboxes/nonsense", &key).await;
        let wrong_method = bench
            .call(Method::PUT, "/api/v1/mailboxes", Some(&key), "")
            .await;

        assert_eq!(not_json.code(), "invalid_request");
        assert_eq!(wrong_shape.code(), "invalid_request");
        assert_eq!(too_large.code(), "body_too_large");
        assert_eq!(no_id.code(), "mailbox_not_found");
        assert_eq!(wrong_method.code(), "method_not_allowed");
    }
);

on_both_stores!(the_process_lives_and_is_ready, |store, clock| {
    let bench = Bench::around(&store, &clock).await;

    let lives = bench.call(Method::GET, "/healthz", None, "").await;
    let ready = bench.call(Method::GET, "/readyz", None, "").await;
    store.close().await;
    let still_lives = bench.call(Method::GET, "/healthz", None, "").await;
    let not_ready = bench.call(Method::GET, "/readyz", None, "").await;

    assert_eq!(lives.json()["status"], "ok");
    assert_eq!(ready.json()["status"], "ok");
    assert_eq!(still_lives.status, StatusCode::OK);
    assert_eq!(not_ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(not_ready.code(), Code::DatabaseUnavailable.name());
    assert!(not_ready.headers.contains_key(header::RETRY_AFTER));
});
