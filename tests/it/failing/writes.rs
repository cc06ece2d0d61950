//! The disk refuses what SQLite writes, in the middle of a commit and while the log is copied into the database.
//!
//! A service in a process of its own is put under a limit of how long its files may grow. That asks for no right and no
//! file system of its own; the write fails with another number than on a full disk (`EFBIG`), and SQLite does the same about both: it
//! undoes the transaction by itself.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use graph_mirror::sandbox::browser;
use graph_mirror::store::Store;
use serde_json::{Value, json};

use crate::app::processes::{
    Process, connect, free_port, program, run, sandbox, store_in, until, with_settings,
};

/// What a process has said so far.
type Log = Arc<Mutex<String>>;

/// The service, told that a file that is too long is an error and no reason to end.
fn serve(folder: &Path, port: u16, control: &str) -> (Process, Log) {
    let mut command = Command::new("sh");
    command
        .env_clear()
        .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#])
        .arg(program().get_program())
        .arg("serve")
        .env("POLL_INTERVAL", "1s")
        .env("POLL_INTERVAL_WITHOUT_PUSH", "1s");
    with_settings(&mut command, folder, port, control);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let log = Log::default();
    let (stderr, kept) = (child.stderr.take(), Arc::clone(&log));
    let stderr = BufReader::new(stderr.expect("its log is ours"));
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let mut log = kept.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
    (Process(child), log)
}

fn says(log: &Log, text: &str) -> bool {
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.contains(text)
}

/// How many bytes the files of a process may be long.
fn limit(process: &Process, bytes: &str) {
    let status = Command::new("prlimit")
        .arg(format!("--pid={}", process.0.id()))
        .arg(format!("--fsize={bytes}:"))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "prlimit fails");
}

async fn control(address: &str, body: &Value) {
    let client = reqwest::Client::builder().no_proxy().build();
    let answer = client
        .expect("a client can be made")
        .post(address)
        .json(body)
        .send()
        .await
        .expect("the sandbox answers");
    assert_eq!(answer.status(), 200);
}

async fn feed_positions(store: &Store) -> i64 {
    let mailboxes = store.mailboxes_list(None).await;
    let mailboxes = mailboxes.expect("the database answers");
    mailboxes.iter().map(|mailbox| mailbox.feed_position).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_in_a_commit_and_in_a_checkpoint_is_made_good_once_it_can_be() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let (_sandbox, settings) = sandbox();
    let control_url = settings["control_url"].as_str().expect("it is named");
    let users = settings["users"].as_array().expect("there are some");
    let addresses = users.iter().map(|user| user["address"].as_str());
    let addresses: Vec<&str> = addresses.map(|one| one.expect("it is named")).collect();
    let (mut service, log) = serve(folder.path(), port, control_url);
    let ready = format!("http://127.0.0.1:{port}/readyz");
    until("the service", async || {
        browser::open(&ready)
            .await
            .is_ok_and(|page| page.status == 200)
    })
    .await;
    for address in &addresses {
        connect(address, folder.path(), port, control_url).await;
    }
    let store = store_in(folder.path()).await;
    until("the copy", async || {
        let mailboxes = store.mailboxes_list(None).await;
        let mailboxes = mailboxes.expect("the database answers");
        mailboxes
            .iter()
            .all(|mailbox| mailbox.backfilled_at.is_some())
    })
    .await;
    let log_length = std::fs::metadata(folder.path().join("mirror.db-wal")).map(|file| file.len());
    assert!(
        log_length.is_ok_and(|length| length > 16 << 20),
        "the write-ahead log is too short to be copied"
    );

    limit(&service, "65536");
    let edits = format!("{control_url}/mailboxes/{}/edits", addresses[0]);
    control(&edits, &json!({ "count": 30, "seed": 7 })).await;
    until("a refused notification", async || {
        says(&log, "could not make notifications durable")
    })
    .await;
    until("a transaction that could not be committed", async || {
        ["could not write a tick", "could not claim or release"]
            .iter()
            .any(|failure| says(&log, failure))
    })
    .await;
    until("a refused checkpoint", async || {
        says(&log, "could not copy the write-ahead log")
    })
    .await;
    assert!(says(&log, "disk I/O error"), "the log names no reason");
    let told = feed_positions(&store).await;
    limit(&service, "unlimited");
    control(&edits, &json!({ "count": 10, "seed": 8 })).await;

    // By the service itself: a command of the shell would serve the mailbox in its stead.
    until("a change that is written", async || {
        feed_positions(&store).await > told
    })
    .await;
    until("an equal mirror", async || {
        let verified = run(&["verify", "--json"], folder.path(), port, control_url);
        let text = String::from_utf8_lossy(&verified.stdout).into_owned();
        verified.status.success() && text.contains("\"equal\":true")
    })
    .await;
    let ended = service.0.try_wait().expect("it is our child");
    assert!(ended.is_none(), "the service ended: {ended:?}");
    assert!(!says(&log, "panicked"), "something panicked");
}
