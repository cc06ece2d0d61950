//! The profile `sandbox`, run as the stack says, with this machine in place of the containers: their names become addresses here,
//! and PostgreSQL is the one of the tests. Nothing is set that the stack does not set.

use std::collections::BTreeMap;
use std::process::Stdio;

use graph_mirror::model::time::SystemClock;
use graph_mirror::sandbox::browser;
use graph_mirror::store::{Backend, Store};
use serde_json::Value;

use super::compose::{filled, variables_of};
use super::files::{environment, words};
use crate::app::processes::{Process, free_port, program, until};
use crate::support::database::Database;

/// The names and ports of the stack, and what they are here.
struct Here {
    folder: tempfile::TempDir,
    stack: Value,
    replaced: Vec<(String, String)>,
}

impl Here {
    fn new(database: &str) -> Self {
        let (stack, _) = filled(&environment("deploy/compose/sandbox.env")).expect("all is set");
        let (service, sandbox) = (free_port(), free_port());
        let told = variables_of(&stack["services"]["graph-mirror"]);
        let url = told.into_iter().find(|(name, _)| name == "DATABASE_URL");
        let replaced = [
            (url.expect("it is set").1, database.to_owned()),
            (
                "sandbox.localhost:8090".to_owned(),
                format!("localhost:{sandbox}"),
            ),
            (
                "graph-mirror.localhost:8080".to_owned(),
                format!("localhost:{service}"),
            ),
            ("localhost:8080".to_owned(), format!("localhost:{service}")),
            ("0.0.0.0:8080".to_owned(), format!("127.0.0.1:{service}")),
            ("0.0.0.0:8090".to_owned(), format!("127.0.0.1:{sandbox}")),
            ("127.0.0.1:8090".to_owned(), format!("127.0.0.1:{sandbox}")),
        ];
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            stack,
            replaced: replaced.to_vec(),
        }
    }

    fn here(&self, text: &str) -> String {
        // The first that fits: a name may end in another one.
        self.replaced
            .iter()
            .find(|(there, _)| text.contains(there.as_str()))
            .map_or_else(
                || text.to_owned(),
                |(there, here)| text.replace(there, here),
            )
    }

    /// A command with the variables of a service of the stack.
    fn command(&self, service: &str, told: &[String]) -> std::process::Command {
        let variables = variables_of(&self.stack["services"][service]);
        let variables: BTreeMap<String, String> = variables
            .into_iter()
            .map(|(name, value)| (name, self.here(&value)))
            .collect();
        let mut command = program();
        command
            .args(told.iter().map(|word| self.here(word)))
            .envs(variables)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Starts a service of the stack.
    fn start(&self, service: &str) -> Process {
        let told = words(&self.stack["services"][service]["command"]);
        let child = self
            .command(service, &told)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        Process(child)
    }

    /// Waits until the healthcheck of a service says that it is well.
    async fn healthy(&self, service: &str) {
        let check = words(&self.stack["services"][service]["healthcheck"]["test"]);
        let told = &check[2..];
        until(&format!("the health of {service}"), async || {
            let ran = self.command(service, told).output().expect("it runs");
            ran.status.success()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_profile_mirrors_made_up_mailboxes_by_notifications_with_nothing_set() {
    let database = Database::create_empty(Backend::Postgres).await;
    let here = Here::new(&database.url);
    let _sandbox = here.start("sandbox");
    here.healthy("sandbox").await;
    let _service = here.start("graph-mirror");
    here.healthy("graph-mirror").await;

    let sandbox = here.here("http://sandbox.localhost:8090/sandbox/control/settings");
    let about = browser::open(&sandbox).await.expect("the sandbox answers");
    let about: Value = serde_json::from_str(&about.page).expect("settings are JSON");
    let person = about["users"][0]["address"].as_str().expect("an address");
    let told = [
        "mailboxes",
        "connect",
        "--owner",
        "me",
        "--no-browser",
        "--login-hint",
        person,
    ]
    .map(str::to_owned);
    let mut connecting = here.command("graph-mirror", &told);
    let mut connecting = connecting
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let stdout = connecting.stdout.take().expect("its output is ours");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)
        .expect("it speaks");
    let _connecting = Process(connecting);
    let landing = browser::open(line.trim()).await.expect("the page loads");
    assert_eq!(landing.status, 200, "{}", landing.page);
    assert!(
        landing.address.contains("/microsoft/callback"),
        "it did not come back: {}",
        landing.address
    );

    let store = Store::open(&database.url, std::sync::Arc::new(SystemClock))
        .await
        .expect("the database opens");
    until("the copy", async || {
        let mailboxes = store.mailboxes_list(None).await;
        let mailboxes = mailboxes.expect("the database answers");
        mailboxes
            .iter()
            .any(|mailbox| mailbox.backfilled_at.is_some())
    })
    .await;
    let mailbox = store.mailboxes_list(None).await.expect("it answers")[0].id;
    // The sandbox has reached the service under the name it was given: an address that does not echo gets no subscription.
    until("subscriptions", async || {
        let subscriptions = store.subscriptions_list(mailbox).await;
        let subscriptions = subscriptions.expect("the database answers");
        subscriptions.iter().any(|one| one.graph_id.is_some())
    })
    .await;
    store.close().await;
}
