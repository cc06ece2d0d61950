//! Connecting and disconnecting a mailbox, and every way in which a sign-in fails.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::model::work::Wish;
use serde_json::{Value, json};

use super::bench::{Answer, Bench};
use crate::graph::fake::{Fake, raw};
use crate::support::database::on_both_stores;

const CALLBACK: &str = "/api/v1/integrations/microsoft/callback";

fn member(query: &str, name: &str) -> String {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
        .expect("the query has it")
}

/// What an application posts that received the way back itself.
fn body(query: &str) -> String {
    json!({ "code": member(query, "code"), "state": member(query, "state") }).to_string()
}

async fn post(bench: &Bench, key: &str, query: &str) -> Answer {
    bench
        .call(Method::POST, CALLBACK, Some(key), &body(query))
        .await
}

on_both_stores!(
    an_application_connects_a_mailbox_and_connects_it_again,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let key = bench.key("anna").await;

        let query = bench.consent(&bench.begin(&key, 0).await).await;
        let first = post(&bench, &key, &query).await;
        let query = bench.consent(&bench.begin(&key, 0).await).await;
        let second = post(&bench, &key, &query).await;

        assert_eq!(first.status, StatusCode::OK, "{}", first.text);
        let (first, second) = (first.json(), second.json());
        assert_eq!(first["is_new"], true);
        assert_eq!(first["mailbox"]["address"], bench.address(0));
        assert_eq!(first["mailbox"]["state"], "connected");
        assert_eq!(second["is_new"], false);
        assert_eq!(second["mailbox"]["id"], first["mailbox"]["id"]);
    }
);

on_both_stores!(a_browser_that_comes_back_is_shown_a_page, |store, clock| {
    let bench = Bench::around(&store, &clock).await;
    let key = bench.key("anna").await;
    let query = bench.consent(&bench.begin(&key, 1).await).await;

    let page = bench
        .call(
            Method::GET,
            &format!("{CALLBACK}?{query}&session_state=x"),
            None,
            "",
        )
        .await;
    let reloaded = bench
        .call(Method::GET, &format!("{CALLBACK}?{query}"), None, "")
        .await;

    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        page.headers[header::CONTENT_TYPE],
        "text/html; charset=utf-8"
    );
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    assert!(page.text.contains(&bench.address(1)), "{}", page.text);
    assert_eq!(reloaded.status, StatusCode::BAD_REQUEST);
    assert!(reloaded.text.contains("state_used"), "{}", reloaded.text);
    let list = bench.get("/api/v1/mailboxes", &key).await.json();
    assert_eq!(list["mailboxes"].as_array().map(Vec::len), Some(1));
});

on_both_stores!(
    a_state_is_unknown_used_expired_or_foreign,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let (anna, ben) = (bench.key("anna").await, bench.key("ben").await);

        let unknown = post(&bench, &anna, "code=abc&state=nobody-began-this").await;
        let query = bench.consent(&bench.begin(&anna, 0).await).await;
        let foreign = post(&bench, &ben, &query).await;
        let good = post(&bench, &anna, &query).await;
        let used = post(&bench, &anna, &query).await;
        let late = bench.consent(&bench.begin(&anna, 0).await).await;
        clock.advance(Duration::from_secs(601));
        let expired = post(&bench, &anna, &late).await;

        assert_eq!(unknown.code(), "state_unknown");
        assert_eq!(foreign.code(), "state_foreign");
        assert_eq!(foreign.status, StatusCode::FORBIDDEN);
        assert_eq!(
            good.status,
            StatusCode::OK,
            "a stranger's attempt must not use the state up"
        );
        assert_eq!(used.code(), "state_used");
        assert_eq!(expired.code(), "state_expired");
    }
);

on_both_stores!(a_person_who_declines_is_told_what_to_do, |store, clock| {
    let bench = Bench::around(&store, &clock).await;
    let key = bench.key("anna").await;
    let state = member(
        bench.begin(&key, 0).await.query().expect("a query"),
        "state",
    );
    let query = format!(
        "state={state}&error=access_denied&error_description=AADSTS65004%3A+User+declined+to+consent+%3Cscript%3E"
    );

    let page = bench
        .call(Method::GET, &format!("{CALLBACK}?{query}"), None, "")
        .await;

    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(
        page.text.contains("AADSTS65004") && page.text.contains("Sign in again"),
        "{}",
        page.text
    );
    assert!(
        !page.text.contains("script"),
        "Microsoft's text is not passed on: {}",
        page.text
    );
});

on_both_stores!(
    a_way_back_without_a_state_connects_nothing,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;

        let page = bench
            .call(Method::GET, &format!("{CALLBACK}?code=abc"), None, "")
            .await;

        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.text.contains("state_unknown"), "{}", page.text);
    }
);

on_both_stores!(
    an_administrator_who_granted_for_everybody_is_shown_so,
    |store, clock| {
        // F1.17
        let bench = Bench::around(&store, &clock).await;

        let page = bench
            .call(
                Method::GET,
                &format!(
                    "{CALLBACK}?tenant=11111111-2222-3333-4444-555555555555&admin_consent=True"
                ),
                None,
                "",
            )
            .await;

        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("whole organisation"), "{}", page.text);
        assert!(store.mailboxes_list(None).await?.is_empty());
    }
);

on_both_stores!(
    an_administrator_who_did_not_grant_is_told_so_and_what_to_do,
    |store, clock| {
        // F1.17: it comes back without the state of any sign-in, and may carry `admin_consent=True` all the same.
        let bench = Bench::around(&store, &clock).await;
        let key = bench.key("anna").await;
        let query = bench.consent(&bench.begin(&key, 0).await).await;
        let state = member(&query, "state");

        for refusal in [
            "error=permission_denied&error_description=The+admin+canceled+the+request",
            "error=consent_required&error_description=AADSTS65004%3A+declined&admin_consent=True",
            &format!("error=consent_required&admin_consent=True&state={state}"),
        ] {
            let page = bench
                .call(Method::GET, &format!("{CALLBACK}?{refusal}"), None, "")
                .await;

            assert_eq!(page.status, StatusCode::BAD_REQUEST);
            assert!(
                page.text.contains("sign_in_refused")
                    && page.text.contains("ask an administrator to grant them"),
                "{}",
                page.text
            );
            assert!(!page.text.contains("ten minutes"), "{}", page.text);
            assert!(!page.text.contains("canceled"), "{}", page.text);
        }
        let sign_in = post(&bench, &key, &query).await;
        assert_eq!(
            sign_in.status,
            StatusCode::OK,
            "a sign-in that is under way goes on: {}",
            sign_in.text
        );
    }
);

/// A sign-in whose token endpoint is ours to bend.
async fn refused_with(
    store: &graph_mirror::store::Store,
    clock: &graph_mirror::model::time::ManualClock,
    status: u16,
    content_type: &'static str,
    text: &str,
) -> Answer {
    let text = text.to_owned();
    let login =
        Fake::start(move |_, _| raw(status, &[("content-type", content_type)], text.clone())).await;
    let bench = Bench::with(store, clock, |environment| {
        environment.with("LOGIN_BASE_URL", login.url.as_str())
    })
    .await;
    let key = bench.key("anna").await;
    let state = member(
        bench.begin(&key, 0).await.query().expect("a query"),
        "state",
    );
    post(&bench, &key, &format!("code=abc&state={state}")).await
}

on_both_stores!(
    every_refusal_of_the_token_endpoint_says_who_must_act,
    |store, clock| {
        // F1.16
        for (error, number, code, reason) in [
            (
                "invalid_grant",
                65_001,
                "sign_in_refused",
                Some(StateReason::ConsentRequired),
            ),
            (
                "interaction_required",
                50_076,
                "sign_in_refused",
                Some(StateReason::InteractionRequired),
            ),
            (
                "invalid_grant",
                53_003,
                "sign_in_refused",
                Some(StateReason::BlockedByPolicy),
            ),
            (
                "invalid_grant",
                50_020,
                "sign_in_refused",
                Some(StateReason::UserGone),
            ),
            ("invalid_client", 7_000_215, "app_refused", None),
            ("unauthorized_client", 700_016, "app_refused", None),
            ("invalid_request", 90_002, "app_refused", None),
            ("invalid_grant", 54_005, "state_used", None),
            (
                "temporarily_unavailable",
                90_033,
                "microsoft_unavailable",
                None,
            ),
        ] {
            let text = json!({
                "error": error, "error_codes": [number],
                "error_description": format!("AADSTS{number}: about anna@contoso.example"),
            });
            let answer =
                refused_with(&store, &clock, 400, "application/json", &text.to_string()).await;

            assert_eq!(answer.code(), code, "{number}: {}", answer.text);
            let problem = answer.json();
            assert_eq!(problem["microsoft_code"], format!("AADSTS{number}"));
            assert_eq!(
                problem.get("reason").cloned().unwrap_or(Value::Null),
                json!(reason)
            );
            assert!(!answer.text.contains("contoso"), "{}", answer.text);
            assert!(
                problem["hint"]
                    .as_str()
                    .is_some_and(|hint| !hint.is_empty())
            );
        }
    }
);

on_both_stores!(
    a_token_endpoint_that_answers_html_is_away_for_the_time_being,
    |store, clock| {
        for status in [200, 404, 502] {
            let answer =
                refused_with(&store, &clock, status, "text/html", "<html>Sorry</html>").await;

            assert_eq!(answer.code(), "microsoft_unavailable", "{status}");
            assert!(answer.headers.contains_key(header::RETRY_AFTER));
        }
        assert!(store.mailboxes_list(None).await?.is_empty());
    }
);

on_both_stores!(a_mailbox_is_disconnected_by_its_home, |store, clock| {
    let bench = Bench::around(&store, &clock).await;
    let mailbox = bench.connect("anna", 0).await;
    let key = bench.key("anna").await;
    let disconnect = "/api/v1/integrations/microsoft/disconnect";

    let asking = bench.call(Method::DELETE, disconnect, Some(&key), "");
    let (answer, wish) = tokio::join!(asking, bench.fulfil(mailbox, Ok(json!({}))));
    bench
        .state(
            mailbox,
            MailboxState::Disconnected,
            Some(StateReason::ByRequest),
        )
        .await;
    let again = bench.call(Method::DELETE, disconnect, Some(&key), "").await;
    let named = format!("{disconnect}?mailbox_id={mailbox}");
    let named = bench.call(Method::DELETE, &named, Some(&key), "").await;

    assert_eq!(wish, Wish::Disconnect);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["state"], "disconnected");
    assert_eq!(again.code(), "not_connected");
    assert_eq!(named.json()["state"], "disconnected");
});
