//! A process before it is the whole service: its database comes late, never, or is not for us; its volume cannot be written.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use graph_mirror::store::Backend;
use reqwest::Method;
use tempfile::TempDir;

use crate::app::processes::{free_port, until};
use crate::app::proxy::Proxy;
use crate::cli::run::{RIGHT, Ran, Shell};
use crate::support::database::Database;

/// A service and its log; it does not outlive the test.
struct Starting {
    child: Child,
    log: PathBuf,
    port: u16,
    _folder: TempDir,
}

impl Starting {
    fn on(database: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let port = free_port();
        let child = Command::new(env!("CARGO_BIN_EXE_graph-mirror"))
            .arg("serve")
            .current_dir(folder.path())
            .env_clear()
            .envs(RIGHT)
            .env("DATABASE_URL", database)
            .env("LISTEN", format!("127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log can be written"))
            .spawn()
            .expect("the program starts");
        Self {
            child,
            log,
            port,
            _folder: folder,
        }
    }

    async fn says(&self, what: &str) {
        until(what, async || self.log().contains(what)).await;
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// What an address answers, and when to come again.
    async fn answers(&self, method: Method, path: &str) -> (u16, bool) {
        let client = reqwest::Client::builder().no_proxy().build();
        let answer = client
            .expect("a client can be made")
            .request(method, format!("http://127.0.0.1:{}{path}", self.port))
            .send()
            .await
            .expect("it answers");
        let status = answer.status().as_u16();
        (status, answer.headers().contains_key("retry-after"))
    }

    fn health(&self) -> Ran {
        Shell::new()
            .with(&[("LISTEN", &format!("127.0.0.1:{}", self.port))])
            .run(&["health", "--json"])
    }

    async fn ends(&mut self) -> ExitStatus {
        let sent = Command::new("kill")
            .args(["-s", "TERM", &self.child.id().to_string()])
            .status();
        assert!(sent.expect("signals can be sent").success());
        let mut ended = None;
        until("its end", async || {
            ended = self.child.try_wait().expect("it is ours");
            ended.is_some()
        })
        .await;
        ended.expect("it has ended")
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_up_late_is_waited_for_and_nothing_is_ready_before() {
    let database = Database::create_empty(Backend::Postgres).await;
    let proxy = Proxy::to(&database.url).await;
    proxy.cut();
    let mut service = Starting::on(&proxy.url);

    service.says("waiting for the database").await;

    assert_eq!(service.answers(Method::GET, "/healthz").await.0, 200);
    for (method, path) in [
        (Method::GET, "/readyz"),
        (Method::GET, "/api/v1/mailboxes"),
        (Method::POST, "/webhooks/microsoft/notifications"),
    ] {
        // Graph comes again too.
        assert_eq!(service.answers(method, path).await, (503, true), "{path}");
    }
    let asked = service.health();
    assert_eq!(asked.code, 1, "{}", asked.out);
    assert_eq!(asked.json()["ready"], false);
    assert_eq!(asked.json()["status"], 503);
    assert!(!service.log().contains("listens on"), "{}", service.log());

    proxy.mend();
    service.says("listens on").await;
    until("readiness", async || service.health().code == 0).await;
    let log = service.log();
    assert!(log.contains("the database answers after"), "{log}");
    assert_eq!(log.matches("waiting for the database").count(), 1, "{log}");
    assert_eq!(service.health().well().json()["answer"]["status"], "ok");
    assert!(service.ends().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_waits_for_its_database_ends_when_it_is_told_to() {
    let mut service = Starting::on("postgres://anna:hidden@127.0.0.1:1/mirror");
    service.says("waiting for the database").await;

    assert!(service.ends().await.success());

    assert!(!service.log().contains("hidden"), "{}", service.log());
}

#[test]
fn the_wait_is_bounded_and_its_end_names_the_reason() {
    let shell = Shell::new().with(&RIGHT).with(&[
        ("DATABASE_URL", "postgres://anna:hidden@127.0.0.1:1/mirror"),
        ("LISTEN", "127.0.0.1:0"),
        ("DATABASE_WAIT", "1s"),
    ]);

    let ran = shell.run(&["serve"]);

    assert_eq!(ran.code, 1, "{}", ran.err);
    for word in [
        "error: the database could not be reached for 1 seconds",
        "refused",
        "hint: check DATABASE_URL",
        "DATABASE_WAIT",
    ] {
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
    assert!(!ran.err.contains("hidden"), "{}", ran.err);
}

#[tokio::test]
async fn what_waiting_does_not_mend_is_not_waited_for() {
    let database = Database::create_empty(Backend::Postgres).await;
    let mut unknown: url::Url = database.url.parse().expect("an address");
    unknown.set_path("/nowhere");
    let mut wrong: url::Url = database.url.parse().expect("an address");
    wrong.set_password(Some("hidden")).expect("it can have one");

    for (url, reason) in [(unknown, "nowhere"), (wrong, "password")] {
        let ran = Shell::new()
            .with(&RIGHT)
            .with(&[("DATABASE_URL", url.as_str()), ("LISTEN", "127.0.0.1:0")])
            .run(&["serve"]);

        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains(reason), "{}", ran.err);
        assert!(!ran.err.contains("waiting"), "{}", ran.err);
        assert!(!ran.err.contains("hidden"), "{}", ran.err);
    }
}

/// Runs the service in a folder that it may not write to. Who runs the tests as root gives that up for the child.
fn serve_without_rights(folder: &Path) -> Ran {
    let program = env!("CARGO_BIN_EXE_graph-mirror");
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt as _;
        own.uid() == 0
    });
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command
            .args(["--bounding-set=-all", "--inh-caps=-all", "--"])
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    let output = command
        .arg("serve")
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(RIGHT)
        .env("LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    Ran::of(&output)
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn a_volume_that_cannot_be_written_is_named_and_nothing_is_half_started() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    // There is no folder and none can be made; there is an empty one; there is one with a database of before.
    allow(folder.path(), 0o555);
    let missing = serve_without_rights(folder.path());
    allow(folder.path(), 0o755);
    fs::create_dir(&data).expect("a folder can be made");
    allow(&data, 0o555);
    let empty = serve_without_rights(folder.path());
    allow(&data, 0o755);
    let file = data.join("graph-mirror.db");
    let shell = Shell::new().with(&[("DATABASE_URL", &format!("sqlite://{}", file.display()))]);
    shell.run(&["migrate"]).well();
    let mut before = Vec::new();
    fs::File::open(&file)
        .and_then(|mut file| file.read_to_end(&mut before))
        .expect("it is there");
    allow(&data, 0o555);
    let full = serve_without_rights(folder.path());
    allow(&data, 0o755);
    allow(&file, 0o444);
    let kept = serve_without_rights(folder.path());

    for (ran, named) in [
        (missing, "data"),
        (empty, "data"),
        (full, "data"),
        (kept, "data/graph-mirror.db"),
    ] {
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(
            ran.err.contains(&format!("cannot write to {named}\n")),
            "{}",
            ran.err
        );
        assert!(ran.err.contains("Permission denied"), "{}", ran.err);
        assert!(ran.err.contains("mounted writable"), "{}", ran.err);
        assert!(!ran.err.contains("listens on"), "{}", ran.err);
    }
    assert_eq!(fs::read(&file).expect("it is there"), before);
    let left = fs::read_dir(&data).expect("it is there").count();
    assert_eq!(left, 1, "something was begun beside the database");
}
