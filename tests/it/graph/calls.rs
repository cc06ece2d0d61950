//! Single calls: what is sent, and what becomes of the answer.

use std::time::Duration;

use graph_mirror::graph::wire::subscription::SubscriptionRequest;
use graph_mirror::graph::wire::{MeObject, Page};
use graph_mirror::graph::{AccessToken, Advice, GraphError, Prefer, Target};
use graph_mirror::model::ids::GraphId;
use graph_mirror::model::time::{Clock, SystemClock, Timestamp};
use graph_mirror::model::work::{Lane, Link};
use serde_json::json;

use super::fake::{Fake, answer, raw, refusal};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).expect("an instant")
}

#[tokio::test]
async fn immutable_ids_are_asked_for_on_every_request_and_part() {
    // M16
    let fake = Fake::start(|_, _| answer(200, &json!({ "value": [], "responses": [] }))).await;
    let bench = fake.mailbox();
    let graph = &bench.graph;
    let id = GraphId::from("a/b+c=");
    let (start, end) = (at(1_700_000_000), at(1_710_000_000));

    let mut targets = vec![
        graph.messages_delta(&id),
        graph.messages_newest(Some(start), 50),
        graph.messages_versions(&id),
        graph.folders_delta(),
        graph.folders_top(),
        graph.folders_below(&id),
        graph.calendars(),
        graph.view_delta(&id, start, end),
        graph.view(&id, start, end, 10),
        graph.instances(&id, start, end),
    ];
    targets.push(Target::Link(Link(format!(
        "{}v1.0/next?$skiptoken=x",
        fake.url
    ))));
    for target in &targets {
        graph
            .page(Lane::Live, target, Prefer::IDS.pages_of(7))
            .await
            .expect("a page");
    }
    graph.message(Lane::Live, &id).await.expect("an answer");
    graph.event(Lane::Live, &id).await.expect("an answer");
    graph.folder(Lane::Live, &id).await.expect("an answer");
    graph
        .post(Lane::Command, "/x", Some(&json!({})))
        .await
        .expect("an answer");
    graph
        .patch(Lane::Command, "/x", &json!({}))
        .await
        .expect("an answer");
    graph.delete(Lane::Command, "/x").await.expect("an answer");
    graph
        .subscription_create(&subscription())
        .await
        .expect("an answer");
    graph.subscription_renew("s", end).await.expect("an answer");
    graph.subscription_delete("s").await.expect("an answer");
    graph.subscriptions(None).await.expect("an answer");
    graph
        .graph()
        .me(&AccessToken::new("t"))
        .await
        .expect("an answer");
    let parts = [
        graph.message_part(&id),
        graph.attachments_part(&id),
        graph.folder_part(&id),
        graph.event_part(&id),
        graph.event_calendar_part(&id),
        graph.instances_part(&id, start, end),
    ];
    graph.batch(Lane::Live, &parts).await;
    graph.folders_well_known(Lane::Live).await;

    let asked = fake.asked();
    assert!(asked.len() > 20, "every surface was called");
    for one in &asked {
        let prefer = one.header("prefer");
        assert!(
            prefer.contains("IdType=\"ImmutableId\""),
            "{} {}",
            one.method,
            one.path
        );
        if one.path.ends_with("/$batch") {
            let requests = one.json()["requests"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            assert!(!requests.is_empty());
            for part in requests {
                let prefer = part["headers"]["Prefer"].as_str().unwrap_or_default();
                assert!(prefer.contains("IdType=\"ImmutableId\""), "{part}");
                let url = part["url"].as_str().unwrap_or_default();
                assert!(url.starts_with("/users/user%2F1/"), "{url}");
            }
        }
    }
    let paged = asked
        .iter()
        .filter(|one| one.header("prefer").contains("odata.maxpagesize=7"));
    assert_eq!(paged.count(), targets.len());
}

fn subscription() -> SubscriptionRequest {
    SubscriptionRequest {
        change_type: "created,updated,deleted".to_owned(),
        notification_url: "https://example.org/n".to_owned(),
        lifecycle_notification_url: "https://example.org/l".to_owned(),
        resource: "users/1/messages".to_owned(),
        expiration_date_time: graph_mirror::graph::subscriptions::expiration(at(1_700_000_000)),
        client_state: "state".to_owned(),
        latest_supported_tls_version: "v1_2",
    }
}

#[tokio::test]
async fn an_id_stays_one_segment_of_the_path() {
    // F5.22
    let fake = Fake::start(|_, _| answer(200, &json!({ "id": "x" }))).await;

    fake.mailbox()
        .graph
        .message(Lane::Live, &GraphId::from("AA/b+c=?x#"))
        .await
        .expect("an answer");

    let path = fake.asked()[0].path.clone();
    assert!(
        path.starts_with("/v1.0/users/user%2F1/messages/AA%2Fb%2Bc%3D%3Fx%23?$select="),
        "{path}"
    );
}

#[tokio::test]
async fn an_answer_knows_when_it_was_asked_for_and_keeps_its_text() {
    // M36
    let fake = Fake::start(|_, _| {
        raw(
            200,
            &[("content-type", "application/json")],
            r#"{"value":[{"id":"a","n": 1.50}]}"#,
        )
    })
    .await;
    let before = SystemClock.now();

    let page = fake
        .mailbox()
        .graph
        .page(Lane::Backfill, &Target::from("/x"), Prefer::IDS)
        .await
        .expect("a page");

    assert!(page.sent_at >= before && page.sent_at <= SystemClock.now());
    let items: Page = page.json().expect("a page");
    assert_eq!(items.value[0].get(), r#"{"id":"a","n": 1.50}"#);
}

#[tokio::test]
async fn a_401_is_answered_with_one_fresh_token() {
    // M8
    let fake = Fake::start(|_, asked| match asked.header("authorization") {
        "Bearer token-1" => answer(200, &json!({ "id": "x" })),
        _ => answer(401, &refusal("InvalidAuthenticationToken")),
    })
    .await;
    let bench = fake.mailbox();

    let found = bench.graph.message(Lane::Live, &GraphId::from("x")).await;

    assert!(found.is_ok());
    assert_eq!(bench.tokens.refreshes(), 1);
    assert_eq!(fake.asked().len(), 2);
    assert_eq!(
        bench.gate.admitted().len(),
        2,
        "both count against the quota"
    );
    assert_eq!(bench.gate.inside(), 0);
}

#[tokio::test]
async fn a_second_401_is_given_up() {
    // M8
    let fake = Fake::start(|_, _| answer(401, &refusal("InvalidAuthenticationToken"))).await;
    let bench = fake.mailbox();

    let error = bench
        .graph
        .message(Lane::Live, &GraphId::from("x"))
        .await
        .expect_err("refused");

    assert_eq!(error.advice(), Advice::TokenRefused);
    assert_eq!(bench.tokens.refreshes(), 1);
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_foreign_link_is_not_followed() {
    // F2.3, M13
    let fake = Fake::start(|_, _| answer(200, &json!({ "value": [] }))).await;
    let elsewhere = Fake::start(|_, _| answer(200, &json!({ "value": [] }))).await;
    let bench = fake.mailbox();

    for link in [
        format!("{}v1.0/me/messages/delta?$skiptoken=x", elsewhere.url),
        fake.url.as_str().replace("http://", "https://"),
        fake.url.as_str().replace("http://", "http://graph@"),
        "http://graph.microsoft.com/v1.0/me".to_owned(),
    ] {
        let target = Target::Link(Link(link.clone()));
        let refused = bench.graph.page(Lane::Backfill, &target, Prefer::IDS).await;
        assert!(matches!(refused, Err(GraphError::ForeignLink)), "{link}");
    }

    assert!(fake.asked().is_empty());
    assert!(elsewhere.asked().is_empty());
    assert!(bench.gate.admitted().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Fake::start(|_, _| answer(200, &json!({}))).await;
    let target = elsewhere.url.to_string();
    let fake = Fake::start(move |_, _| raw(302, &[("location", &target)], "")).await;

    let error = fake
        .mailbox()
        .graph
        .message(Lane::Live, &GraphId::from("x"))
        .await
        .expect_err("a redirect is no answer");

    assert_eq!(error.status(), Some(302));
    assert!(elsewhere.asked().is_empty(), "the token stayed at home");
}

#[tokio::test]
async fn a_throttled_mailbox_is_fenced_for_as_long_as_graph_asks() {
    // F3.7, M12
    let fake = Fake::start(|_, _| {
        raw(
            429,
            &[("retry-after", "17")],
            refusal("TooManyRequests").to_string(),
        )
    })
    .await;
    let bench = fake.mailbox();
    let before = SystemClock.now();

    let error = bench
        .graph
        .message(Lane::Live, &GraphId::from("x"))
        .await
        .expect_err("throttled");

    let after = Some(Duration::from_secs(17));
    assert_eq!(
        error.advice(),
        Advice::Retry {
            after,
            smaller_page: false
        }
    );
    let fences = bench.gate.fences();
    assert_eq!(fences.len(), 1);
    assert!(fences[0] >= before + chrono::TimeDelta::seconds(17));
    assert!(fences[0] <= SystemClock.now() + chrono::TimeDelta::seconds(17));
    assert_eq!(fake.asked().len(), 1, "it is not tried again by itself");
    assert_eq!(bench.graph.graph().throttled(), 1);
}

#[tokio::test]
async fn a_throttle_without_a_wait_is_fenced_by_growing_steps() {
    // F3.7
    let fake = Fake::start(|_, _| answer(429, &refusal("ApplicationThrottled"))).await;
    let bench = fake.mailbox();
    let mut waits = Vec::new();

    for _ in 0..6 {
        let error = bench
            .graph
            .message(Lane::Live, &GraphId::from("x"))
            .await
            .expect_err("throttled");
        let Advice::Retry { after, .. } = error.advice() else {
            panic!("throttled means later");
        };
        waits.push(after.expect("a wait of our own"));
    }

    assert_eq!(bench.gate.fences().len(), 6);
    assert!(waits[0] <= Duration::from_secs(1));
    assert!(waits[5] >= Duration::from_secs(16));
}

#[tokio::test]
async fn a_retry_after_given_as_a_date_is_read_against_the_answers_own_date() {
    // F3.7: the two clocks need not agree.
    let fake = Fake::start(|_, _| {
        let headers = [
            ("date", "Fri, 09 Jan 2026 02:00:00 GMT"),
            ("retry-after", "Fri, 09 Jan 2026 02:01:30 GMT"),
        ];
        raw(503, &headers, "")
    })
    .await;

    let error = fake
        .mailbox()
        .graph
        .message(Lane::Live, &GraphId::from("x"))
        .await
        .expect_err("away");

    assert_eq!(
        error.advice(),
        Advice::Retry {
            after: Some(Duration::from_secs(90)),
            smaller_page: true
        }
    );
}

#[tokio::test]
async fn a_fenced_mailbox_is_not_asked() {
    // M12
    let fake = Fake::start(|_, _| answer(200, &json!({}))).await;
    let bench = fake.mailbox();
    *bench.gate.closed_until.lock().expect("unpoisoned") = Some(at(2_000_000_000));

    let error = bench
        .graph
        .message(Lane::Live, &GraphId::from("x"))
        .await
        .expect_err("fenced");

    assert!(matches!(error, GraphError::Fenced(fenced) if fenced.until == at(2_000_000_000)));
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_subscription_call_neither_waits_at_the_gate_nor_closes_it() {
    // F3.10, F9.18
    let fake = Fake::start(|_, _| raw(429, &[("retry-after", "60")], "")).await;
    let bench = fake.mailbox();
    *bench.gate.closed_until.lock().expect("unpoisoned") = Some(at(2_000_000_000));

    let error = bench
        .graph
        .subscription_create(&subscription())
        .await
        .expect_err("throttled");

    assert!(matches!(
        error.advice(),
        Advice::Retry { after: Some(_), .. }
    ));
    assert!(bench.gate.fences().is_empty());
    let asked = fake.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].json()["expirationDateTime"],
        "2023-11-14T22:13:20Z"
    );
    assert_eq!(
        asked[0].json()["lifecycleNotificationUrl"],
        "https://example.org/l"
    );
}

#[tokio::test]
async fn a_subscription_that_is_gone_is_deleted() {
    // F9.28
    let fake = Fake::start(|_, _| answer(404, &refusal("ResourceNotFound"))).await;

    let deleted = fake.mailbox().graph.subscription_delete("s").await;

    assert!(deleted.is_ok());
}

#[tokio::test]
async fn empty_and_foreign_bodies_never_confuse() {
    // F3.4, M14
    for (status, body, is_right) in [
        (
            404,
            "",
            (|advice| advice == &Advice::Gone) as fn(&Advice) -> bool,
        ),
        (503, "", |advice| matches!(advice, Advice::Retry { .. })),
        (
            503,
            "<html>Our services aren't available</html>",
            |advice| matches!(advice, Advice::Retry { .. }),
        ),
        (410, "gone", |advice| {
            matches!(advice, Advice::Resync { .. })
        }),
        (500, "{", |advice| matches!(advice, Advice::Retry { .. })),
    ] {
        let fake = Fake::start(move |_, _| raw(status, &[], body)).await;
        let error = fake
            .mailbox()
            .graph
            .message(Lane::Live, &GraphId::from("x"))
            .await
            .expect_err("refused");
        assert!(
            is_right(&error.advice()),
            "{status} {body:?}: {:?}",
            error.advice()
        );
    }
}

#[tokio::test]
async fn a_good_status_with_a_bad_body_is_an_error_and_no_panic() {
    let fake = Fake::start(|_, _| raw(200, &[], "<html>welcome to our proxy</html>")).await;

    let page = fake
        .mailbox()
        .graph
        .page(Lane::Live, &Target::from("/x"), Prefer::IDS)
        .await
        .expect("an answer");

    assert!(matches!(page.json::<Page>(), Err(GraphError::Malformed(_))));
}

#[tokio::test]
async fn a_dead_delta_token_names_where_to_start_again() {
    // F6.13, F6.42
    let fake = Fake::start(|_, _| {
        let location = "https://graph.microsoft.com/v1.0/x/delta?$deltatoken=";
        raw(
            410,
            &[("location", location)],
            refusal("SyncStateNotFound").to_string(),
        )
    })
    .await;

    let error = fake
        .mailbox()
        .graph
        .page(Lane::Backfill, &Target::from("/x/delta"), Prefer::IDS)
        .await
        .expect_err("a dead token");

    let Advice::Resync { restart } = error.advice() else {
        panic!("a dead token means a full round");
    };
    assert!(restart.is_some());
    assert!(!format!("{error:?}").contains("deltatoken"));
}

#[tokio::test]
async fn the_account_behind_a_token_is_looked_up() {
    let fake = Fake::start(|_, asked| {
        assert_eq!(asked.header("authorization"), "Bearer abc");
        assert!(!asked.header("client-request-id").is_empty());
        answer(
            200,
            &json!({ "id": "u1", "mail": null, "userPrincipalName": "anna@example.org" }),
        )
    })
    .await;

    let me = fake
        .graph()
        .me(&AccessToken::new("abc"))
        .await
        .expect("an account");

    let expected = MeObject {
        id: "u1".to_owned(),
        user_principal_name: Some("anna@example.org".to_owned()),
        mail: None,
        display_name: None,
    };
    assert_eq!(me, expected);
}
