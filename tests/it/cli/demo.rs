//! The demo as people and scripts run it: its outcome, its exit code, and nothing left behind.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use graph_mirror::store::Backend;
use serde_json::Value;
use sqlx::{Connection, PgConnection, Row};

use super::run::{Ran, Shell};
use crate::support::database::Database;

async fn play(shell: &Shell, further: &[&str]) -> Ran {
    let mut arguments = vec![
        "demo",
        "--for",
        "3s",
        "--json",
        "--mailboxes",
        "2",
        "--messages",
        "30",
    ];
    arguments.extend(further);
    let mut command = shell.command(&arguments);
    command.env("TMPDIR", shell.folder());
    tokio::task::spawn_blocking(move || Ran::of(&command.output().expect("the binary runs")))
        .await
        .expect("it does not panic")
}

fn check(outcome: &Value) {
    let object = outcome.as_object().expect("one object");
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "changes",
            "edit_to_row_ms",
            "events",
            "graph_requests",
            "mailboxes",
            "messages",
            "throttled",
            "verified"
        ]
    );
    assert_eq!(outcome["verified"], true, "{outcome}");
    assert_eq!(outcome["mailboxes"], 2);
    assert!(outcome["messages"].as_i64() >= Some(60), "{outcome}");
    assert!(outcome["events"].as_i64() > Some(0), "{outcome}");
    assert!(outcome["changes"].as_u64() > Some(0), "{outcome}");
    assert!(outcome["graph_requests"].as_u64() > Some(0), "{outcome}");
    assert!(outcome["throttled"].is_u64(), "{outcome}");
    let (p50, p99) = (
        outcome["edit_to_row_ms"]["p50"].as_f64(),
        outcome["edit_to_row_ms"]["p99"].as_f64(),
    );
    assert!(p50 > Some(0.0) && p99 >= p50, "{outcome}");
}

fn left(shell: &Shell) -> usize {
    std::fs::read_dir(shell.folder())
        .expect("the folder is there")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_it_verifies_its_mirror_and_takes_its_folder_away() {
    let shell = Shell::new();

    let outcome = play(&shell, &[]).await.well().json();

    check(&outcome);
    assert_eq!(left(&shell), 0, "its folder is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_it_verifies_its_mirror_and_drops_its_schema() {
    let database = Database::create_empty(Backend::Postgres).await;
    let shell = Shell::new();

    let outcome = play(&shell, &["--database-url", &database.url])
        .await
        .well()
        .json();

    check(&outcome);
    let mut connection = PgConnection::connect(&database.url)
        .await
        .expect("the database answers");
    let row = sqlx::query(
        "SELECT count(*) AS schemas FROM pg_namespace WHERE nspname LIKE 'graph_mirror_demo%'",
    )
    .fetch_one(&mut connection)
    .await
    .expect("the database answers");
    assert_eq!(row.get::<i64, _>("schemas"), 0, "its schema is still there");
    connection.close().await.expect("the connection closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_in_mid_copy_it_fails_and_takes_its_folder_away() {
    let shell = Shell::new();
    let mut command = shell.command(&["demo", "--mailboxes", "2", "--messages", "3000"]);
    command
        .env("TMPDIR", shell.folder())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut demo = command.spawn().expect("the binary runs");
    let id = demo.id().to_string();
    let out = demo.stdout.take().expect("it has an output");

    let output = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(out).lines();
        // With the first sign-in the copy begins.
        let signed_in =
            lines.find(|line| line.as_ref().is_ok_and(|line| line.ends_with("signed in")));
        assert!(signed_in.is_some(), "nobody signed in");
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill runs").success());
        // What it still says is read, so that it never waits for us.
        lines.for_each(drop);
        demo.wait_with_output().expect("it ends")
    })
    .await
    .expect("it does not panic");

    let ran = Ran::of(&output);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("interrupted"), "{}", ran.err);
    assert_eq!(left(&shell), 0, "its folder is still there");
}
