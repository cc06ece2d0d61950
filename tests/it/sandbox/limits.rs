//! Errors, limits, faults and batches (S11 to S17).

use std::time::Duration;

use futures_util::future::join_all;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::faults::FaultRule;
use graph_mirror::sandbox::world::UserId;
use serde_json::{Value, json};

use super::client::Client;

const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

fn set_fault(client: &Client, rule: Value) {
    let rule: FaultRule = serde_json::from_value(rule).unwrap();
    let mut state = client.sandbox.world().lock();
    state.faults.set(rule).unwrap();
}

async fn batch(client: &Client, requests: Value) -> super::client::Answer {
    client.post("/$batch", json!({"requests": requests})).await
}

fn parts(answer: &super::client::Answer) -> Vec<Value> {
    answer.ok()["responses"].as_array().unwrap().clone()
}

fn part<'p>(parts: &'p [Value], id: &str) -> &'p Value {
    parts.iter().find(|part| part["id"] == id).unwrap()
}

#[tokio::test]
async fn s11_a_token_that_is_missing_or_unknown_is_401_and_one_without_the_scope_403() {
    // F1.21
    let client = Client::open().await;
    let url = format!(
        "{}/v1.0/me/messages",
        client.sandbox.settings().graph_base_url
    );
    let http = reqwest::Client::builder().build().unwrap();
    let weak = {
        let user = UserId(client.person().id.clone());
        let now = graph_mirror::model::time::Clock::now(&client.clock);
        let mut state = client.sandbox.world().lock();
        state.identity.issue(Some(user), &["Calendars.Read"], now)
    };

    let none = http.get(&url).send().await.unwrap();
    let unknown = http.get(&url).bearer_auth("nonsense").send().await.unwrap();
    let without_scope = http.get(&url).bearer_auth(weak).send().await.unwrap();

    for (answer, status, code) in [
        (none, 401, "InvalidAuthenticationToken"),
        (unknown, 401, "InvalidAuthenticationToken"),
        (without_scope, 403, "ErrorAccessDenied"),
    ] {
        assert_eq!(answer.status(), status);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["code"], code);
    }
}

#[tokio::test]
async fn s11_reading_writing_and_sending_are_scopes_of_their_own() {
    // F1.18
    let client = Client::open().await;
    let base = client.sandbox.settings().graph_base_url.clone();
    let http = reqwest::Client::builder().build().unwrap();
    let status = async |scope: &str, path: &str| {
        let token = {
            let user = UserId(client.person().id.clone());
            let now = graph_mirror::model::time::Clock::now(&client.clock);
            let mut state = client.sandbox.world().lock();
            state.identity.issue(Some(user), &[scope], now)
        };
        let body = json!({"subject": "x", "message": {
            "toRecipients": [{"emailAddress": {"address": "x@fabrikam.example"}}]}});
        let request = http
            .post(format!("{base}/v1.0/me/{path}"))
            .bearer_auth(token);
        request.json(&body).send().await.unwrap().status().as_u16()
    };

    assert_eq!(status("Mail.Read", "messages").await, 403);
    assert_eq!(status("Mail.ReadWrite", "messages").await, 201);
    assert_eq!(status("Mail.ReadWrite", "sendMail").await, 403);
    assert_eq!(status("Mail.Send", "sendMail").await, 202);
    assert_eq!(status("Mail.Send", "messages").await, 403);
}

#[tokio::test]
async fn s12_the_fifth_concurrent_request_is_throttled() {
    let client = Client::open().await;
    client.sandbox.world().lock().knobs.latency_ms = 400;

    let five = join_all((0..5).map(|_| client.get("/me/mailFolders/inbox")));
    let five = client.together(5, five).await;

    let refused: Vec<_> = five.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].refusal().1, "ApplicationThrottled");
    assert_eq!(refused[0].headers["retry-after"], "1");
    let stats = client.sandbox.world().lock().stats.clone();
    assert_eq!((stats.max_concurrency, stats.throttled), (4, 1));
}

#[tokio::test]
async fn s12_another_mailbox_is_not_affected() {
    let client = Client::open().await;
    let users = client.sandbox.settings().users.clone();
    let world = client.sandbox.world();
    world.lock().knobs.latency_ms = 400;
    let token = world.issue_token(None, &["Mail.Read"]).unwrap();
    let paths =
        [&users[0].id, &users[1].address].map(|user| format!("/users/{user}/mailFolders/inbox"));

    // Five of the first mailbox and four of the second, all of them at once.
    let calls = join_all((0..5).map(|_| client.get_as(&token, &paths[0])));
    let others = join_all((0..4).map(|_| client.get_as(&token, &paths[1])));
    let (first, second) = client
        .together(9, async { tokio::join!(calls, others) })
        .await;

    let refused = first.iter().filter(|answer| answer.status == 429);
    assert_eq!(refused.count(), 1);
    assert!(second.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn s12_another_application_is_not_affected_in_the_same_mailbox() {
    // F3.9: the limit counts for (application, mailbox).
    let client = Client::open().await;
    client.sandbox.world().lock().knobs.latency_ms = 400;
    let another = client.another_application();
    let path = format!("/users/{}/mailFolders/inbox", client.person().id);

    let calls = join_all((0..5).map(|_| client.get(&path)));
    let others = join_all((0..4).map(|_| client.get_as(&another, &path)));
    let (first, second) = client
        .together(9, async { tokio::join!(calls, others) })
        .await;

    let refused = first.iter().filter(|answer| answer.status == 429);
    assert_eq!(refused.count(), 1);
    assert!(second.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn s13_requests_beyond_the_quota_of_ten_minutes_are_throttled_and_count_too() {
    let client = Client::open().await;
    client.sandbox.world().lock().knobs.quota_requests = 10;

    for _ in 0..10 {
        client.get("/me/mailFolders/inbox").await.ok();
    }
    client.clock.advance(Duration::from_mins(5));
    let refused = client.get("/me/mailFolders/inbox").await;

    assert_eq!(refused.refusal(), (429, "TooManyRequests".to_owned()));
    assert_eq!(refused.headers["retry-after"], "300");
    // The refused one still stands in the window when the ten have left it.
    client.clock.advance(Duration::from_mins(5));
    for _ in 0..9 {
        client.get("/me/mailFolders/inbox").await.ok();
    }
    assert_eq!(client.get("/me/mailFolders/inbox").await.status, 429);
}

#[tokio::test]
async fn s13_the_quota_is_that_of_one_application_in_one_mailbox() {
    // F3.9
    let client = Client::open().await;
    client.sandbox.world().lock().knobs.quota_requests = 2;
    let users = client.sandbox.settings().users.clone();
    let another = client.another_application();
    let own = client
        .sandbox
        .world()
        .issue_token(None, &["Mail.Read"])
        .unwrap();
    let path = |index: usize| format!("/users/{}/mailFolders/inbox", users[index].id);

    for _ in 0..2 {
        client.get(&path(0)).await.ok();
    }

    assert_eq!(client.get(&path(0)).await.status, 429);
    assert_eq!(client.get_as(&own, &path(0)).await.status, 429);
    assert_eq!(client.get_as(&own, &path(1)).await.status, 200);
    assert_eq!(client.get_as(&another, &path(0)).await.status, 200);
}

#[tokio::test]
async fn s14_uploads_beyond_the_bytes_of_five_minutes_are_throttled() {
    let mut client = Client::open().await;
    client.sandbox.world().lock().knobs.upload_bytes = 20_000;
    let draft = json!({"subject": "s", "body": {"content": "x".repeat(9_000)}});

    assert_eq!(client.post("/me/messages", draft.clone()).await.status, 201);
    assert_eq!(client.post("/me/messages", draft.clone()).await.status, 201);
    let refused = client.post("/me/messages", draft.clone()).await;
    assert_eq!(refused.refusal().0, 429);
    assert_eq!(refused.headers["retry-after"], "300");

    client.sign_in(1);
    assert_eq!(client.post("/me/messages", draft.clone()).await.status, 201);

    client.sign_in(0);
    client.clock.advance(Duration::from_mins(5));
    assert_eq!(client.post("/me/messages", draft).await.status, 201);
}

#[tokio::test]
async fn s15_a_fault_strikes_the_next_calls_that_match() {
    let client = Client::open().await;
    set_fault(
        &client,
        json!({"method": "GET", "path": "/mailFolders/inbox", "times": 2, "status": 503, "body": "",
               "headers": {"Retry-After": "Tue, 10 Feb 2026 09:00:30 GMT"}}),
    );

    assert_eq!(client.get("/me/mailFolders/drafts").await.status, 200);
    let renamed = client
        .patch("/me/mailFolders/inbox", json!({"displayName": "Mail"}))
        .await;
    assert_ne!(renamed.status, 503, "another method is not meant");
    for _ in 0..2 {
        let struck = client.get("/me/mailFolders/inbox").await;
        assert_eq!((struck.status, struck.text.as_str()), (503, ""));
        assert_eq!(
            struck.headers["retry-after"],
            "Tue, 10 Feb 2026 09:00:30 GMT"
        );
    }
    assert_eq!(client.get("/me/mailFolders/inbox").await.status, 200);
}

#[tokio::test]
async fn s15_a_fault_has_the_headers_and_the_body_it_is_given_and_no_others() {
    let client = Client::open().await;
    let body = json!({"error": {"code": "activityLimitReached", "message": "Wait."}});
    set_fault(
        &client,
        json!({"path": "/mailFolders/inbox", "times": 1, "status": 429, "body": body}),
    );

    let struck = client.get("/me/mailFolders/inbox").await;

    assert_eq!((struck.status, struck.json()), (429, body));
    assert!(struck.headers.get("retry-after").is_none());
    let content_type = struck.headers["content-type"].to_str().unwrap();
    assert!(content_type.starts_with("application/json"));
}

#[tokio::test]
async fn s15_a_fault_may_break_the_connection() {
    let client = Client::open().await;
    set_fault(
        &client,
        json!({"path": "/mailFolders", "times": 1, "reset": true}),
    );
    let url = format!(
        "{}/v1.0/me/mailFolders",
        client.sandbox.settings().graph_base_url
    );
    let token = {
        let user = UserId(client.person().id.clone());
        let now = graph_mirror::model::time::Clock::now(&client.clock);
        let mut state = client.sandbox.world().lock();
        state.identity.issue(Some(user), &["Mail.Read"], now)
    };
    let http = reqwest::Client::builder().build().unwrap();

    let broken = async {
        http.get(&url)
            .bearer_auth(&token)
            .send()
            .await?
            .text()
            .await
    }
    .await;

    assert!(broken.is_err());
    let after = http.get(&url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(after.status(), 200);
}

#[tokio::test]
async fn s15_a_fault_may_only_delay() {
    let client = Client::open().await;
    set_fault(
        &client,
        json!({"path": "inbox", "times": 1, "delay_ms": 120}),
    );

    let struck = async {
        while !client.sandbox.world().faults().is_empty() {
            tokio::task::yield_now().await;
        }
        // Long enough for an answer to come, if it did not wait for the clock.
        client.get("/me/mailFolders/drafts").await.ok();
    };
    let delayed = client.get("/me/mailFolders/inbox");
    tokio::pin!(delayed);
    tokio::select! {
        biased;
        _ = &mut delayed => panic!("it was answered while the clock stood"),
        () = struck => {}
    }

    client.together(0, delayed).await.ok();
}

#[tokio::test]
async fn s15_a_fault_may_hold_an_answer_back_until_it_is_old() {
    let client = Client::open().await;
    let inbox = "/me/mailFolders/inbox";
    let before = client.get(inbox).await.ok()["totalItemCount"].clone();
    set_fault(
        &client,
        json!({"path": "/mailFolders/inbox$", "times": 1, "hold_ms": 60_000}),
    );
    let held = client.get(inbox);
    tokio::pin!(held);
    let meanwhile = async {
        while !client.sandbox.world().faults().is_empty() {
            tokio::task::yield_now().await;
        }
        let message = json!({"subject": "meanwhile"});
        client.post("/me/mailFolders/inbox/messages", message).await
    };
    tokio::select! {
        biased;
        _ = &mut held => panic!("it was answered while the clock stood"),
        made = meanwhile => assert_eq!(made.status, 201),
    }

    let held = client.together(0, held).await.ok();

    assert_eq!(held["totalItemCount"], before);
    assert_ne!(client.get(inbox).await.ok()["totalItemCount"], before);
}

#[tokio::test]
async fn s16_a_batch_that_cannot_be_read_is_refused_as_a_whole() {
    let client = Client::open().await;
    let get = |id: &str| json!({"id": id, "method": "GET", "url": "/me/mailFolders/inbox"});

    let many: Vec<_> = (0..21).map(|id| get(&id.to_string())).collect();
    assert_eq!(batch(&client, json!(many)).await.refusal().0, 400);
    assert_eq!(
        batch(&client, json!([get("a"), get("A")]))
            .await
            .refusal()
            .0,
        400
    );
    assert_eq!(batch(&client, json!([])).await.refusal().0, 400);
    assert_eq!(
        batch(&client, json!([{"id": "1", "method": "GET"}]))
            .await
            .refusal()
            .0,
        400
    );
    let bodiless = json!([{"id": "1", "method": "POST", "url": "/me/messages", "body": {}}]);
    assert_eq!(batch(&client, bodiless).await.refusal().0, 400);
    let twenty: Vec<_> = (0..20).map(|id| get(&id.to_string())).collect();
    assert_eq!(parts(&batch(&client, json!(twenty)).await).len(), 20);
}

#[tokio::test]
async fn s16_replies_come_in_any_order_and_one_may_be_missing() {
    let client = Client::open().await;
    let requests: Vec<_> = (0..20)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": "me/mailFolders/inbox"}))
        .collect();

    let all = parts(&batch(&client, json!(requests)).await);
    let order: Vec<_> = all.iter().map(|part| part["id"].clone()).collect();
    let asked: Vec<_> = (0..20).map(|id| json!(id.to_string())).collect();
    assert_ne!(order, asked);
    assert!(asked.iter().all(|id| order.contains(id)));

    client.sandbox.world().lock().knobs.batch_drop_response = true;
    assert_eq!(parts(&batch(&client, json!(requests)).await).len(), 19);
}

#[tokio::test]
async fn s16_a_part_is_throttled_on_its_own_within_a_200() {
    let client = Client::open().await;
    client.sandbox.world().lock().knobs.quota_requests = 2;
    let requests: Vec<_> = (0..3)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": "/me/mailFolders/inbox"}))
        .collect();

    let all = parts(&batch(&client, json!(requests)).await);

    let refused: Vec<_> = all.iter().filter(|part| part["status"] == 429).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["headers"]["Retry-After"], "600");
    assert_eq!(refused[0]["body"]["error"]["code"], "TooManyRequests");
    assert_eq!(all.iter().filter(|part| part["status"] == 200).count(), 2);
}

#[tokio::test]
async fn s16_a_part_whose_parent_failed_is_424() {
    let client = Client::open().await;

    let all = parts(
        &batch(
            &client,
            json!([
                {"id": "1", "method": "GET", "url": "/me/messages/AAMkAGJlIG5vbmUgc3VjaA=="},
                {"id": "2", "method": "GET", "url": "/me/mailFolders/inbox", "dependsOn": ["1"]},
                {"id": "3", "method": "GET", "url": "/me/mailFolders/drafts", "dependsOn": ["2"]},
                {"id": "4", "method": "GET", "url": "/me/mailFolders/inbox"},
                {"id": "5", "method": "GET", "url": "/me/mailFolders/drafts", "dependsOn": ["4"]},
            ]),
        )
        .await,
    );

    let statuses: Vec<_> = ["1", "2", "3", "4", "5"]
        .map(|id| part(&all, id)["status"].as_u64().unwrap())
        .to_vec();
    assert_eq!(statuses, [404, 424, 424, 200, 200]);
}

#[tokio::test]
async fn s17_parts_run_four_at_a_time_and_obey_their_own_prefer() {
    let client = Client::open().await;
    let immutable = client.get("/me/messages?$top=1").await.ok()["value"][0]["id"].clone();
    client.sandbox.world().lock().knobs.latency_ms = 50;
    let mut requests: Vec<_> = (2..20)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": "/me/mailFolders/inbox"}))
        .collect();
    requests.push(
        json!({"id": "with", "method": "GET", "url": "/me/messages?$top=1",
                         "headers": {"Prefer": IMMUTABLE}}),
    );
    requests.push(json!({"id": "without", "method": "GET", "url": "/me/messages?$top=1"}));

    // The outer Prefer asks for immutable ids, and means nothing.
    let all = client.together(4, batch(&client, json!(requests))).await;
    let all = parts(&all);

    assert!(all.iter().all(|part| part["status"] == 200));
    let with = part(&all, "with");
    assert_eq!(with["body"]["value"][0]["id"], immutable);
    assert_eq!(with["headers"]["Preference-Applied"], IMMUTABLE);
    assert_ne!(part(&all, "without")["body"]["value"][0]["id"], immutable);
    assert_eq!(client.sandbox.world().lock().stats.max_concurrency, 4);
}

#[tokio::test]
async fn s17_bytes_come_out_of_a_batch_as_base64() {
    // F4.8
    let client = Client::open().await;
    let id = client.get("/me/messages?$top=1").await.ok()["value"][0]["id"].clone();
    let path = super::client::segment(id.as_str().unwrap());

    let request =
        json!([{"id": "1", "method": "GET", "url": format!("/me/messages/{path}/$value")}]);
    let all = parts(&batch(&client, request).await);

    let body = all[0]["body"].as_str().unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
    assert!(String::from_utf8(bytes).unwrap().contains("Message-ID: <"));
}

#[tokio::test]
async fn an_answer_is_compressed_only_for_those_who_ask() {
    let client = Client::open_with(Options {
        messages: Some(60),
        ..Options::default()
    })
    .await;
    let url = format!(
        "{}/v1.0/me/messages?$top=50",
        client.sandbox.settings().graph_base_url
    );
    let token = {
        let user = UserId(client.person().id.clone());
        let now = graph_mirror::model::time::Clock::now(&client.clock);
        let mut state = client.sandbox.world().lock();
        state.identity.issue(Some(user), &["Mail.Read"], now)
    };
    // One that shows what came over the wire.
    let http = reqwest::Client::builder().no_gzip().build().unwrap();
    let ask = |encoding: &str| {
        let request = http.get(&url).bearer_auth(&token);
        request.header("Accept-Encoding", encoding).send()
    };

    let plain = ask("identity").await.unwrap();
    let packed = ask("gzip").await.unwrap();
    client.sandbox.world().lock().knobs.gzip = false;
    let off = ask("gzip").await.unwrap();

    assert!(plain.headers().get("content-encoding").is_none());
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let (plain, packed) = (plain.bytes().await.unwrap(), packed.bytes().await.unwrap());
    assert!(packed.len() < plain.len() / 2);
    assert_eq!(off.bytes().await.unwrap(), plain);
}
