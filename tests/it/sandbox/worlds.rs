//! S72: a world grows from one integer, and the command prints what a client needs to know of it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use graph_mirror::model::time::ManualClock;
use graph_mirror::sandbox::{Options, World};
use serde_json::Value;

use super::client::instant;

fn world(seed: u64, now: &str) -> World {
    let options = Options {
        seed,
        messages: Some(60),
        clock: Some(ManualClock::standing_at(instant(now))),
        ..Options::default()
    };
    World::seeded(&options, "http://127.0.0.1:1".to_owned())
}

/// Everything that is in a world's mailboxes, ids and all.
fn truths(world: &World) -> Vec<String> {
    let mailboxes = world.mailboxes();
    mailboxes
        .iter()
        .map(|mailbox| world.truth(&mailbox.id, None).unwrap())
        .collect()
}

#[test]
fn s72_the_same_seed_and_instant_give_the_same_world() {
    let (now, later) = ("2026-02-10T09:00:00Z", "2026-02-11T09:00:00Z");
    let (one, other) = (world(5, now), world(5, now));

    assert_eq!(one.settings(), other.settings());
    assert_eq!(truths(&one), truths(&other));
    assert_eq!(
        serde_json::to_value(one.dump()).unwrap(),
        serde_json::to_value(other.dump()).unwrap()
    );
    assert_ne!(truths(&one), truths(&world(6, now)));
    assert_ne!(truths(&one), truths(&world(5, later)));
}

#[test]
fn there_are_no_more_ordinary_folders_than_asked_for() {
    let folders = |ordinary: usize| {
        let options = Options {
            mailboxes: 1,
            messages: Some(10),
            ordinary_folders: Some(ordinary),
            ..Options::default()
        };
        let world = World::seeded(&options, "http://127.0.0.1:1".to_owned());
        let truth: Value = serde_json::from_str(&truths(&world)[0]).unwrap();
        truth["folders"].as_array().unwrap().len()
    };
    let fewest = folders(1);

    for ordinary in 2..9 {
        assert_eq!(folders(ordinary), fewest + ordinary - 1);
    }
}

#[test]
fn s72_what_is_made_up_depends_on_its_own_instant_and_not_on_the_clock() {
    let at = |clock: &str| {
        let options = Options {
            seeded_at: Some(instant("2026-02-10T00:00:00Z")),
            messages: Some(60),
            clock: Some(ManualClock::standing_at(instant(clock))),
            ..Options::default()
        };
        World::seeded(&options, "http://127.0.0.1:1".to_owned())
    };

    let (morning, evening) = (at("2026-02-10T06:00:00Z"), at("2026-02-10T21:00:00Z"));

    assert_eq!(truths(&morning), truths(&evening));
    assert_eq!(morning.settings(), evening.settings());
}

/// The command, ended with the test.
struct Running {
    child: Child,
    first: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the command on a free port; the first line it prints.
fn command(arguments: &[&str]) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_graph-mirror"))
        .args(["sandbox", "--listen", "127.0.0.1:0", "--json"])
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let out = child.stdout.take().expect("it has an output");
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).expect("a line");
    Running {
        child,
        first: serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}")),
    }
}

fn keys(value: &Value) -> BTreeSet<&str> {
    let fields = value.as_object().expect("an object");
    fields.keys().map(String::as_str).collect()
}

async fn control(sandbox: &Running, path: &str) -> Value {
    let url = sandbox.first["control_url"].as_str().expect("it is told");
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .build()
        .unwrap();
    let response = http.get(format!("{url}{path}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

/// The ids and what was made up for them.
async fn content(sandbox: &Running) -> Vec<Value> {
    let mut content = Vec::new();
    for user in sandbox.first["users"].as_array().unwrap() {
        let id = user["id"].as_str().unwrap();
        content.push(control(sandbox, &format!("/mailboxes/{id}/truth")).await);
    }
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_line_of_the_command_is_one_object_with_what_a_client_needs() {
    let sandbox = command(&["--mailboxes", "2", "--messages", "5"]);

    let told = &sandbox.first;
    assert_eq!(
        keys(told),
        BTreeSet::from([
            "client_id",
            "client_secret",
            "control_url",
            "graph_base_url",
            "login_base_url",
            "tenant_id",
            "users",
        ])
    );
    let users = told["users"].as_array().unwrap();
    assert_eq!(users.len(), 2);
    for user in users {
        assert_eq!(
            keys(user),
            BTreeSet::from(["address", "display_name", "id"])
        );
    }
    assert_eq!(*told, control(&sandbox, "/settings").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s72_the_command_makes_up_the_same_for_the_same_seed_and_instant() {
    let start = |seed: &str, now: &str| {
        command(&[
            "--mailboxes",
            "1",
            "--messages",
            "30",
            "--seed",
            seed,
            "--now",
            now,
        ])
    };
    let now = "2026-02-10T09:00:00Z";
    let (one, other) = (start("5", now), start("5", now));

    assert_eq!(one.first["users"], other.first["users"]);
    assert_eq!(one.first["client_secret"], other.first["client_secret"]);
    let told = content(&one).await;
    assert_eq!(told, content(&other).await);
    let another_seed = start("6", now);
    assert_ne!(one.first["users"], another_seed.first["users"]);
    let another_instant = start("5", "2026-02-11T09:00:00Z");
    assert_eq!(one.first["users"], another_instant.first["users"]);
    assert_ne!(told, content(&another_instant).await);
}
