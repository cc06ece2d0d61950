//! The API in process, around a store, with a sandbox behind it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use graph_mirror::api;
use graph_mirror::app::Parts;
use graph_mirror::config::{Environment, SandboxSettings, Settings};
use graph_mirror::model::ids::{ApiKeyId, MailboxId, Owner};
use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::model::time::{Clock, ManualClock};
use graph_mirror::sandbox::{Options, Sandbox};
use graph_mirror::secrets::{api_key_generate, hash};
use graph_mirror::store::{ApiKey, Priority, Store};
use secrecy::ExposeSecret;
use serde_json::Value;
use tower::ServiceExt;
use url::Url;

pub struct Bench {
    pub sandbox: Sandbox,
    pub parts: Parts,
    pub store: Store,
    pub clock: ManualClock,
    router: Router,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The problem's code; also checks that it is a problem, and that its status is the answer's.
    pub fn code(&self) -> String {
        assert_eq!(
            self.headers
                .get(header::CONTENT_TYPE)
                .map(axum::http::HeaderValue::as_bytes),
            Some(&b"application/problem+json"[..]),
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        problem["code"]
            .as_str()
            .expect("a problem has a code")
            .to_owned()
    }
}

impl Bench {
    /// Two people in a sandbox whose clock is the store's.
    pub async fn around(store: &Store, clock: &ManualClock) -> Self {
        Self::with(store, clock, |environment| environment).await
    }

    /// The same with other settings.
    pub async fn with(
        store: &Store,
        clock: &ManualClock,
        change: impl FnOnce(Environment) -> Environment,
    ) -> Self {
        let sandbox = Sandbox::start(Options {
            mailboxes: 2,
            messages: Some(12),
            clock: Some(clock.clone()),
            ..Options::default()
        })
        .await
        .expect("the sandbox starts");
        let told = serde_json::to_value(sandbox.settings()).expect("settings are JSON");
        let told: SandboxSettings = serde_json::from_value(told).expect("and have the shape");
        let environment = change(told.applied_to(Environment::of([("LISTEN", "127.0.0.1:8080")])));
        let settings = Settings::read(&environment).expect("the settings are right");
        let parts = Parts::around(settings, Arc::new(clock.clone()), store.clone())
            .expect("the parts fit together");
        Self {
            router: api::router(parts.api()),
            sandbox,
            parts,
            store: store.clone(),
            clock: clock.clone(),
        }
    }

    /// The same, with requests that wait for nothing.
    pub fn impatient(mut self) -> Self {
        let mut state = self.parts.api();
        state.patience = Duration::ZERO;
        self.router = api::router(state);
        self
    }

    /// A bearer key of this owner.
    pub async fn key(&self, owner: &str) -> String {
        let secret = api_key_generate();
        self.store
            .api_key_add(&ApiKey {
                id: ApiKeyId::generate(),
                owner: Owner::from(owner),
                key_hash: hash(secret.expose_secret()),
                label: None,
                created_at: self.clock.now(),
                revoked_at: None,
            })
            .await
            .expect("the key is kept");
        secret.expose_secret().to_owned()
    }

    pub async fn call(&self, method: Method, path: &str, key: Option<&str>, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request
            .body(Body::from(body.to_owned()))
            .expect("a request");
        self.send(request).await
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("a router answers");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.expect("a body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("text"),
        }
    }

    pub async fn get(&self, path: &str, key: &str) -> Answer {
        self.call(Method::GET, path, Some(key), "").await
    }

    pub async fn post(&self, path: &str, key: &str) -> Answer {
        self.call(Method::POST, path, Some(key), "").await
    }

    /// The address of one of the sandbox's people.
    pub fn address(&self, number: usize) -> String {
        self.sandbox.settings().users[number].address.clone()
    }

    /// Begins a sign-in; answers where to go.
    pub async fn begin(&self, key: &str, person: usize) -> Url {
        let address = self.address(person);
        let answer = self
            .get(
                &format!("/api/v1/integrations/microsoft/auth-url?login_hint={address}"),
                key,
            )
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let told = answer.json();
        let auth_url: Url = told["auth_url"]
            .as_str()
            .expect("an address")
            .parse()
            .expect("an address");
        let state = auth_url
            .query_pairs()
            .find(|(name, _)| name == "state")
            .map(|(_, state)| state);
        assert_eq!(told["state"].as_str(), state.as_deref());
        auth_url
    }

    /// Goes there as a browser would; answers the query of the way back.
    pub async fn consent(&self, auth_url: &Url) -> String {
        let browser = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        let answer = browser
            .get(auth_url.clone())
            .send()
            .await
            .expect("the sandbox answers");
        let location = answer.headers()[header::LOCATION]
            .to_str()
            .expect("text")
            .to_owned();
        let location: Url = location.parse().expect("an address");
        assert_eq!(location.path(), "/api/v1/integrations/microsoft/callback");
        location.query().expect("it has a query").to_owned()
    }

    /// Connects a mailbox the whole way; answers its id.
    pub async fn connect(&self, owner: &str, person: usize) -> MailboxId {
        let key = self.key(owner).await;
        let query = self.consent(&self.begin(&key, person).await).await;
        let page = self
            .call(
                Method::GET,
                &format!("/api/v1/integrations/microsoft/callback?{query}"),
                None,
                "",
            )
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let mailboxes = self
            .store
            .mailboxes_list(Some(&Owner::from(owner)))
            .await
            .expect("the store answers");
        let address = self.address(person);
        mailboxes
            .into_iter()
            .find(|mailbox| mailbox.address == address)
            .expect("the mailbox is connected")
            .id
    }

    /// Puts a mailbox into a state.
    pub async fn state(
        &self,
        mailbox: MailboxId,
        state: MailboxState,
        reason: Option<StateReason>,
    ) {
        let mut tx = self
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        tx.mailbox_state_set(mailbox, state, reason, self.clock.now())
            .await
            .expect("a write");
        tx.commit().await.expect("a commit");
    }

    /// Stands in for the home of a mailbox: the next command ends with this outcome. Answers what was wished.
    pub async fn fulfil(
        &self,
        mailbox: MailboxId,
        outcome: Result<Value, String>,
    ) -> graph_mirror::model::work::Wish {
        loop {
            let waiting = self
                .store
                .commands_waiting(mailbox)
                .await
                .expect("the store answers");
            if let Some(command) = waiting.into_iter().next() {
                let mut tx = self
                    .store
                    .write(Priority::Live)
                    .await
                    .expect("a transaction");
                tx.command_finish(mailbox, command.id, &outcome, self.clock.now())
                    .await
                    .expect("a write");
                tx.commit().await.expect("a commit");
                return command.wish;
            }
            tokio::task::yield_now().await;
        }
    }
}
