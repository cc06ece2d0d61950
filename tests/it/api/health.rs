//! What the service says of itself.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use graph_mirror::model::ids::{GraphId, Owner};
use graph_mirror::model::time::Clock;
use graph_mirror::store::NewMailbox;
use serde_json::json;

use super::bench::Bench;
use crate::graph::fake::{Fake, raw};
use crate::support::database::on_both_stores;

on_both_stores!(
    a_refused_app_registration_is_a_warning_and_no_mailbox_is_marked,
    |store, clock| {
        // M7
        let text = json!({ "error": "invalid_client", "error_codes": [7_000_215] }).to_string();
        let login = Fake::start(move |_, _| {
            raw(401, &[("content-type", "application/json")], text.clone())
        })
        .await;
        let bench = Bench::with(&store, &clock, |environment| {
            environment.with("LOGIN_BASE_URL", login.url.as_str())
        })
        .await;
        let key = bench.key("anna").await;
        let anna = NewMailbox {
            owner: Owner::from("anna"),
            user_id: GraphId::from("user-1"),
            tenant_id: None,
            address: "anna@contoso.example".to_owned(),
            display_name: None,
        };
        let (mailbox, _) = store.mailbox_connect(&anna, clock.now()).await?;
        let mailbox = format!("/api/v1/mailboxes/{mailbox}");

        let before = bench.call(Method::GET, "/readyz", None, "").await;
        let calm = bench.get(&mailbox, &key).await.json();
        let auth_url = bench.begin(&key, 0).await;
        let (_, state) = auth_url
            .query_pairs()
            .find(|(name, _)| name == "state")
            .expect("it has a state");
        let refused = bench
            .call(
                Method::POST,
                "/api/v1/integrations/microsoft/callback",
                Some(&key),
                &json!({ "code": "abc", "state": state }).to_string(),
            )
            .await;
        let after = bench.call(Method::GET, "/readyz", None, "").await;
        let warned = bench.get(&mailbox, &key).await.json();

        assert_eq!(before.json()["warnings"], json!([]));
        assert_eq!(calm["warnings"], json!([]));
        assert_eq!(refused.code(), "app_refused");
        assert_eq!(after.status, StatusCode::OK, "no restart would mend it");
        let warnings = after.json()["warnings"].clone();
        assert_eq!(warnings[0]["code"], "app_refused");
        assert_eq!(
            warnings[0]["microsoft_code"],
            "invalid_client AADSTS7000215"
        );
        assert_eq!(warnings[0]["since"], json!(clock.now()));
        assert_eq!(warned["warnings"], warnings);
        assert_eq!(warned["state"], "connected");
    }
);

on_both_stores!(schedules_that_stand_still_are_a_warning, |store, clock| {
    let bench = Bench::around(&store, &clock).await;
    let ready = || async { bench.call(Method::GET, "/readyz", None, "").await };

    let begun = ready().await.json();
    clock.advance(Duration::from_mins(2));
    let tick = clock.now();
    store.ticks_take("due", tick, tick).await?;
    clock.advance(Duration::from_mins(4));
    let well = ready().await.json();
    clock.advance(Duration::from_secs(61));
    let stale = ready().await;

    assert_eq!(begun["last_tick_seconds"], json!(null));
    assert_eq!(begun["warnings"], json!([]));
    assert_eq!(well["last_tick_seconds"], 240);
    assert_eq!(well["warnings"], json!([]));
    assert_eq!(stale.status, StatusCode::OK);
    let stale = stale.json();
    assert_eq!(stale["last_tick_seconds"], 301);
    assert_eq!(stale["warnings"][0]["code"], "schedules_stale");
    assert_eq!(stale["warnings"][0]["since"], json!(tick));
});
