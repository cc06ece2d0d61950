//! The control interface: everything anyone can do to a running sandbox.

use axum::http::Method;
use graph_mirror::sandbox::control::ENDPOINTS;
use serde_json::{Value, json};

use super::bench::{Answer, Bench, Ear, morning};
use super::subscriptions::{create, wish};

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
}

#[tokio::test]
async fn all_faults_are_cleared_at_once() {
    let bench = Bench::start().await;
    let token = bench.token(0);
    for path in ["/me$", "/me/mailFolders$"] {
        let fault = json!({"path": path, "status": 503});
        bench.control(Method::POST, "/faults", Some(fault)).await;
    }
    let listed = bench.control(Method::GET, "/faults", None).await.json();
    assert_eq!(listed["faults"].as_array().unwrap().len(), 2);
    for path in ["/me", "/me/mailFolders"] {
        let struck = bench.call(&token, Method::GET, path, None).await;
        assert_eq!(struck.status, 503);
    }

    let cleared = bench.control(Method::DELETE, "/faults", None).await;

    assert_eq!(cleared.status, 204);
    let listed = bench.control(Method::GET, "/faults", None).await.json();
    assert_eq!(listed, json!({"faults": []}));
    for path in ["/me", "/me/mailFolders"] {
        let passed = bench.call(&token, Method::GET, path, None).await;
        assert_eq!(passed.status, 200);
    }
}

/// A command that is carried out; what it answers.
async fn done(bench: &Bench, method: Method, path: &str, body: Value) -> Value {
    let answer = bench.control(method, path, Some(body)).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

async fn truth(bench: &Bench, mailbox: &str) -> Value {
    let path = format!("/mailboxes/{mailbox}/truth");
    bench.control(Method::GET, &path, None).await.json()
}

#[tokio::test]
async fn edits_are_made_as_many_and_of_the_kinds_that_are_asked_for() {
    let (bench, twin) = (Bench::start().await, Bench::start().await);
    let mailbox = bench.user_id(0);
    let path = format!("/mailboxes/{mailbox}/edits");
    let before = truth(&bench, &mailbox).await;

    let order = json!({"count": 7, "seed": 3, "kinds": ["message_deliver", "message_flag"]});
    let edits = done(&bench, Method::POST, &path, order.clone()).await;

    let made = edits["edits"].as_array().unwrap();
    assert_eq!(made.len(), 7);
    let after = truth(&bench, &mailbox).await;
    let messages = after["messages"].as_array().unwrap();
    for edit in made {
        let keys: Vec<_> = edit.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 4, "{edit}");
        assert!(["message_deliver", "message_flag"].contains(&edit["kind"].as_str().unwrap()));
        assert_eq!(edit["entity"], "message");
        assert_eq!(edit["at"], serde_json::to_value(morning()).unwrap());
        assert!(messages.iter().any(|message| message["id"] == edit["id"]));
    }
    let delivered = made.iter().filter(|edit| edit["kind"] == "message_deliver");
    assert_eq!(
        messages.len(),
        before["messages"].as_array().unwrap().len() + delivered.count()
    );
    assert_ne!(before, after);

    let again = done(&twin, Method::POST, &path, order).await;
    assert_eq!(again, edits, "the same world, seed and count");
    let events = json!({"count": 3, "seed": 4, "kinds": ["calendar"]});
    let edits = done(&bench, Method::POST, &path, events).await;
    let made = edits["edits"].as_array().unwrap();
    assert_eq!(made.len(), 3);
    assert!(
        made.iter()
            .all(|edit| ["event", "calendar"].contains(&edit["entity"].as_str().unwrap()))
    );
    let after_both = truth(&bench, &mailbox).await;
    assert_ne!(
        (&after_both["events"], &after_both["calendars"]),
        (&after["events"], &after["calendars"])
    );
}

#[tokio::test]
async fn new_mail_arrives_and_is_counted() {
    let bench = Bench::start().await;
    let mailbox = bench.user_id(0);
    let token = bench.token(0);
    bench
        .call(&token, Method::GET, "/me/mailFolders/inbox", None)
        .await;

    let path = format!("/mailboxes/{mailbox}/messages");
    let ids = done(&bench, Method::POST, &path, json!({"count": 2})).await;

    let ids = ids["ids"].as_array().unwrap();
    assert_eq!(ids.len(), 2);
    let messages = truth(&bench, &mailbox).await["messages"].clone();
    let messages = messages.as_array().unwrap();
    assert!(
        ids.iter()
            .all(|id| messages.iter().any(|message| message["id"] == *id))
    );
    let stats = done(&bench, Method::GET, "/stats", Value::Null).await;
    assert_eq!(stats["graph"]["requests"], 1, "commands are not counted");
    assert_eq!(stats["graph"]["by_kind"]["GET mailFolders/inbox"], 1);
    assert_eq!(stats["graph"]["by_status"]["200"], 1);
    assert_eq!(stats["notifications"]["waiting"], 0);
}

#[tokio::test]
async fn a_licence_is_taken_and_given_back() {
    // F9.15
    let bench = Bench::start().await;
    let token = bench.token(0);
    let path = format!("/mailboxes/{}/licence", bench.user_id(0));
    let inbox = async || {
        bench
            .call(&token, Method::GET, "/me/mailFolders/inbox", None)
            .await
    };

    let without = done(&bench, Method::POST, &path, json!({"on": false})).await;
    assert_eq!(without, json!({"licensed": false}));
    let refused = inbox().await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (404, "MailboxNotEnabledForRESTAPI")
    );
    let with = done(&bench, Method::POST, &path, json!({"on": true})).await;
    assert_eq!(with, json!({"licensed": true}));
    assert_eq!(inbox().await.status, 200);
}

#[tokio::test]
async fn a_token_is_issued_to_a_person_and_to_an_application() {
    let bench = Bench::start().await;
    let (own, other) = (bench.user_id(0), bench.user_id(1));
    let issue = async |body: Value| {
        let issued = done(&bench, Method::POST, "/identity/token", body).await;
        issued["access_token"].as_str().unwrap().to_owned()
    };
    let status = async |token: &str, user: &str| {
        let path = format!("/users/{user}/messages");
        bench.call(token, Method::GET, &path, None).await.status
    };

    let person = issue(json!({"user": own, "scopes": ["Mail.Read"]})).await;
    assert_eq!(status(&person, &own).await, 200);
    assert_eq!(status(&person, &other).await, 403);
    let application = issue(json!({"scopes": ["Mail.Read"]})).await;
    assert_eq!(status(&application, &other).await, 200);
    let unknown = json!({"scopes": [], "client_id": "nobody"});
    let refused = bench
        .control(Method::POST, "/identity/token", Some(unknown))
        .await;
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn applications_are_registered_changed_and_listed() {
    let bench = Bench::start().await;
    let settings = bench.sandbox.settings();
    let listed = done(&bench, Method::GET, "/identity/applications", Value::Null).await;
    assert_eq!(listed["applications"].as_array().unwrap().len(), 1);
    assert_eq!(
        listed["applications"][0]["client_id"],
        settings.client_id.as_str()
    );

    let wish = json!({"display_name": "another"});
    let made = done(&bench, Method::POST, "/identity/applications", wish).await;
    assert_eq!(made["tenant_id"], settings.tenant_id.as_str());
    assert_ne!(made["client_id"], settings.client_id.as_str());
    let path = format!(
        "/identity/applications/{}",
        made["client_id"].as_str().unwrap()
    );
    let change = json!({"redirect_uris": ["https://app.example/back"], "client_secret": "new"});
    let changed = done(&bench, Method::PATCH, &path, change).await;

    assert_eq!(changed["client_secret"], "new");
    let listed = done(&bench, Method::GET, "/identity/applications", Value::Null).await;
    assert_eq!(listed["applications"][1], changed);
    assert_eq!(
        listed["applications"][1]["redirect_uris"],
        json!(["https://app.example/back"])
    );
    let wrong = json!({"display_name": "x", "tenant_id": "no guid"});
    let refused = bench
        .control(Method::POST, "/identity/applications", Some(wrong))
        .await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("a guid, and 'no guid' is none"));
}

#[tokio::test]
async fn an_application_of_another_tenant_signs_in_there_and_not_elsewhere() {
    // F1.2, F1.16
    const ABROAD: &str = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d";
    let bench = Bench::start().await;
    let wish = json!({"display_name": "from abroad", "tenant_id": ABROAD});
    let made = done(&bench, Method::POST, "/identity/applications", wish).await;
    let login = &bench.sandbox.settings().login_base_url;
    let ask = async |tenant: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
            ("client_id", made["client_id"].as_str().unwrap()),
            ("client_secret", made["client_secret"].as_str().unwrap()),
        ];
        let url = format!("{login}/{tenant}/oauth2/v2.0/token");
        Answer::read(bench.client.post(url).form(&fields).send().await.unwrap()).await
    };

    let granted = ask(ABROAD).await;
    assert_eq!(granted.status, 200, "{granted:?}");
    let elsewhere = ask(&bench.sandbox.settings().tenant_id).await;
    assert_eq!(elsewhere.json()["error_codes"][0], 700_016);
    let url = format!("{login}/{ABROAD}/v2.0/.well-known/openid-configuration");
    let metadata = Answer::read(bench.client.get(url).send().await.unwrap()).await;
    assert_eq!(metadata.json()["issuer"], format!("{login}/{ABROAD}/v2.0"));
}

#[tokio::test]
async fn delta_links_die_by_kind() {
    // S40
    let bench = Bench::start().await;
    let token = bench.token(0);
    let window = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-03-03T00:00:00Z";
    let first = async |path: String| {
        let page = bench.call(&token, Method::GET, &path, None).await.json();
        let link = page["@odata.nextLink"]
            .as_str()
            .or(page["@odata.deltaLink"].as_str());
        link.unwrap().to_owned()
    };
    let mail = first("/me/mailFolders/inbox/messages/delta".to_owned()).await;
    let calendar = first(format!("/me/calendarView/delta?{window}")).await;
    let status = async |link: &str| bench.call(&token, Method::GET, link, None).await.status;

    let kind = json!({"kind": "calendar", "mailbox": bench.user_id(0)});
    let expired = done(&bench, Method::POST, "/delta/expire", kind).await;

    assert_eq!(expired["expired"], 1);
    assert_eq!((status(&calendar).await, status(&mail).await), (410, 200));
    let kind = json!({"kind": "mail"});
    let expired = done(&bench, Method::POST, "/delta/expire", kind).await;
    assert!(expired["expired"].as_u64().unwrap() >= 1);
    assert_eq!(status(&mail).await, 410);
}

#[tokio::test]
async fn subscriptions_are_listed_with_what_waits_for_them() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let listed = done(&bench, Method::GET, "/subscriptions", Value::Null).await;
    assert_eq!(listed, json!({"subscriptions": []}));
    let created = create(&bench, &token, wish(&ear, "me/messages")).await;
    bench.world().deliver_message(&bench.user_id(0)).unwrap();

    let listed = done(&bench, Method::GET, "/subscriptions", Value::Null).await;

    let listed = &listed["subscriptions"].as_array().unwrap()[0];
    assert_eq!(listed["id"], created.json()["id"]);
    assert_eq!(listed["mailbox"], bench.user_id(0).as_str());
    assert_eq!(listed["resource"], "me/messages");
    assert_eq!(listed["waiting"], 1);
    assert_eq!(listed["wedged"], false);
}
