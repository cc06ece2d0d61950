//! Every block of shell of the guides and the README is run. The sandbox stands in for the tenant.

use serde_json::Value;
use url::Url;

use super::blocks::{Kind, blocks, documents};
use super::session::{Session, runs_typescript};
use crate::cli::run::{KEY, Running, Shell, begin, line};
use crate::support::database::Database;
use graph_mirror::store::Backend;

const OF_THE_SANDBOX: &str = "docs/guides/ten-minutes-sandbox.md";
const OF_A_TENANT: &str = "docs/guides/ten-minutes-tenant.md";
const FIRST: &str = "docs/guides/entra-app.md";
const LAST: &str = "docs/guides/from-your-application.md";

/// A Microsoft that stands in for the real one, and a session whose settings lead to it.
fn tenant() -> (Running, Session) {
    let shell = Shell::new();
    let arguments = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--mailboxes",
        "1",
        "--messages",
        "25",
        "--json",
    ];
    let (running, mut out) = begin(&shell, &arguments);
    let told = line(&mut out);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let session = Session::new()
        .with("GRAPH_BASE_URL", &text(&told["graph_base_url"]))
        .with("LOGIN_BASE_URL", &text(&told["login_base_url"]))
        .with("MICROSOFT_CLIENT_ID", &text(&told["client_id"]))
        .with("MICROSOFT_CLIENT_SECRET", &text(&told["client_secret"]))
        .with("MICROSOFT_TENANT_ID", &text(&told["tenant_id"]))
        .with("PERSON", &text(&told["users"][0]["address"]));
    (running, session)
}

#[test]
fn the_ten_minutes_on_the_sandbox_end_with_a_true_mirror() {
    let printed = Session::new().document(OF_THE_SANDBOX, false).run();

    assert!(printed.contains("is connected"), "{printed}");
    assert!(printed.contains("yes"), "{printed}");
}

#[test]
fn the_ten_minutes_on_a_tenant_end_with_rows() {
    let (_sandbox, session) = tenant();

    let printed = session.document(OF_A_TENANT, false).run();

    assert!(printed.contains("is connected"), "{printed}");
    assert!(printed.contains("is disconnected"), "{printed}");
}

#[test]
fn every_other_guide_and_the_readme_can_be_typed() {
    let (_sandbox, session) = tenant();
    let mut between = documents();
    between.retain(|document| ![OF_THE_SANDBOX, OF_A_TENANT, FIRST, LAST].contains(&&**document));

    let session = session
        .with("OAUTH_ENCRYPTION_KEY", KEY)
        .with(
            "MICROSOFT_WRITE_SCOPES",
            "Mail.ReadWrite Mail.Send Calendars.ReadWrite",
        )
        .document(FIRST, false);
    let session = between.iter().fold(session, |session, document| {
        session.document(document, false)
    });
    let printed = session.document(LAST, false).run();

    for told in [
        "is connected",
        "\"code\":\"unauthorized\"",
        "\"kind\":\"send\"",
        "\"kind\":\"create_event\"",
        "\"status\":\"done\"",
        "\"code\":\"idempotency_key_reused\"",
        "\"code\":\"state_unknown\"",
        "\"state\":\"disconnected\"",
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
    if runs_typescript() {
        for told in [
            "sent once",
            "replied: done",
            "invited: done",
            "called off: done",
        ] {
            assert!(printed.contains(told), "{told}: {printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_postgres_is_made_and_restored() {
    let database = Database::create(Backend::Postgres).await;
    let restored = Database::create_empty(Backend::Postgres).await;
    // libpq does not know what sqlx adds to an address.
    let plain = |url: &str| {
        let mut url = Url::parse(url).expect("an address");
        url.set_query(None);
        url
    };
    let name = |url: &Url| url.path().trim_start_matches('/').to_owned();
    let (from, to) = (plain(&database.url), plain(&restored.url));
    // The guide makes it; it is dropped by the one who owns the name.
    restored.clear().await;

    let printed = tokio::task::spawn_blocking(move || {
        Session::new()
            .with("DATABASE_URL", from.as_str())
            .with("RESTORED", &name(&to))
            .with("RESTORED_URL", to.as_str())
            .document("docs/guides/backup-and-restore.md", true)
            .run()
    })
    .await
    .expect("it does not panic");

    assert!(printed.contains("no mailbox is connected"), "{printed}");
}

#[test]
fn every_block_of_shell_has_its_place_in_a_session() {
    for document in documents() {
        for block in blocks(&document) {
            let is_postgres = block.kind() == Some(Kind::Postgres);
            assert!(
                !is_postgres || document == "docs/guides/backup-and-restore.md",
                "{}: nobody runs it",
                block.place
            );
        }
    }
}
