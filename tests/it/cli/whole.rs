//! Sandbox, service and commands as processes of their own, as people run them.

use std::sync::Arc;

use graph_mirror::model::ids::{GraphId, Owner, SubscriptionKey};
use graph_mirror::model::mailbox::MailboxState;
use graph_mirror::model::time::{Clock as _, SystemClock};
use graph_mirror::model::work::{Subscription, SubscriptionScope, SubscriptionState};
use graph_mirror::store::{MailboxMark, NewMailbox, Priority, Store};
use serde_json::{Value, json};

use super::run::{Ran, Running, Shell, begin, free_port, line};

async fn run(shell: &Shell, arguments: &[&str]) -> Ran {
    let mut command = shell.command(arguments);
    tokio::task::spawn_blocking(move || Ran::of(&command.output().expect("the binary runs")))
        .await
        .expect("it does not panic")
}

/// A sandbox of its own process, and a shell whose commands listen on a free port.
struct Stage {
    _sandbox: Running,
    control: String,
    addresses: Vec<String>,
    shell: Shell,
}

impl Stage {
    fn set(mailboxes: &str) -> Self {
        let shell = Shell::new();
        let (running, mut out) = begin(
            &shell,
            &[
                "sandbox",
                "--listen",
                "127.0.0.1:0",
                "--mailboxes",
                mailboxes,
                "--messages",
                "25",
                "--json",
            ],
        );
        let told = line(&mut out);
        let users = told["users"].as_array().expect("there are people");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Self {
            _sandbox: running,
            control: text(&told["control_url"]),
            addresses: users.iter().map(|user| text(&user["address"])).collect(),
            shell: shell.with(&[("LISTEN", &format!("127.0.0.1:{}", free_port()))]),
        }
    }

    /// Runs a command that speaks to the sandbox.
    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--sandbox", &self.control]);
        run(&self.shell, &arguments).await
    }

    /// `mailboxes connect`, with the browser's part played here; answers what it says of the mailbox.
    async fn connect(&self, person: usize) -> Value {
        let (mut connecting, mut out) = begin(
            &self.shell,
            &[
                "mailboxes",
                "connect",
                "--owner",
                "anna",
                "--login-hint",
                &self.addresses[person],
                "--json",
                "--sandbox",
                &self.control,
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
        assert!(connecting.0.wait().expect("it ends").success());
        connected
    }

    /// The database that the commands use unless told otherwise.
    async fn store(&self) -> Store {
        let file = self.shell.folder().join("data/graph-mirror.db");
        let url = format!("sqlite://{}", file.display());
        Store::open(&url, Arc::new(SystemClock))
            .await
            .expect("the database opens")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_service_the_commands_connect_copy_and_verify_by_themselves() {
    let stage = Stage::set("1");
    let address = stage.addresses[0].as_str();

    let connected = stage.connect(0).await;
    assert_eq!(connected["address"], address);
    assert_eq!(connected["state"], "connected");

    let synced = stage.run(&["sync", "--json"]).await.well().json();
    assert_eq!(synced[0]["address"], address);
    let verified = stage.run(&["verify", "--json"]).await.well().json();
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

    let listed = run(&stage.shell, &["mailboxes", "list", "--json"]).await;
    let listed = listed.well().json();
    assert!(listed[0]["backfilled_at"].is_string(), "{listed}");
    stage
        .run(&["mailboxes", "disconnect", address])
        .await
        .well();
    let listed = run(&stage.shell, &["mailboxes", "list", "--json"]).await;
    let listed = listed.well().json();
    assert_eq!(listed[0]["state"], "disconnected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_stops_the_service_at_its_start_and_names_whose_grants_it_sealed() {
    let stage = Stage::set("1");
    stage.connect(0).await;
    let store = stage.store().await;
    let before = store.grants_list().await.expect("the store answers");
    let mailbox = store.mailboxes_list(None).await.expect("the store answers")[0].clone();
    let other = Shell::new()
        .run(&["keys", "generate"])
        .well()
        .out
        .trim()
        .to_owned();
    let mut command = stage.shell.command(&["serve", "--sandbox", &stage.control]);
    command.env("OAUTH_ENCRYPTION_KEY", other);

    let ran = tokio::task::spawn_blocking(move || Ran::of(&command.output().expect("it runs")))
        .await
        .expect("it does not panic");

    assert_eq!(ran.code, 1, "{}", ran.err);
    for told in [
        stage.addresses[0].as_str(),
        &mailbox.id.to_string(),
        "OAUTH_ENCRYPTION_KEY",
        "mailboxes disconnect ID",
    ] {
        assert!(ran.err.contains(told), "{told} is not named: {}", ran.err);
    }
    let after = store.grants_list().await.expect("the store answers");
    assert!(!before.is_empty());
    assert_eq!(after, before, "a grant was touched");
    let row = store.mailbox_get(mailbox.id).await;
    let row = row.expect("the store answers").expect("it is there");
    assert_eq!(row.state, MailboxState::Connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_is_not_given_the_grants_of_real_mailboxes() {
    let stage = Stage::set("1");
    run(&stage.shell, &["migrate"]).await.well();
    let store = stage.store().await;
    let now = SystemClock.now();
    let real = NewMailbox {
        owner: Owner::from("anna"),
        user_id: GraphId::from("user-1"),
        tenant_id: Some("11111111-2222-3333-4444-555555555555".to_owned()),
        address: "anna@contoso.example".to_owned(),
        display_name: None,
    };
    let (mailbox, _) = store.mailbox_connect(&real, now).await.expect("a write");

    for command in [
        &["serve"][..],
        &["sync"],
        &["verify"],
        &["mailboxes", "connect", "--owner", "anna"],
        &["mailboxes", "disconnect", "anna@contoso.example"],
    ] {
        let ran = stage.run(command).await;

        assert_eq!(ran.code, 1, "{command:?}: {}", ran.err);
        assert!(
            ran.err.contains("DATABASE_URL") && ran.err.contains("anna@contoso.example"),
            "{command:?}: {}",
            ran.err
        );
    }
    let row = store.mailbox_get(mailbox).await;
    let row = row.expect("the store answers").expect("it is there");
    assert_eq!(row.state, MailboxState::Connected);
    assert_eq!(row.lease_token, None, "somebody served it");
    let waiting = store.commands_waiting(mailbox).await;
    assert!(waiting.expect("the store answers").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_a_mailbox_leaves_the_subscriptions_of_the_others_alone() {
    let stage = Stage::set("2");
    stage.connect(0).await;
    let store = stage.store().await;
    let mailbox = store.mailboxes_list(None).await.expect("the store answers")[0].clone();
    let now = SystemClock.now();
    // A service at another address made it; where nobody is reached, a home would end it.
    let subscription = Subscription {
        key: SubscriptionKey::generate(),
        mailbox: mailbox.id,
        scope: SubscriptionScope::Messages,
        state: SubscriptionState::Active,
        graph_id: Some("graph-1".to_owned()),
        public_url: "https://mirror.example".to_owned(),
        expires_at: Some(now),
        renew_at: Some(now),
        not_before: None,
        failures: 0,
        created_at: now,
        touched_at: None,
        doubted_at: None,
        client_state_key: None,
    };
    let mut tx = store.write(Priority::Live).await.expect("a transaction");
    tx.subscription_save(&subscription).await.expect("saved");
    tx.mailbox_mark(mailbox.id, &[MailboxMark::WorkAt(now)], now)
        .await
        .expect("marked");
    tx.commit().await.expect("committed");
    let listed = || async {
        let list = store.subscriptions_list(mailbox.id).await;
        list.expect("the store answers")
    };
    let before = listed().await;

    let second = stage.connect(1).await;

    assert_eq!(second["state"], "connected");
    assert_eq!(before.len(), 1);
    assert_eq!(listed().await, before);
    for row in store.mailboxes_list(None).await.expect("the store answers") {
        assert_eq!(row.lease_token, None, "the command served a mailbox");
        assert_eq!(row.folders_at, None, "the command served a mailbox");
    }
}
