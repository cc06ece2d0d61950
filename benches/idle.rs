//! What the service keeps in memory with many connected mailboxes that have nothing to do.
//!
//! `cargo bench --bench idle`, options after `--`: `mailboxes=1000`. Sandbox and service are processes of their own; the figure is the
//! resident memory of the service after every mailbox was copied and given back.
#[path = "support/folder.rs"]
mod folder;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/table.rs"]
mod table;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use graph_mirror::model::time::SystemClock;
use graph_mirror::store::Store;
use serde_json::Value;

use folder::scratch;
use table::table;

/// The whole measurement takes no longer.
const PATIENCE: Duration = Duration::from_mins(20);

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() {
    let mailboxes = std::env::args()
        .filter_map(|argument| argument.strip_prefix("mailboxes=").map(str::to_owned))
        .find_map(|value| value.parse::<usize>().ok())
        .unwrap_or(1000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(run(mailboxes));
}

#[expect(
    clippy::too_many_lines,
    reason = "one story: start, connect, wait, measure"
)]
async fn run(mailboxes: usize) {
    let folder = scratch("idle");
    let program = env!("CARGO_BIN_EXE_graph-mirror");
    let mut sandbox = Command::new(program)
        .args([
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--messages",
            "5",
            "--json",
            "--mailboxes",
        ])
        .arg(mailboxes.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let stdout = sandbox.stdout.take().expect("its output is ours");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("it speaks");
    let _sandbox = Process(sandbox);
    let settings: Value = serde_json::from_str(&line).expect("its first line is one object");
    let control = settings["control_url"].as_str().expect("it is named");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port is free")
        .port();
    let url = format!("sqlite://{}", folder.join("mirror.db").display());
    let own = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&folder)
            .env("DATABASE_URL", &url)
            .env("LISTEN", format!("127.0.0.1:{port}"));
        command
    };
    let created = own(&["keys", "api", "create", "--owner", "bench"])
        .output()
        .expect("it runs");
    let key = String::from_utf8_lossy(&created.stdout)
        .split_whitespace()
        .last()
        .expect("a key is printed")
        .to_owned();
    let serving = own(&["serve", "--sandbox", control])
        .stderr(Stdio::null())
        .spawn();
    let serving = Process(serving.expect("the program starts"));
    let store = Store::open(&url, Arc::new(SystemClock))
        .await
        .expect("the database opens");
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client can be made");
    let base = format!("http://127.0.0.1:{port}");
    let began = Instant::now();
    while !client
        .get(format!("{base}/readyz"))
        .send()
        .await
        .is_ok_and(|page| page.status() == 200)
    {
        assert!(began.elapsed() < PATIENCE, "the service did not start");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let empty = resident(&serving);
    for user in settings["users"].as_array().expect("there are people") {
        let answer: Value = client
            .get(format!("{base}/api/v1/integrations/microsoft/auth-url"))
            .query(&[("login_hint", user["address"].as_str().expect("an address"))])
            .bearer_auth(&key)
            .send()
            .await
            .expect("the service answers")
            .json()
            .await
            .expect("it answers JSON");
        let landing = client
            .get(answer["auth_url"].as_str().expect("a link"))
            .send()
            .await
            .expect("the sign-in works");
        assert_eq!(landing.status(), 200, "the sign-in ends well");
    }
    loop {
        let known = store
            .mailboxes_list(None)
            .await
            .expect("the database answers");
        let done = known
            .iter()
            .filter(|mailbox| mailbox.backfilled_at.is_some() && mailbox.lease_until.is_none())
            .count();
        if done == mailboxes {
            break;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{done} of {mailboxes} mailboxes are idle"
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let lasted = began.elapsed();
    table(
        &[
            "mailboxes",
            "MB resident, none connected",
            "MB resident, all idle",
            "seconds to connect and copy all",
        ],
        &[vec![
            mailboxes.to_string(),
            empty,
            resident(&serving),
            format!("{:.0}", lasted.as_secs_f64()),
        ]],
    );
    store.close().await;
    drop(serving);
    let _ = std::fs::remove_dir_all(folder);
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn resident(process: &Process) -> String {
    format!("{:.0}", memory::resident(process.0.id()) as f64 / 1e6)
}
