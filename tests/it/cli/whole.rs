//! Sandbox, service and commands as processes of their own, as people run them.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::run::{Ran, Shell};

/// A process that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn begin(shell: &Shell, arguments: &[&str]) -> (Running, BufReader<ChildStdout>) {
    let mut child = shell
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let out = BufReader::new(child.stdout.take().expect("it has an output"));
    (Running(child), out)
}

fn line(out: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    out.read_line(&mut line).expect("a line comes");
    serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("it is bound")
        .port()
}

async fn run(shell: &Shell, arguments: &[&str]) -> Ran {
    let mut command = shell.command(arguments);
    tokio::task::spawn_blocking(move || Ran::of(&command.output().expect("the binary runs")))
        .await
        .expect("it does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_service_the_commands_connect_copy_and_verify_by_themselves() {
    let shell = Shell::new();
    let (_sandbox, mut out) = begin(
        &shell,
        &[
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--mailboxes",
            "1",
            "--messages",
            "25",
            "--json",
        ],
    );
    let sandbox = line(&mut out);
    let control = sandbox["control_url"]
        .as_str()
        .expect("it is told")
        .to_owned();
    let address = sandbox["users"][0]["address"]
        .as_str()
        .expect("there is one")
        .to_owned();
    let shell = shell.with(&[("LISTEN", &format!("127.0.0.1:{}", free_port()))]);

    let (mut connecting, mut out) = begin(
        &shell,
        &[
            "mailboxes",
            "connect",
            "--owner",
            "anna",
            "--login-hint",
            &address,
            "--json",
            "--sandbox",
            &control,
        ],
    );
    let auth_url = line(&mut out)["auth_url"]
        .as_str()
        .expect("it is told")
        .to_owned();
    let landed = graph_mirror::sandbox::browser::open(&auth_url)
        .await
        .expect("the way back leads to the command");
    assert_eq!(landed.status, 200);
    let connected = tokio::task::spawn_blocking(move || line(&mut out))
        .await
        .expect("it is told");
    assert_eq!(connected["address"], address.as_str());
    assert_eq!(connected["state"], "connected");
    assert!(connecting.0.wait().expect("it ends").success());

    let synced = run(&shell, &["sync", "--json", "--sandbox", &control])
        .await
        .well()
        .json();
    assert_eq!(synced[0]["address"], address.as_str());
    let verified = run(&shell, &["verify", "--json", "--sandbox", &control])
        .await
        .well()
        .json();
    assert_eq!(verified[0]["equal"], true, "{verified}");
    assert_eq!(
        verified[0]["differences"],
        json!({ "count": 0, "first": [] })
    );
    assert!(verified[0]["as_of"].is_string());
    assert!(
        verified[0]["messages"]
            .as_i64()
            .is_some_and(|messages| messages >= 25),
        "{verified}"
    );

    let listed = run(&shell, &["mailboxes", "list", "--json"])
        .await
        .well()
        .json();
    assert!(listed[0]["backfilled_at"].is_string(), "{listed}");
    run(
        &shell,
        &["mailboxes", "disconnect", &address, "--sandbox", &control],
    )
    .await
    .well();
    let listed = run(&shell, &["mailboxes", "list", "--json"])
        .await
        .well()
        .json();
    assert_eq!(listed[0]["state"], "disconnected");
}
