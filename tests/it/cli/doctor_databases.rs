//! `graph-mirror doctor` about databases: what is wrong with one is named, and what `--fix` mends there is mended once.

use std::sync::Arc;

use chrono::TimeDelta;
use graph_mirror::model::ids::Owner;
use graph_mirror::model::time::{Clock, SystemClock};
use graph_mirror::model::work::Wish;
use graph_mirror::store::{Backend, MailboxMark, NewMailbox, Priority, Store};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor};

use super::doctor::{examine, text};
use super::run::RIGHT;
use crate::support::database::Database;

/// Settings that lead to no network, for what is only about the database.
fn at(database: &str) -> Vec<(&'static str, String)> {
    let mut variables: Vec<_> = RIGHT
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    variables.push(("DATABASE_URL", database.to_owned()));
    // Nobody listens there.
    variables.push(("LISTEN", "127.0.0.1:1".to_owned()));
    variables
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_as_it_should_be_is_named_with_what_is_wrong_with_it() {
    let offline = async |url: &str, more: &[&str]| {
        let arguments = [&["--offline"], more].concat();
        examine(&at(url), &[], &arguments).await
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("data/mirror.db");
    let missing = format!("sqlite://{}", file.display());

    let none = offline(&missing, &[]).await;
    assert_eq!((none.code, none.first().1.as_str()), (0, "missing"));
    assert!(!file.exists(), "a look made it");
    let made = offline(&missing, &["--fix"]).await;
    assert!(file.exists());
    assert_eq!(made.code, 0, "{made:#?}");
    assert!(text(made.of_check("schema")[0], "fixed").starts_with("migrated from version 0"));
    assert_eq!(made.first().1, "not_running");
    offline(&missing, &["--fix"]).await.mended_nothing();

    let mut beside = SqliteConnection::connect(&missing).await.expect("it opens");
    beside
        .execute("INSERT INTO _sqlx_migrations VALUES (999, 'later', '2026-01-01', 1, x'00', 1)")
        .await
        .expect("a row");
    let newer = offline(&missing, &["--fix"]).await;
    newer.names("schema", "newer");
    newer.leaves_out(&["writes", "keys", "service", "lag"], "schema");
    beside
        .execute("DELETE FROM _sqlx_migrations WHERE version > 5")
        .await
        .expect("rows");
    offline(&missing, &[]).await.names("schema", "older");
    drop(beside);

    let away = offline("postgres://anna:hidden@127.0.0.1:1/mirror", &[]).await;
    away.names("database", "unreachable");
    assert!(!text(away.of_check("database")[0], "found").contains("hidden"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_cleared_away_and_what_is_behind_is_mended_once() {
    let database = Database::create(Backend::Sqlite).await;
    let store = Store::open(&database.url, Arc::new(SystemClock))
        .await
        .expect("it opens");
    let ago = |age| SystemClock.now() - age;
    let (day, hours) = (TimeDelta::days(1), TimeDelta::hours(3));
    let tick = async |schedule: &str, at| {
        let taken = store.ticks_take(schedule, at, at).await;
        assert!(taken.expect("a row"));
    };
    // A service on another machine: its schedules fire, all but one, which cleared away last before what has now served its time.
    tick("due", ago(TimeDelta::zero())).await;
    tick("upkeep", ago(hours)).await;
    tick("upkeep", ago(day * 31)).await;
    let new = NewMailbox {
        owner: Owner::from("test"),
        user_id: "user".into(),
        tenant_id: None,
        address: "anna@contoso.example".to_owned(),
        display_name: None,
    };
    let (mailbox, _) = store
        .mailbox_connect(&new, ago(day * 40))
        .await
        .expect("it connects");
    let done = async |at| {
        let wish = Wish::Verify { repair: false };
        let command = store.command_add(mailbox, &wish, at).await.expect("a row");
        let mut tx = store.write(Priority::Live).await.expect("it begins");
        let outcome = Ok(Value::Null);
        tx.command_finish(mailbox, command, &outcome, at)
            .await
            .expect("a row");
        tx.commit().await.expect("it holds");
        command
    };
    let (old, young) = (done(ago(day * 31)).await, done(ago(day)).await);
    let marks = [
        MailboxMark::BackfilledAt(ago(day * 39)),
        MailboxMark::SyncedAt(ago(day * 2)),
    ];
    let marked = store.mailbox_mark(mailbox, &marks, ago(day * 2)).await;
    marked.expect("a row");
    let fix = async || examine(&at(&database.url), &[], &["--offline", "--fix"]).await;
    let is_there = async |command| {
        let found = store.command_get(mailbox, command).await;
        found.expect("the database answers").is_some()
    };

    // Behind because the schedules have stopped: the cause is named, and what is safe is done about it.
    let pruned = fix().await;
    pruned.names("schedules", "stale");
    let told = pruned.of_check("schedules");
    assert_eq!(text(told[1], "code"), "pruned", "{told:#?}");
    assert_eq!(
        text(told[1], "fixed"),
        "did the clearing away that waited: 2 rows that had served their time"
    );
    assert!(!is_there(old).await && is_there(young).await);
    assert_eq!(store.ticks_newest().await.expect("rows").len(), 2);
    fix().await.mended_nothing();

    tick("upkeep", ago(TimeDelta::zero())).await;
    let only_look = examine(&at(&database.url), &[], &["--offline"]).await;
    assert_eq!(only_look.first().1, "behind", "{only_look:#?}");
    let waiting = async || {
        let waiting = store.commands_waiting(mailbox).await.expect("rows");
        waiting.into_iter().map(|one| one.wish).collect::<Vec<_>>()
    };
    assert!(waiting().await.is_empty(), "nobody asked for it");
    let asked = fix().await;
    let lag = asked.of_check("lag");
    assert_eq!(lag.len(), 1, "{lag:#?}");
    assert_eq!(
        text(lag[0], "fixed"),
        "asked the service for a look at it now"
    );
    assert_eq!(waiting().await, [Wish::Sync { full: false }]);
    let again = fix().await;
    again.mended_nothing();
    assert!(text(again.of_check("lag")[0], "advice").contains("asked for already"));
    assert_eq!(waiting().await.len(), 1, "it was asked for twice");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_privileges_is_told_which_it_lacks() {
    let database = Database::create(Backend::Postgres).await;
    let mut owner = PgConnection::connect(&database.url)
        .await
        .expect("it answers");
    let role = format!("gm_doctor_{}", uuid::Uuid::new_v4().simple());
    let mut url: url::Url = database.url.parse().expect("an address");
    url.set_username(&role).expect("a name fits");
    url.set_password(Some("hidden")).expect("a password fits");
    owner
        .execute(format!("CREATE ROLE {role} LOGIN PASSWORD 'hidden'").as_str())
        .await
        .expect("a role");
    let offline = async || examine(&at(url.as_str()), &[], &["--offline"]).await;

    let denied = offline().await;
    owner
        .execute(
            format!(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
            )
            .as_str(),
        )
        .await
        .expect("granted");
    let no_creation = offline().await;
    owner
        .execute(format!("GRANT CREATE ON SCHEMA public TO {role}; ALTER ROLE {role} SET default_transaction_read_only = on").as_str())
        .await
        .expect("granted");
    let read_only = offline().await;
    owner
        .execute(format!("DROP OWNED BY {role}; DROP ROLE {role}").as_str())
        .await
        .expect("the role goes");

    denied.names("privileges", "tables_denied");
    denied.leaves_out(&["schema", "writes", "keys"], "privileges");
    assert!(text(denied.of_check("privileges")[0], "advice").contains("GRANT"));
    no_creation.names("privileges", "create_denied");
    assert_eq!(
        text(read_only.of_check("privileges")[0], "code"),
        "not_owner"
    );
    let write = read_only.of_check("writes")[0];
    assert_eq!(
        (text(write, "code"), text(write, "severity")),
        ("read_only", "broken")
    );
}
