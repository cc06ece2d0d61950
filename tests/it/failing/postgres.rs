//! PostgreSQL fails under the service: the server crashes and comes back, every connection is cut again and again, the database
//! may only be read, its disk is full.

use std::collections::BTreeSet;
use std::time::Duration;

use graph_mirror::store::Backend;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};

use super::scene::{
    Postman, copied, edit, ends_equal, intake, refusal, service_on, status, warnings,
};
use crate::support::database::Database;
use server::Server;

#[path = "../../../benches/support/postgres.rs"]
mod server;

/// Somebody who works on the database beside the service.
struct Administrator {
    connection: PgConnection,
    /// The name of the database.
    name: String,
}

impl Administrator {
    async fn of(url: &str) -> Self {
        let connected = PgConnection::connect(url).await;
        let mut connection = connected.expect("the database answers");
        let name = sqlx::query_scalar("SELECT CAST(current_database() AS text)")
            .fetch_one(&mut connection)
            .await
            .expect("the database has a name");
        Self { connection, name }
    }

    async fn does(&mut self, statement: &str) {
        let done = self.connection.execute(statement).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    async fn texts(&mut self, statement: &str) -> Vec<String> {
        let rows = self.connection.fetch_all(statement).await;
        let rows = rows.unwrap_or_else(|error| panic!("{statement}: {error}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Has the database note, in the transaction that records it, every notification of a subscription that is not known: what
    /// stays unknown is thrown away after minutes, and here they pass quickly.
    async fn notes_what_is_recorded(&mut self) {
        self.does(
            "CREATE TABLE noted (external_id text);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO noted VALUES (NEW.external_id); RETURN NULL; END $$;
             CREATE TRIGGER note AFTER INSERT ON parked_notices FOR EACH ROW EXECUTE FUNCTION note()",
        )
        .await;
    }

    /// Fails unless each of these was recorded.
    async fn finds_all(&mut self, accepted: &[String]) {
        let noted = self.texts("SELECT external_id FROM noted").await;
        let noted: BTreeSet<&String> = noted.iter().collect();
        let lost: Vec<_> = accepted.iter().filter(|id| !noted.contains(id)).collect();
        assert!(lost.is_empty(), "accepted and lost: {lost:?}");
    }

    /// Ends every connection but this one; how many there were.
    async fn cuts(&mut self) -> usize {
        let cut = self.texts(
            "SELECT CAST(pg_terminate_backend(pid) AS text) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        cut.await.len()
    }

    /// The connections that wait for signals of other processes.
    async fn listening(&mut self) -> usize {
        let listening = self.texts(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        );
        listening.await.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_and_returns_costs_no_accepted_notification_and_no_row() {
    // M5
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .expect("a temporary folder");
    let server = Server::start(folder.path())
        .expect("no PostgreSQL server is installed: this test ends one of its own, install it (apt install postgresql)");
    let url = server.create("mirror");
    let rig = service_on(Database::at(url.clone()), 150).await;
    let mut administrator = Administrator::of(&url).await;
    administrator.notes_what_is_recorded().await;
    rig.connect().await;
    rig.copy_has_begun().await;
    let postman = Postman::start(&rig);

    server.end();
    edit(&rig, 10, 3);
    assert_eq!(intake(&rig).await, 503);
    assert_eq!(status(&rig, "/readyz").await, 503);
    assert_eq!(status(&rig, "/healthz").await, 200);
    server.begin();
    rig.until("readiness", async || status(&rig, "/readyz").await == 200)
        .await;
    copied(&rig).await;
    // Once more, while nothing but live changes is under way.
    edit(&rig, 10, 4);
    server.end();
    edit(&rig, 10, 5);
    server.begin();
    rig.until("an accepted notification", async || {
        intake(&rig).await == 202
    })
    .await;

    let (accepted, refused) = postman.stop().await;
    assert!(!accepted.is_empty() && refused > 0, "{refused} refused");
    Administrator::of(&url).await.finds_all(&accepted).await;
    ends_equal(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_again_and_again_cost_no_accepted_notification_and_no_row() {
    // So often that it takes a while, and no longer.
    const MOST: usize = 6;
    let database = Database::create(Backend::Postgres).await;
    let mut administrator = Administrator::of(&database.url).await;
    administrator.notes_what_is_recorded().await;
    let rig = service_on(database, 150).await;
    rig.connect().await;
    rig.copy_has_begun().await;
    let postman = Postman::start(&rig);
    let mailbox = rig.mailboxes().await[0].id;

    // Whenever the copy has come further.
    let (mut cuts, mut cut_at) = (0, 0);
    rig.until("the end of the copy", async || {
        rig.clock.advance(Duration::from_secs(1));
        let Ok(Some(now)) = rig.parts.store.mailbox_get(mailbox).await else {
            return false;
        };
        if cuts < MOST && now.backfilled_at.is_none() && now.feed_position > cut_at {
            cut_at = now.feed_position;
            cuts += usize::from(administrator.cuts().await > 0);
        }
        now.backfilled_at.is_some()
    })
    .await;
    assert!(cuts >= 3, "the copy was cut {cuts} times only");
    for seed in 0..5 {
        edit(&rig, 6, seed);
        rig.until("a connection", async || administrator.cuts().await > 0)
            .await;
        rig.clock.advance(Duration::from_secs(1));
    }

    let (accepted, _) = postman.stop().await;
    assert!(!accepted.is_empty(), "nothing was accepted");
    administrator.finds_all(&accepted).await;
    rig.until("the ear for other processes", async || {
        administrator.listening().await == 1
    })
    .await;
    ends_equal(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_only_be_read_for_a_while_is_written_again_afterwards() {
    let database = Database::create(Backend::Postgres).await;
    let mut administrator = Administrator::of(&database.url).await;
    let name = administrator.name.clone();
    let rig = service_on(database, 100).await;
    rig.connect().await;
    rig.copy_has_begun().await;

    administrator
        .does(&format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = on"
        ))
        .await;
    administrator.cuts().await;
    edit(&rig, 10, 3);
    assert_eq!(intake(&rig).await, 503);
    let why = refusal(&rig).await;
    assert!(why.contains("takes no writes"), "{why}");
    assert!(why.contains("read-only transaction"), "{why}");
    assert_eq!(warnings(&rig).await, ["database_not_writable"]);
    // Every home has found out, and every connection is one that may only read.
    rig.clock.advance(Duration::from_mins(1));
    rig.until("a refused delivery", async || {
        rig.sandbox.world().deliveries().waiting > 0
    })
    .await;
    // Connections that were made meanwhile stay as they are: nobody cuts them.
    administrator
        .does(&format!(
            "ALTER DATABASE {name} RESET default_transaction_read_only"
        ))
        .await;

    rig.until("an accepted notification", async || {
        intake(&rig).await == 202
    })
    .await;
    copied(&rig).await;
    rig.until("the end of the warning", async || {
        warnings(&rig).await.is_empty()
    })
    .await;
    ends_equal(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_postgres_is_waited_out() {
    // Every transaction that leaves a row behind fails when it is committed, as it does where the disk has no room for it.
    const FULL: &str = r#"
        CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'could not extend file "base/5/16412": No space left on device'
                USING ERRCODE = 'disk_full', HINT = 'Check free disk space.';
        END $$"#;
    let database = Database::create(Backend::Postgres).await;
    let mut administrator = Administrator::of(&database.url).await;
    let rig = service_on(database, 100).await;
    rig.connect().await;
    rig.copy_has_begun().await;

    administrator.does(FULL).await;
    let tables = administrator
        .texts("SELECT CAST(tablename AS text) FROM pg_tables WHERE schemaname = 'public'")
        .await;
    for table in &tables {
        let trigger = format!(
            "CREATE CONSTRAINT TRIGGER disk_is_full AFTER INSERT OR UPDATE ON {table}
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION disk_is_full()"
        );
        administrator.does(&trigger).await;
    }
    edit(&rig, 10, 3);
    assert_eq!(intake(&rig).await, 503);
    let why = refusal(&rig).await;
    assert!(why.contains("disk of the database is full"), "{why}");
    assert!(why.contains("No space left on device"), "{why}");
    rig.clock.advance(Duration::from_mins(1));
    rig.until("a refused delivery", async || {
        rig.sandbox.world().deliveries().waiting > 0
    })
    .await;
    administrator
        .does("DROP FUNCTION disk_is_full CASCADE")
        .await;

    copied(&rig).await;
    ends_equal(rig).await;
}
