//! Sandbox and service as two processes, and the service killed in the middle of its work.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use graph_mirror::model::time::{Clock as _, SystemClock};
use graph_mirror::sandbox::browser;
use graph_mirror::store::Store;
use serde_json::Value;

/// A process that does not outlive the test.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program, without any variable of ours.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_graph-mirror"));
    command.env_clear();
    command
}

/// Starts the sandbox and answers what it says of itself.
pub fn sandbox() -> (Process, Value) {
    let mut child = program()
        .args([
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--seed",
            "3",
            "--mailboxes",
            "2",
            "--json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let stdout = child.stdout.take().expect("its output is ours");
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("it speaks");
    let settings = serde_json::from_str(&line).expect("its first line is one object");
    (Process(child), settings)
}

/// Has a command of the service work on the database in `folder`, against the sandbox.
pub fn with_settings(command: &mut Command, folder: &Path, port: u16, control: &str) {
    command
        .current_dir(folder)
        .env("LISTEN", format!("127.0.0.1:{port}"))
        .env(
            "DATABASE_URL",
            format!("sqlite://{}", folder.join("mirror.db").display()),
        )
        .args(["--sandbox", control]);
}

fn serve(folder: &Path, port: u16, control: &str) -> Process {
    let mut command = program();
    command.arg("serve");
    with_settings(&mut command, folder, port, control);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    Process(child)
}

/// Runs a command to its end.
pub fn run(arguments: &[&str], folder: &Path, port: u16, control: &str) -> Output {
    let mut command = program();
    command.args(arguments);
    with_settings(&mut command, folder, port, control);
    command.output().expect("the program runs")
}

/// Waits for a state.
pub async fn until<F: AsyncFnMut() -> bool>(what: &str, mut state: F) {
    let clock = SystemClock;
    let began = clock.now();
    while !state().await {
        assert!(
            (clock.now() - began).num_seconds() < 180,
            "{what} did not come"
        );
        clock.sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Signs a person in, the way a browser would.
pub async fn connect(user: &str, folder: &Path, port: u16, control: &str) {
    connect_with(program(), user, folder, port, control).await;
}

/// The same by a program that has settings of its own.
pub async fn connect_with(
    mut connecting: Command,
    user: &str,
    folder: &Path,
    port: u16,
    control: &str,
) {
    connecting.args([
        "mailboxes",
        "connect",
        "--owner",
        "test",
        "--login-hint",
        user,
        "--no-browser",
        "--json",
    ]);
    with_settings(&mut connecting, folder, port, control);
    let mut connecting = connecting
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let stdout = connecting.stdout.take().expect("its output is ours");
    let mut stdout = BufReader::new(stdout);
    stdout.read_line(&mut line).expect("it speaks");
    let begun: Value = serde_json::from_str(&line).expect("its first line is one object");
    let landing = browser::open(begun["auth_url"].as_str().expect("the link is named"))
        .await
        .expect("the page loads");
    assert_eq!(landing.status, 200, "{}", landing.page);
    let _ = Process(connecting);
}

/// The database in a folder, opened beside the service.
pub async fn store_in(folder: &Path) -> Store {
    let url = format!("sqlite://{}", folder.join("mirror.db").display());
    Store::open(&url, std::sync::Arc::new(SystemClock))
        .await
        .expect("the database opens beside the service")
}

/// Free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it listens").port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_killed_in_mid_backfill_continues_and_its_mirror_is_equal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let (_sandbox, settings) = sandbox();
    let control = settings["control_url"]
        .as_str()
        .expect("it is named")
        .to_owned();
    let user = settings["users"][0]["address"]
        .as_str()
        .expect("it is named")
        .to_owned();
    let first = serve(folder.path(), port, &control);
    let health = format!("http://127.0.0.1:{port}/readyz");
    until("the service", async || {
        browser::open(&health)
            .await
            .is_ok_and(|page| page.status == 200)
    })
    .await;
    connect(&user, folder.path(), port, &control).await;

    // Killed as soon as some messages are there, and not all.
    let store = store_in(folder.path()).await;
    until("the first message", async || {
        let mailboxes = store
            .mailboxes_list(None)
            .await
            .expect("the database answers");
        match mailboxes.first() {
            Some(mailbox) => {
                let counts = store
                    .mailbox_counts(mailbox.id)
                    .await
                    .expect("the database answers");
                counts.messages > 0
            }
            None => false,
        }
    })
    .await;
    drop(first);
    let unfinished = store
        .mailboxes_list(None)
        .await
        .expect("the database answers");
    assert!(
        unfinished
            .iter()
            .all(|mailbox| mailbox.backfilled_at.is_none()),
        "it was done already"
    );
    let _second = serve(folder.path(), port, &control);
    until("the copy", async || {
        let mailboxes = store
            .mailboxes_list(None)
            .await
            .expect("the database answers");
        mailboxes
            .iter()
            .all(|mailbox| mailbox.backfilled_at.is_some())
    })
    .await;

    let verified = run(&["verify", "--json"], folder.path(), port, &control);

    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        verified.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    assert!(
        text.contains("\"equal\":true") || text.contains("\"equal\": true"),
        "{text}"
    );
}
