//! S11: whatever is refused, and wherever, is refused in one envelope.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client, segment};

const NOBODYS: &str = "/me/messages/AAMkAGJlIG5vbmUgc3VjaA==";
const OWN_ID: &str = "3f9c1b0e-0000-4000-8000-000000000001";

/// Holds a refusal to the envelope (F3.1) and its ids to the headers (F3.3).
#[track_caller]
fn assert_envelope(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.refusal(), (status, code.to_owned()));
    let body = answer.json();
    let keys = |value: &Value| -> Vec<String> {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&body), ["error"]);
    assert_eq!(keys(&body["error"]), ["code", "innerError", "message"]);
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
    let inner = &body["error"]["innerError"];
    assert_eq!(keys(inner), ["client-request-id", "date", "request-id"]);
    assert_eq!(inner["date"], "2026-02-10T09:00:00");
    for name in ["request-id", "client-request-id"] {
        assert_eq!(
            inner[name],
            answer.headers[name].to_str().unwrap(),
            "{name}"
        );
    }
}

async fn event(client: &Client) -> String {
    let listed = client.get("/me/events?$top=1").await.ok();
    let id = listed["value"][0]["id"].as_str().unwrap();
    format!("/me/events/{}", segment(id))
}

#[tokio::test]
async fn s11_every_error_has_the_envelope_and_the_request_id() {
    let client = Client::open().await;
    let other = client.sandbox.settings().users[1].id.clone();
    let own = [("client-request-id", OWN_ID)];
    let stale = [("If-Match", "W/\"old\"")];
    let folder = json!({"displayName": "Twice"});
    client.post("/me/mailFolders", folder.clone()).await.ok();
    let event = event(&client).await;
    let large = json!({"subject": "x".repeat(5 * 1024 * 1024)});
    let fault = json!({"path": "/me/mailFolders/drafts$", "times": 1, "status": 503});
    let rule = serde_json::from_value(fault).unwrap();
    client.sandbox.world().set_fault(rule).unwrap();
    let dead = "/me/mailFolders/inbox/messages/delta?$deltatoken=dead";
    let theirs = format!("/users/{other}/messages");

    let get = Method::GET;
    let cases = [
        (
            get.clone(),
            "/me/messages?$top=0",
            None,
            400,
            "ErrorInvalidUrlQuery",
        ),
        (get.clone(), theirs.as_str(), None, 403, "ErrorAccessDenied"),
        (get.clone(), NOBODYS, None, 404, "ErrorItemNotFound"),
        (Method::DELETE, "/me", None, 405, "Request_BadRequest"),
        (
            Method::POST,
            "/me/mailFolders",
            Some(folder),
            409,
            "ErrorFolderExists",
        ),
        (get.clone(), dead, None, 410, "SyncStateNotFound"),
        (
            Method::POST,
            "/me/messages",
            Some(large),
            413,
            "RequestEntityTooLarge",
        ),
        (
            get.clone(),
            "/me/mailFolders/drafts",
            None,
            503,
            "serviceNotAvailable",
        ),
    ];
    for (method, path, body, status, code) in cases {
        let answer = client.send(method, path, &own, body).await;
        assert_envelope(&answer, status, code);
        assert_eq!(answer.headers["client-request-id"], OWN_ID, "{path}");
    }
    let change = json!({"subject": "x"});
    let answer = client
        .send(Method::PATCH, &event, &stale, Some(change))
        .await;
    assert_envelope(&answer, 412, "ErrorIrresolvableConflict");
    let answer = client.get_as("nonsense", "/me").await;
    assert_envelope(&answer, 401, "InvalidAuthenticationToken");
    client.sandbox.world().lock().knobs.quota_requests = 0;
    let answer = client.get("/me/mailFolders/inbox").await;
    assert_envelope(&answer, 429, "TooManyRequests");
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn s11_an_address_that_leads_nowhere_is_refused_in_the_envelope_too() {
    let client = Client::open().await;
    let base = client.sandbox.settings().graph_base_url.clone();

    for path in ["/beta/me", "/", "/v1.1/me/messages", "/nowhere/at/all"] {
        let answer = client.get(&format!("{base}{path}")).await;
        assert_envelope(&answer, 404, "ResourceNotFound");
    }
    for path in ["/v1.0", "/v1.0/", "/v1.0/nothing"] {
        let answer = client.get(&format!("{base}{path}")).await;
        assert_envelope(&answer, 400, "BadRequest");
    }
    client.sandbox.world().lock().knobs.empty_error_bodies = true;
    let emptied = client.get(&format!("{base}/beta/me")).await;
    assert_eq!((emptied.status, emptied.text.as_str()), (404, ""));
    assert!(emptied.headers.contains_key("request-id"));
}

#[tokio::test]
async fn s11_a_part_of_a_batch_has_an_envelope_and_a_request_id_of_its_own() {
    let client = Client::open().await;
    let requests = json!({"requests": [
        {"id": "1", "method": "GET", "url": NOBODYS, "headers": {"client-request-id": OWN_ID}},
        {"id": "2", "method": "GET", "url": "/me/messages?$top=0"},
        {"id": "3", "method": "GET", "url": "/me/mailFolders/inbox", "dependsOn": ["1"]},
    ]});

    let answer = client.post("/$batch", requests).await;

    let parts = answer.ok()["responses"].as_array().unwrap().clone();
    let mut ids = vec![answer.headers["request-id"].to_str().unwrap().to_owned()];
    for (id, status, code) in [
        ("1", 404, "ErrorItemNotFound"),
        ("2", 400, "ErrorInvalidUrlQuery"),
        ("3", 424, "FailedDependency"),
    ] {
        let part = parts.iter().find(|part| part["id"] == id).unwrap();
        assert_eq!(part["status"], status);
        let error = &part["body"]["error"];
        assert_eq!(error["code"], code);
        assert!(!error["message"].as_str().unwrap().is_empty());
        let inner = &error["innerError"];
        assert_eq!(inner["date"], "2026-02-10T09:00:00");
        assert_eq!(inner["request-id"], part["headers"]["Request-Id"]);
        ids.push(inner["request-id"].as_str().unwrap().to_owned());
        let client_id = if id == "1" {
            OWN_ID
        } else {
            &ids[ids.len() - 1]
        };
        assert_eq!(inner["client-request-id"], client_id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn s11_a_knob_empties_the_bodies_of_404_and_503_and_of_no_other() {
    // F3.4
    let client = Client::open().await;
    client.sandbox.world().lock().knobs.empty_error_bodies = true;
    for status in [503, 500] {
        let fault = json!({"path": "/me/mailFolders/drafts$", "times": 1, "status": status});
        let rule = serde_json::from_value(fault).unwrap();
        client.sandbox.world().set_fault(rule).unwrap();
    }

    let missing = client.get(NOBODYS).await;
    assert_eq!((missing.status, missing.text.as_str()), (404, ""));
    assert!(missing.headers.contains_key("request-id"));
    let struck = client.get("/me/mailFolders/drafts").await;
    assert_eq!((struck.status, struck.text.as_str()), (503, ""));
    let struck = client.get("/me/mailFolders/drafts").await;
    assert_envelope(&struck, 500, "ErrorInternalServerError");
    let wrong = client.get("/me/messages?$top=0").await;
    assert_envelope(&wrong, 400, "ErrorInvalidUrlQuery");
}
