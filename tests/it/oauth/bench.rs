//! A store, a vault and a token endpoint that answers as the test tells it.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures_util::stream;
use graph_mirror::graph::{Graph, GraphSettings};
use graph_mirror::mailboxes::Connections;
use graph_mirror::model::ids::{GraphId, MailboxId, Owner};
use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::{Clock, ManualClock, SharedClock, Timestamp};
use graph_mirror::oauth::{Keepers, OauthSettings, Platform, SignIns};
use graph_mirror::secrets::{Keyring, Label, Vault};
use graph_mirror::store::{Grant, NewGrant, NewMailbox, Priority, Store};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::graph::fake::{Asked, Fake, answer, raw};

pub struct Bench {
    pub fake: Fake,
    pub clock: ManualClock,
    pub store: Store,
    pub vault: Vault,
    pub platform: Platform,
    pub graph: Graph,
    _folder: TempDir,
}

impl Bench {
    /// With a token endpoint, and a Graph on the same host, that answer by `answer`.
    pub async fn start<F>(answer: F) -> Self
    where
        F: Fn(usize, &Asked) -> Response + Clone + Send + Sync + 'static,
    {
        let fake = Fake::start(answer).await;
        let now = Timestamp::from_timestamp(1_800_000_000, 0).expect("an instant");
        let clock = ManualClock::standing_at(now);
        let shared: SharedClock = Arc::new(clock.clone());
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = Store::open(&url, Arc::clone(&shared))
            .await
            .expect("a database");
        store.migrate().await.expect("a schema");
        let settings = OauthSettings {
            client_id: "client".to_owned(),
            client_secret: SecretString::from("secret of the app"),
            tenant: "common".to_owned(),
            redirect_uri: "https://mirror.example/callback"
                .parse()
                .expect("an address"),
            login_base_url: fake.url.clone(),
        };
        let platform = Platform::new(&settings, Arc::clone(&shared)).expect("a client");
        let graph = Graph::new(&GraphSettings::new(fake.url.clone()), shared).expect("a client");
        Self {
            fake,
            clock,
            store,
            vault: Vault::new(&Keyring::generate()),
            platform,
            graph,
            _folder: folder,
        }
    }

    pub fn keepers(&self) -> Keepers {
        Keepers::new(
            self.platform.clone(),
            self.store.clone(),
            self.vault.clone(),
        )
    }

    pub fn connections(&self) -> Connections {
        let sign_ins = SignIns::new(
            self.platform.clone(),
            self.graph.clone(),
            self.store.clone(),
            self.vault.clone(),
        );
        let clock = Arc::new(self.clock.clone());
        Connections::new(sign_ins, self.store.clone(), self.vault.clone(), clock)
    }

    /// A connected mailbox whose access token `access-0` ends in so many seconds.
    pub async fn mailbox(&self, seconds: i64) -> MailboxId {
        let now = self.clock.now();
        let user_id = GraphId::from("user-1");
        let new = NewMailbox {
            owner: owner(),
            user_id: user_id.clone(),
            tenant_id: None,
            address: "anna@example.org".to_owned(),
            display_name: None,
        };
        let mut tx = self
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        let (mailbox, _) = tx.mailbox_connect(&new, now).await.expect("a mailbox");
        let seal = |label: Label, text: &str| Some(self.vault.seal(&label, text));
        let grant = NewGrant {
            sealed_access_token: seal(Label::AccessToken(mailbox), "access-0"),
            sealed_refresh_token: seal(Label::RefreshToken(mailbox), "refresh-0"),
            access_expires_at: Some(now + chrono::TimeDelta::seconds(seconds)),
            scopes: "Mail.Read".to_owned(),
        };
        tx.grant_save(mailbox, &user_id, &grant, now)
            .await
            .expect("a grant");
        tx.commit().await.expect("committed");
        mailbox
    }

    pub async fn row(&self, mailbox: MailboxId) -> Mailbox {
        self.store
            .mailbox_get(mailbox)
            .await
            .expect("a database")
            .expect("a mailbox")
    }

    pub async fn grant(&self, mailbox: MailboxId) -> Grant {
        self.store
            .grant_get(mailbox)
            .await
            .expect("a database")
            .expect("a grant")
    }

    /// The stored refresh token, opened.
    pub async fn refresh_token(&self, mailbox: MailboxId) -> String {
        let sealed = self
            .grant(mailbox)
            .await
            .sealed_refresh_token
            .expect("a token");
        self.vault
            .open(&Label::RefreshToken(mailbox), &sealed)
            .expect("it opens")
            .expose_secret()
            .to_owned()
    }
}

pub fn owner() -> Owner {
    Owner::from("alice")
}

/// Tokens numbered `number`, good for an hour.
pub fn tokens(number: usize) -> Value {
    json!({
        "token_type": "Bearer",
        "expires_in": 3_600,
        "scope": "Mail.Read",
        "access_token": format!("access-{number}"),
        "refresh_token": format!("refresh-{number}"),
    })
}

/// A refusal as the platform sends it (F1.13).
pub fn refused(status: u16, error: &str, code: u32) -> Response {
    answer(
        status,
        &json!({
            "error": error,
            "error_description": format!("AADSTS{code}: No.\r\nTrace ID: x"),
            "error_codes": [code],
            "timestamp": "2026-01-09 02:02:12Z",
            "trace_id": "t",
            "correlation_id": "c",
        }),
    )
}

/// A good answer whose last byte comes only when `until` has ended.
pub fn held(body: &Value, until: impl Future<Output = ()> + Send + 'static) -> Response {
    let text = body.to_string();
    let whole = stream::once(async move {
        until.await;
        Ok::<_, std::io::Error>(text)
    });
    raw(
        200,
        &[("content-type", "application/json")],
        Body::from_stream(whole),
    )
}

/// A value of the form that was posted.
pub fn form(asked: &Asked, name: &str) -> String {
    url::form_urlencoded::parse(asked.body.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
