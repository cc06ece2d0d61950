//! A notification is followed from its post to its row, in the log of a service that runs as people run it.

use std::process::Stdio;

use graph_mirror::model::work::SubscriptionState;
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::sandbox::{Options, Sandbox};
use serde_json::Value;

use super::processes::{Process, connect, free_port, program, store_in, until, with_settings};

/// What is said of a row that is there.
const STORED: &str = "stored what a notification announced";

/// The lines of the log so far; each of them is one JSON object.
fn read(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| {
            // The last one may be on its way.
            let read = serde_json::from_str(line);
            assert!(read.is_ok() || text.ends_with(line), "not JSON: {line}");
            read.ok()
        })
        .collect()
}

/// What a line or one of its spans says of a field.
fn said<'a>(line: &'a Value, span: &str, field: &str) -> Option<&'a str> {
    let spans = line["spans"].as_array()?;
    let span = spans.iter().find(|one| one["name"] == span)?;
    span[field].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_followed_from_its_post_to_its_row_by_one_id() {
    let sandbox = Sandbox::start(Options {
        mailboxes: 1,
        messages: Some(5),
        ..Options::default()
    })
    .await
    .expect("the sandbox starts");
    let user = sandbox.settings().users[0].clone();
    let control = sandbox.settings().control_url.clone();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let log = folder.path().join("log");
    let file = std::fs::File::create(&log).expect("a file");
    let mut serve = program();
    serve
        .arg("serve")
        .env("LOG", "info,graph_mirror=debug")
        .env("PUBLIC_URL", format!("http://127.0.0.1:{port}"));
    with_settings(&mut serve, folder.path(), port, &control);
    let serve = serve.stdout(Stdio::null()).stderr(file);
    let _serve = Process(serve.spawn().expect("the program starts"));
    let logged = || std::fs::read_to_string(&log).expect("it can be read");
    until("the service", async || logged().contains("listens on")).await;
    connect(&user.address, folder.path(), port, &control).await;
    let store = store_in(folder.path()).await;
    until("a subscribed copy", async || {
        let mailboxes = store.mailboxes_list(None).await.expect("it answers");
        let Some(mailbox) = mailboxes.first() else {
            return false;
        };
        let subscriptions = store.subscriptions_list(mailbox.id).await;
        mailbox.backfilled_at.is_some()
            && subscriptions
                .expect("it answers")
                .iter()
                .any(|one| one.state == SubscriptionState::Active)
    })
    .await;

    let order = EditOrder {
        count: 4,
        seed: 5,
        kinds: vec!["message_deliver".to_owned()],
    };
    let edited = sandbox.world().edit(&user.id, &order);
    assert_eq!(edited.expect("the person exists").len(), 4);

    until("a row that was announced", async || {
        logged().contains(STORED)
    })
    .await;
    let lines = read(&logged());
    let stored = lines
        .iter()
        .find(|line| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.starts_with(STORED))
        })
        .expect("it was waited for");
    let trace = stored["trace_id"].as_str().expect("it is named");
    let request = uuid::Uuid::parse_str(trace).expect("32 digits").to_string();
    let intake = lines
        .iter()
        .find(|line| said(line, "intake", "trace_id") == Some(trace))
        .unwrap_or_else(|| panic!("no post has the trace {trace}: {}", logged()));
    assert_eq!(intake["message"], "made notices durable");
    assert_eq!(
        said(intake, "intake", "http.request_id"),
        Some(&request[..])
    );
    let asked = lines
        .iter()
        .find(|line| line["client_request_id"] == request.as_str())
        .unwrap_or_else(|| panic!("Graph was not asked under {request}: {}", logged()));
    assert_eq!(asked["status"], 200);
    assert!(said(asked, "refresh", "trace_id").is_some(), "{asked}");
    assert!(said(stored, "apply", "mailbox.id").is_some(), "{stored}");
    assert!(
        !logged().contains(user.address.as_str()),
        "an address is in the log"
    );
    sandbox.stop().await;
}
