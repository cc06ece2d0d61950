//! The whole way through the sandbox's identity service: out, back, refresh, revocation.

use std::sync::Arc;
use std::time::Duration;

use graph_mirror::graph::{Advice, Graph, GraphSettings, MailboxGraph, TokenSource};
use graph_mirror::mailboxes::Connections;
use graph_mirror::model::ids::{GraphId, Owner};
use graph_mirror::model::time::{ManualClock, SharedClock};
use graph_mirror::model::work::Lane;
use graph_mirror::oauth::{Callback, Keepers, OauthSettings, Platform, SignIns};
use graph_mirror::sandbox::{Options, Sandbox};
use graph_mirror::secrets::{Keyring, Vault};
use graph_mirror::store::Store;
use secrecy::SecretString;

use crate::graph::fake::CountingGate;

#[tokio::test]
async fn a_mailbox_of_the_sandbox_is_connected_and_kept_connected() {
    let clock = ManualClock::running();
    let sandbox = Sandbox::start(Options {
        mailboxes: 1,
        messages: Some(3),
        clock: Some(clock.clone()),
        ..Options::default()
    })
    .await
    .expect("a sandbox");
    let settings = sandbox.settings();
    let shared: SharedClock = Arc::new(clock.clone());
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let store = Store::open(&url, Arc::clone(&shared))
        .await
        .expect("a database");
    store.migrate().await.expect("a schema");
    let vault = Vault::new(&Keyring::generate());
    let platform = Platform::new(
        &OauthSettings {
            client_id: settings.client_id.clone(),
            client_secret: SecretString::from(settings.client_secret.clone()),
            tenant: "common".to_owned(),
            redirect_uri: "http://localhost:8080/callback"
                .parse()
                .expect("an address"),
            login_base_url: settings.login_base_url.parse().expect("an address"),
        },
        Arc::clone(&shared),
    )
    .expect("a client");
    let base = settings.graph_base_url.parse().expect("an address");
    let graph = Graph::new(&GraphSettings::new(base), Arc::clone(&shared)).expect("a client");
    let sign_ins = SignIns::new(
        platform.clone(),
        graph.clone(),
        store.clone(),
        vault.clone(),
    );
    let connections = Connections::new(sign_ins, store.clone(), vault.clone(), shared);
    let user = settings.users.first().expect("a user");
    let owner = Owner::from("alice");

    let begun = connections
        .begin(&owner, Some(&user.address))
        .await
        .expect("begun");
    let back = browse(begun.auth_url.as_str()).await;
    let connected = connections
        .connect(&back, Some(&owner))
        .await
        .expect("connected");

    let row = store
        .mailbox_get(connected.mailbox)
        .await
        .expect("a database")
        .expect("a mailbox");
    assert_eq!(row.address, user.address);
    assert_eq!(row.user_id.as_str(), user.id);
    assert_eq!(row.tenant_id.as_deref(), Some(settings.tenant_id.as_str()));
    let keeper = Keepers::new(platform, store.clone(), vault).keeper(connected.mailbox);
    let first = keeper.token().await.expect("a token");
    let inbox = GraphId::from("inbox");
    let tokens = Arc::clone(&keeper) as Arc<dyn TokenSource>;
    let mailbox = MailboxGraph::new(
        graph,
        row.user_id,
        tokens,
        Arc::new(CountingGate::default()),
    );
    mailbox
        .folder(Lane::Command, &inbox)
        .await
        .expect("the mailbox answers");
    clock.advance(Duration::from_hours(2));
    mailbox
        .folder(Lane::Command, &inbox)
        .await
        .expect("with a fresh token it answers still");
    let second = keeper.token().await.expect("a token");
    assert_ne!(first, second);

    let unknown = mailbox
        .message(Lane::Live, &"nothing".into())
        .await
        .expect_err("there is no such message");
    assert!(
        matches!(unknown.advice(), Advice::Gone | Advice::Bug),
        "{unknown:?}"
    );
    sandbox.stop().await;
}

/// What a browser does: it follows to the sign-in page and is sent back.
async fn browse(auth_url: &str) -> Callback {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let response = browser.get(auth_url).send().await.expect("a page");
    let back = response
        .headers()
        .get("location")
        .and_then(|value| value.to_str().ok())
        .expect("the hint names a user, so consent is given at once");
    let back = url::Url::parse(back).expect("an address");
    let value = |name: &str| {
        back.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    Callback {
        code: value("code"),
        state: value("state").unwrap_or_default(),
        error: value("error"),
        error_description: value("error_description"),
    }
}
