//! `graph-mirror doctor`: all well, and each single thing broken alone is named first, with the way out.
//!
//! One sandbox and one service stand for many cases: what is broken is broken in what the command is told, or at Graph.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use graph_mirror::app::doctor::Check;
use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::Clock;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::commands::Which;
use graph_mirror::secrets::Keyring;
use graph_mirror::store::{Backend, NewGrant};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::run::{RIGHT, Ran, Running, Shell};
use crate::app::rig::Rig;
use crate::graph::fake::{Fake, raw};

/// What the command found.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) code: i32,
    pub(super) findings: Vec<Value>,
}

impl Examined {
    pub(super) fn of(output: &Output) -> Self {
        let ran = Ran::of(output);
        let told = ran.json();
        Self {
            code: ran.code,
            findings: told["findings"]
                .as_array()
                .expect("there are findings")
                .clone(),
        }
    }

    /// The first line that somebody should look at: check, code and severity.
    pub(super) fn first(&self) -> (String, String, String) {
        let worse = |finding: &&Value| ["warning", "broken"].contains(&text(finding, "severity"));
        let first = self.findings.iter().find(worse);
        let first = first.unwrap_or_else(|| panic!("nothing is wrong: {self:#?}"));
        assert!(!text(first, "advice").is_empty(), "no way out: {first}");
        let own = |name| text(first, name).to_owned();
        (own("check"), own("code"), own("severity"))
    }

    /// Fails if anything was mended.
    pub(super) fn mended_nothing(&self) {
        let mended = self.findings.iter().find(|one| !one["fixed"].is_null());
        assert!(mended.is_none(), "{mended:#?}");
    }

    pub(super) fn of_check(&self, check: &str) -> Vec<&Value> {
        let of_check = |finding: &&Value| text(finding, "check") == check;
        self.findings.iter().filter(of_check).collect()
    }

    /// Fails unless this is the first thing that is named, as broken.
    pub(super) fn names(&self, check: &str, code: &str) {
        assert_eq!(
            self.first(),
            (check.to_owned(), code.to_owned(), "broken".to_owned()),
            "{self:#?}"
        );
        assert_eq!(self.code, 1);
    }

    /// Fails unless these were left out, for the one reason.
    pub(super) fn leaves_out(&self, checks: &[&str], because: &str) {
        for check in checks {
            let found = self.of_check(check);
            assert_eq!(found.len(), 1, "{check}: {found:?}");
            assert_eq!(text(found[0], "severity"), "skipped");
            assert!(text(found[0], "found").contains(because), "{found:?}");
        }
    }
}

pub(super) fn text<'a>(finding: &'a Value, name: &str) -> &'a str {
    finding[name].as_str().unwrap_or_default()
}

/// The command with these variables.
fn doctor(variables: &[(&str, String)], arguments: &[&str]) -> Command {
    let mut all = vec!["doctor", "--json"];
    all.extend(arguments);
    let mut command = Shell::new().command(&all);
    let variables = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    command.current_dir(std::env::temp_dir()).envs(variables);
    command
}

/// Runs the command with these variables, some of them changed.
pub(super) async fn examine(
    variables: &[(&str, String)],
    changes: &[(&str, &str)],
    arguments: &[&str],
) -> Examined {
    let mut command = doctor(variables, arguments);
    command.envs(changes.iter().copied());
    tokio::task::spawn_blocking(move || Examined::of(&command.output().expect("the binary runs")))
        .await
        .expect("it does not panic")
}

/// The variables of a running service, as an operator has them in `.env`.
fn variables(rig: &Rig) -> Vec<(&'static str, String)> {
    let settings = &rig.parts.settings;
    let microsoft = &settings.microsoft;
    let base = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
    vec![
        ("MICROSOFT_CLIENT_ID", microsoft.client_id.clone()),
        (
            "MICROSOFT_CLIENT_SECRET",
            microsoft.client_secret.expose_secret().to_owned(),
        ),
        ("MICROSOFT_TENANT_ID", microsoft.tenant.clone()),
        ("GRAPH_BASE_URL", base(&microsoft.graph_base_url)),
        ("LOGIN_BASE_URL", base(&microsoft.login_base_url)),
        (
            "OAUTH_ENCRYPTION_KEY",
            settings.encryption.keys[0].expose_secret().to_owned(),
        ),
        ("DATABASE_URL", settings.database.url.expose().to_owned()),
        ("LISTEN", settings.server.listen.to_string()),
        (
            "PUBLIC_URL",
            settings.server.public_url.base().unwrap_or_default(),
        ),
    ]
}

/// Where Graph posts, of the subscriptions it has.
fn posts_to(rig: &Rig) -> Vec<String> {
    let all = rig.sandbox.world().subscriptions();
    all.into_iter().map(|one| one.notification_url).collect()
}

/// A subscription of the person's that no row of ours knows.
async fn leave_behind(rig: &Rig, base: &str, change_type: &str, folder: &str, mark: &str) {
    let world = rig.sandbox.world();
    let person = &rig.sandbox.settings().users[0].id;
    let token = world
        .issue_token(Some(person), &["Mail.Read"])
        .expect("the person exists");
    let key = uuid::Uuid::now_v7().simple();
    let made = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
        .post(format!("{}/v1.0/subscriptions", rig.sandbox.settings().graph_base_url))
        .bearer_auth(token)
        .json(&json!({
            "changeType": change_type,
            "resource": format!("users/{person}/mailFolders('{folder}')/messages"),
            "notificationUrl": format!("{base}/webhooks/microsoft/notifications?s={key}{mark}"),
            "expirationDateTime": (Clock::now(&rig.clock) + chrono::TimeDelta::hours(1)).to_rfc3339(),
            "clientState": "x",
        }))
        .send()
        .await
        .expect("the sandbox answers");
    assert_eq!(made.status(), 201, "{:?}", made.text().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_and_each_single_thing_that_is_broken_is_named_first() {
    let options = Options {
        mailboxes: 1,
        messages: Some(3),
        events: false,
        ..Options::default()
    };
    let rig = Rig::start(Backend::Sqlite, options, json!({}), &[]).await;
    rig.connect().await;
    rig.copied().await;
    let mailbox = rig.mailboxes().await[0].clone();
    rig.until("trust in push", async || {
        rig.mailboxes().await[0].push_healthy
    })
    .await;
    let kept = tempfile::tempdir().expect("a temporary folder");
    let mut right = variables(&rig);
    right.push(("BLOBS_URL", kept.path().display().to_string()));
    let doctor = async |changes: &[(&str, &str)]| examine(&right, changes, &[]).await;
    let base = rig.parts.reach.present().expect("it has one");
    let subscribed = posts_to(&rig);

    let well = doctor(&[]).await;
    assert_eq!(well.code, 0, "{well:#?}");
    for check in Check::ALL {
        let found = well.of_check(&check.name());
        assert!(!found.is_empty(), "{check:?} was not looked at");
        assert!(
            found
                .iter()
                .all(|one| ["well", "note"].contains(&text(one, "severity"))),
            "{found:#?}"
        );
    }
    let tested = text(well.of_check("public_url")[0], "found").to_owned();
    assert!(
        tested.contains("a test subscription was made and removed again"),
        "{tested}"
    );
    assert_eq!(posts_to(&rig), subscribed, "the test subscription was left");
    let tried = text(well.of_check("contents")[0], "found").to_owned();
    assert!(tried.contains("gave them back and deleted them"), "{tried}");
    let left = files_below(kept.path());
    assert!(left.is_empty(), "a look left {left:?}");

    let secret = doctor(&[("MICROSOFT_CLIENT_SECRET", "abc8Q~wrong")]).await;
    secret.names("registration", "secret_wrong");
    assert!(text(secret.of_check("registration")[0], "found").contains("AADSTS7000215"));
    secret.leaves_out(
        &["grants", "public_url", "subscriptions", "lag"],
        "registration",
    );
    let tenant = doctor(&[(
        "MICROSOFT_TENANT_ID",
        "99999999-0000-4000-8000-000000000000",
    )])
    .await;
    tenant.names("registration", "tenant_unknown");

    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nowhere = format!("http://{}", free.local_addr().expect("it is bound"));
    drop(free);
    let unreachable = doctor(&[("PUBLIC_URL", &nowhere)]).await;
    unreachable.names("public_url", "unreachable");
    unreachable.leaves_out(&["subscriptions"], "public_url");
    let stranger = Fake::start(|_, _| raw(200, &[("content-type", "text/plain")], "hello")).await;
    let stranger = stranger.url.as_str().trim_end_matches('/').to_owned();
    doctor(&[("PUBLIC_URL", &stranger)])
        .await
        .names("public_url", "wrong_answer");
    let stale = doctor(&[("PUBLIC_URL", "https://mirror.invalid")]).await;
    stale.names("public_url", "unresolvable");
    assert_eq!(posts_to(&rig), subscribed, "a test subscription was left");

    let other = Keyring::generate_key();
    let lost = doctor(&[("OAUTH_ENCRYPTION_KEY", &other)]).await;
    lost.names("keys", "key_lost");
    assert_eq!(text(lost.of_check("keys")[0], "mailbox"), mailbox.address);

    lacking_a_scope(&rig, &right, &mailbox).await;
    mending(&rig, &right, &base).await;

    rig.clock.advance(Duration::from_mins(10));
    let clock = doctor(&[]).await;
    clock.names("clock", "off");
    let found = text(clock.of_check("clock")[0], "found").to_owned();
    assert!(found.contains("behind Graph's"), "{found}");
    let row = rig.mailboxes().await[0].clone();
    assert_eq!(row.state, mailbox.state, "a look changed the mailbox");
    rig.stop().await;
}

/// The files below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("it can be listed");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// The grant of the mailbox lacks a permission, and has it again afterwards.
async fn lacking_a_scope(rig: &Rig, right: &[(&str, String)], mailbox: &Mailbox) {
    let store = &rig.parts.store;
    let now = Clock::now(&rig.clock);
    let grant = store
        .grant_get(mailbox.id)
        .await
        .expect("the database answers");
    let grant = grant.expect("there is one");
    let with = |scopes: &str| NewGrant {
        sealed_access_token: grant.sealed_access_token.clone(),
        sealed_refresh_token: None,
        access_expires_at: grant.access_expires_at,
        scopes: scopes.to_owned(),
    };
    let less = with("openid profile User.Read Mail.Read");
    let saved = store
        .grant_rotate(mailbox.id, grant.rotation, &less, now)
        .await;
    assert!(saved.expect("the database answers"));

    let examined = examine(right, &[], &[]).await;

    examined.names("scopes", "scope_missing");
    let found = text(examined.of_check("scopes")[0], "found").to_owned();
    assert!(
        found.contains("Calendars.Read") && !found.contains("Mail.Read"),
        "{found}"
    );
    let whole = with(&grant.scopes);
    let saved = store
        .grant_rotate(mailbox.id, grant.rotation + 1, &whole, now)
        .await;
    assert!(saved.expect("the database answers"));
}

/// What was left at Graph is removed and what is missing there is made anew, and only when that is asked for.
async fn mending(rig: &Rig, right: &[(&str, String)], base: &str) {
    const MARK: &str = "&test=doctor";
    let count = |ending: &str| {
        let posts = posts_to(rig);
        posts.iter().filter(|url| url.ends_with(ending)).count()
    };
    // As an examination that was killed leaves one, and a database that was lost.
    leave_behind(rig, base, "deleted", "drafts", MARK).await;
    let before = count("");
    assert_eq!(examine(right, &[], &[]).await.code, 0);
    assert_eq!((count(MARK), count("")), (0, before - 1));

    leave_behind(rig, base, "created", "inbox", "").await;
    let found = examine(right, &[], &[]).await;
    let first = ["subscriptions", "left_at_graph", "warning"].map(str::to_owned);
    assert_eq!(found.first(), first.into(), "{found:#?}");
    assert_eq!(count(""), before, "nobody asked for it to be removed");
    let fixed = examine(right, &[], &["--fix"]).await;
    assert_eq!(
        text(fixed.of_check("subscriptions")[0], "fixed"),
        "removed 1 of 1"
    );
    assert_eq!(count(""), before - 1);
    examine(right, &[], &["--fix"]).await.mended_nothing();

    let ended = rig
        .sandbox
        .world()
        .end_subscriptions(&Which::default(), true);
    assert!(ended.expect("they are there") > 0);
    examine(right, &[], &[])
        .await
        .names("subscriptions", "missing_at_graph");
    let fixed = examine(right, &[], &["--fix"]).await;
    assert_eq!(fixed.code, 0, "{fixed:#?}");
    rig.until("new subscriptions", async || count("") == before - 1)
        .await;
    examine(right, &[], &["--fix"]).await.mended_nothing();
}

/// Where Graph posts for a test, as the sandbox's control interface tells.
async fn tests_at(control: &str) -> usize {
    let told = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
        .get(format!("{control}/subscriptions"))
        .send()
        .await
        .expect("the sandbox answers")
        .bytes()
        .await
        .expect("a whole answer");
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    let all = told["subscriptions"].as_array().expect("a list");
    let is_a_test = |one: &&Value| one.to_string().contains("test=doctor");
    all.iter().filter(is_a_test).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_examination_that_is_told_to_stop_takes_its_test_subscription_along() {
    /// Of the sandbox's clock, which the test moves on; less than whoever asks Graph waits for an answer.
    const HELD: u64 = 80_000;
    let options = Options {
        mailboxes: 1,
        messages: Some(1),
        events: false,
        ..Options::default()
    };
    let rig = Rig::start(Backend::Sqlite, options, json!({}), &[]).await;
    rig.connect().await;
    rig.copied().await;
    rig.until("trust in push", async || {
        rig.mailboxes().await[0].push_healthy
    })
    .await;
    let control = rig.sandbox.settings().control_url.clone();

    for signal in ["-INT", "-TERM"] {
        // Graph makes the next one and lets whoever asked for it wait for the answer.
        let fault = json!({
            "method": "POST", "path": "/subscriptions$", "times": 1, "hold_ms": HELD,
        });
        let fault = serde_json::from_value(fault).expect("a fault");
        rig.sandbox.world().set_fault(fault).expect("it is taken");
        let child = doctor(&variables(&rig), &[])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut examining = Running(child);
        rig.until("a test subscription", async || {
            tests_at(&control).await == 1
        })
        .await;
        let told = Command::new("kill")
            .args([signal, &examining.0.id().to_string()])
            .status();
        assert!(told.expect("kill runs").success());
        let errors = examining.0.stderr.take().expect("they are ours");
        let mut heard = String::new();
        // Kept until the end: it says more.
        let mut errors = BufReader::new(errors);
        errors.read_line(&mut heard).expect("it says something");
        assert!(heard.contains("ending after this look"), "{heard}");
        assert_eq!(tests_at(&control).await, 1, "it was not held");

        rig.clock.advance(Duration::from_millis(HELD));
        let mut out = String::new();
        let mut output = examining.0.stdout.take().expect("it is ours");
        output.read_to_string(&mut out).expect("text");
        let ended = examining.0.wait().expect("it ends");

        assert_eq!(ended.code(), Some(1), "{out}");
        assert_eq!(tests_at(&control).await, 0, "{signal}: it was left");
        let told: Value = serde_json::from_str(&out).expect("one JSON document");
        let findings = told["findings"].as_array().expect("a list").clone();
        let examined = Examined { code: 1, findings };
        let tested = text(examined.of_check("public_url")[0], "found");
        assert!(tested.contains("made and removed again"), "{tested}");
        examined.leaves_out(&["subscriptions", "lag"], "the examination was ended");
    }
    rig.stop().await;
}

#[test]
fn an_address_that_microsoft_cannot_use_is_a_matter_of_the_settings() {
    let shell = Shell::new()
        .with(&RIGHT)
        .with(&[("PUBLIC_URL", "http://mirror.example.org")]);

    let ran = shell.run(&["doctor"]);

    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    let mut lines = ran.out.lines();
    let first = lines.next().expect("a line");
    assert!(first.starts_with("BROKEN   settings"), "{first}");
    assert!(
        first.contains("https only") && first.contains("do: set it to an https"),
        "{first}"
    );
    assert!(
        ran.out.ends_with("broken: 1; begin with settings\n"),
        "{}",
        ran.out
    );
    let skipped = lines.filter(|line| line.starts_with("- ")).count();
    assert_eq!(skipped, Check::ALL.len() - 1, "{}", ran.out);
    assert!(
        !shell.folder().join("data").exists(),
        "a look made something"
    );
}

#[test]
fn a_place_for_contents_that_takes_nothing_is_named_and_what_is_never_kept_is_said() {
    let shell = Shell::new().with(&RIGHT).with(&[
        ("BLOBS_URL", "blobs/here"),
        ("ATTACHMENTS", "off"),
        ("KEEP_ORIGINALS", "false"),
    ]);
    let offline = || shell.run(&["doctor", "--offline"]);
    let told = |ran: &Ran, beginning: &str| {
        let mut lines = ran.out.lines().filter(|line| line.starts_with(beginning));
        lines.next().unwrap_or_default().to_owned()
    };

    let well = offline();
    assert_eq!(well.code, 0, "{}{}", well.out, well.err);
    let made = told(&well, "ok       contents");
    assert!(made.contains("blobs/here is made when"), "{}", well.out);
    let none = told(&well, "note     contents");
    assert!(none.contains("ATTACHMENTS is off"), "{}", well.out);
    assert!(!shell.folder().join("blobs").exists(), "a look made it");

    // A folder that may not be written to, for root as well.
    std::fs::write(shell.folder().join("blobs"), "no folder").expect("it is written");
    let ran = offline();

    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let broken = told(&ran, "BROKEN   contents");
    assert!(
        broken.contains("blobs/here cannot be used") && broken.contains("do: set BLOBS_URL"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.ends_with("broken: 1; begin with contents\n"),
        "{}",
        ran.out
    );
}
