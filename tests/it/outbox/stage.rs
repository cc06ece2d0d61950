//! A sandbox, a database, and a service that can be stopped in the middle of its work and started anew.

use std::sync::Arc;
use std::time::Duration;

use graph_mirror::app::{App, AppError, Parts, listen};
use graph_mirror::config::microsoft::CALLBACK_PATH;
use graph_mirror::config::{Environment, SandboxSettings, Settings};
use graph_mirror::home::HomeSettings;
use graph_mirror::model::ids::{ApiKeyId, MailboxId, Owner};
use graph_mirror::model::time::{Clock, SystemClock};
use graph_mirror::sandbox::{Options, Sandbox, browser};
use graph_mirror::secrets::{Keyring, api_key_generate, hash};
use graph_mirror::store::{ApiKey, Backend};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::database::Database;

/// Waits for a state no longer than this.
const PATIENCE: Duration = Duration::from_mins(2);

/// The permissions that everything here needs.
pub const ALL: &str = "Mail.ReadWrite,Mail.Send,Calendars.ReadWrite";

pub struct Stage {
    pub sandbox: Sandbox,
    pub parts: Parts,
    pub key: String,
    environment: Environment,
    http: reqwest::Client,
    running: Option<(CancellationToken, JoinHandle<Result<(), AppError>>)>,
    _database: Database,
    _folder: tempfile::TempDir,
}

pub struct Told {
    pub status: u16,
    pub location: Option<String>,
    pub body: Value,
}

impl Stage {
    /// Everything started and everybody connected, with consent to these scopes, while the service is configured for those.
    pub async fn open(scopes: &str, knobs: &Value) -> Self {
        let database = Database::create(Backend::Sqlite).await;
        let folder = tempfile::tempdir().expect("a folder is made");
        let sandbox = Sandbox::start(Options {
            messages: Some(30),
            mailboxes: 2,
            ..Options::default()
        })
        .await
        .expect("the sandbox starts");
        sandbox.world().turn_knobs(knobs).expect("the knobs exist");
        let told = serde_json::to_string(sandbox.settings()).expect("settings are JSON");
        let told: SandboxSettings = serde_json::from_str(&told).expect("settings are JSON");
        let environment = told.applied_to(Environment::of([
            ("DATABASE_URL", database.url.clone()),
            ("OAUTH_ENCRYPTION_KEY", Keyring::generate_key()),
            ("MICROSOFT_WRITE_SCOPES", scopes.to_owned()),
            ("BLOBS_URL", folder.path().display().to_string()),
        ]));
        let mut stage = Self {
            parts: parts(&sandbox, &environment, "127.0.0.1:1").await,
            sandbox,
            key: String::new(),
            environment,
            http: reqwest::Client::builder().build().expect("a client"),
            running: None,
            _database: database,
            _folder: folder,
        };
        stage.start().await;
        stage.connect().await;
        let secret = api_key_generate();
        let key = ApiKey {
            id: ApiKeyId::generate(),
            owner: Owner::from("test"),
            key_hash: hash(secret.expose_secret()),
            label: None,
            created_at: stage.parts.clock.now(),
            revoked_at: None,
        };
        stage
            .parts
            .store
            .api_key_add(&key)
            .await
            .expect("the key is kept");
        secret.expose_secret().clone_into(&mut stage.key);
        stage
    }

    async fn connect(&self) {
        for user in &self.sandbox.settings().users {
            let owner = Owner::from("test");
            let begun = self.parts.sign_ins.begin(&owner, Some(&user.address));
            let begun = begun.await.expect("a sign-in begins");
            let landing = browser::open(begun.auth_url.as_str()).await;
            assert_eq!(landing.expect("the page loads").status, 200);
        }
    }

    /// Starts the service, on the same database.
    pub async fn start(&mut self) {
        let listener = listen(([127, 0, 0, 1], 0).into())
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it listens").to_string();
        self.parts = parts(&self.sandbox, &self.environment, &address).await;
        let stop = CancellationToken::new();
        let app = App::of(self.parts.clone()).with_homes(HomeSettings {
            grace: Duration::ZERO,
            ..HomeSettings::default()
        });
        let serving = tokio::spawn(app.run(listener, stop.clone()));
        self.running = Some((stop, serving));
    }

    /// Stops it, and starts it anew with these permissions in its configuration.
    pub async fn start_asking_for(&mut self, scopes: &str) {
        self.halt().await;
        self.environment = self
            .environment
            .clone()
            .with("MICROSOFT_WRITE_SCOPES", scopes);
        self.start().await;
    }

    /// Stops it wherever it is: calls under way are dropped.
    pub async fn halt(&mut self) {
        if let Some((stop, serving)) = self.running.take() {
            stop.cancel();
            serving.await.expect("no panic").expect("it ends well");
        }
    }

    pub async fn mailbox(&self, index: usize) -> MailboxId {
        let address = &self.sandbox.settings().users[index].address;
        let all = self
            .parts
            .store
            .mailboxes_list(None)
            .await
            .expect("it answers");
        all.iter()
            .find(|one| one.address == *address)
            .expect("it is connected")
            .id
    }

    pub fn address(&self, index: usize) -> &str {
        &self.sandbox.settings().users[index].address
    }

    /// Asks the service.
    pub async fn ask(&self, method: Method, path: &str, key: Option<&str>, body: Value) -> Told {
        let header = key.map(|key| ("Idempotency-Key", key));
        self.ask_with(method, path, header, body).await
    }

    /// Asks the service for what is to happen only while the item is at this version.
    pub async fn ask_of(&self, version: &str, method: Method, path: &str, body: Value) -> Told {
        self.ask_with(method, path, Some(("If-Match", version)), body)
            .await
    }

    async fn ask_with(
        &self,
        method: Method,
        path: &str,
        header: Option<(&str, &str)>,
        body: Value,
    ) -> Told {
        let url = format!("http://{}{path}", self.parts.settings.server.listen);
        let mut request = self.http.request(method, url).bearer_auth(&self.key);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        request = match body {
            Value::Null => request,
            body => request.body(body.to_string()),
        };
        let response = request.send().await.expect("the service answers");
        let location = response.headers().get("location");
        Told {
            status: response.status().as_u16(),
            location: location.map(|place| place.to_str().expect("text").to_owned()),
            body: response.json().await.unwrap_or_default(),
        }
    }

    /// Asks the service for what must come to a good end now.
    pub async fn done(&self, method: Method, path: &str, body: Value) -> Value {
        let told = self
            .ask(method, &format!("{path}?wait=60"), None, body)
            .await;
        assert_eq!(told.status, 200, "{path}: {}", told.body);
        told.body
    }

    /// Sends bytes to be attached.
    pub async fn upload(&self, mailbox: MailboxId, name: &str, bytes: Vec<u8>) -> Value {
        let listen = self.parts.settings.server.listen;
        let url = format!("http://{listen}/api/v1/mailboxes/{mailbox}/uploads?name={name}");
        let request = self.http.post(url).bearer_auth(&self.key).body(bytes);
        let response = request.send().await.expect("the service answers");
        response.json().await.expect("it is JSON")
    }

    /// Asks Graph itself, as one of the people.
    pub async fn graph(&self, index: usize, path: &str) -> Value {
        let scopes = ["Mail.ReadWrite", "Calendars.ReadWrite"];
        let token = self
            .sandbox
            .world()
            .issue_token(Some(self.address(index)), &scopes);
        let url = format!("{}/v1.0{path}", self.sandbox.settings().graph_base_url);
        let request = self.http.get(url).bearer_auth(token.expect("a token"));
        let request = request.header("Prefer", "IdType=\"ImmutableId\"");
        let response = request.send().await.expect("the sandbox answers");
        response.json().await.expect("it is JSON")
    }

    /// Everything in a folder.
    pub async fn folder(&self, index: usize, folder: &str) -> Vec<Value> {
        let path = format!("/me/mailFolders/{folder}/messages?$top=500");
        let page = self.graph(index, &path).await;
        page["value"].as_array().expect("a page").clone()
    }

    /// The first answer of these calls is lost, and a second call would be refused.
    pub fn lose_once(&self, method: &str, path: &str) {
        self.fault(json!({"method": method, "path": path, "lose": true, "times": 1}));
        self.fault(json!({"method": method, "path": path, "status": 400, "times": 1}));
    }

    pub fn fault(&self, rule: Value) {
        let rule = serde_json::from_value(rule).expect("a rule");
        self.sandbox.world().set_fault(rule).expect("it is taken");
    }

    /// How many commands of a mailbox have ended.
    pub async fn waiting(&self, mailbox: MailboxId) -> usize {
        let waiting = self.parts.store.commands_waiting(mailbox).await;
        waiting.expect("it answers").len()
    }

    pub async fn until(&self, what: &str, mut state: impl AsyncFnMut() -> bool) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while !state().await {
            assert!(tokio::time::Instant::now() < until, "{what} did not come");
            SystemClock.sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until nothing is to be written any more.
    pub async fn written(&self, mailbox: MailboxId) {
        self.until("the end of all commands", async || {
            self.waiting(mailbox).await == 0
        })
        .await;
    }

    pub async fn close(mut self) {
        self.halt().await;
        self.sandbox.stop().await;
    }
}

async fn parts(sandbox: &Sandbox, environment: &Environment, address: &str) -> Parts {
    let environment = environment.clone().with("LISTEN", address).with(
        "MICROSOFT_REDIRECT_URI",
        format!("http://{address}{CALLBACK_PATH}").as_str(),
    );
    let settings = Settings::read(&environment).expect("the settings hold");
    Parts::open(settings, Arc::new(sandbox.clock()))
        .await
        .expect("the database opens")
}

/// Somebody to write to.
pub fn to(address: &str) -> Value {
    json!([{ "address": address }])
}

/// An id as a part of a path.
pub fn escaped(id: &Value) -> String {
    let id = id.as_str().expect("an id");
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}
