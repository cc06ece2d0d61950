//! A plain client of a sandbox of its own, for tests: real HTTP, one signed-in person at a time.

use std::time::Duration;

use graph_mirror::model::time::{Clock, ManualClock, Timestamp};
use graph_mirror::sandbox::world::UserId;
use graph_mirror::sandbox::{Options, Sandbox, UserSettings};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A sandbox and someone who calls it.
pub struct Client {
    pub sandbox: Sandbox,
    pub clock: ManualClock,
    http: reqwest::Client,
    token: String,
    user: usize,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Client {
    /// A sandbox whose clock stands, with few messages, and its first person signed in.
    pub async fn open() -> Self {
        Self::open_with(Options {
            messages: Some(20),
            ..Options::default()
        })
        .await
    }

    /// The same with other options; the clock stands unless they bring one.
    pub async fn open_with(mut options: Options) -> Self {
        let clock = options
            .clock
            .get_or_insert_with(|| ManualClock::standing_at(instant("2026-02-10T09:00:00Z")))
            .clone();
        let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client needs nothing");
        let mut client = Self {
            sandbox,
            clock,
            http,
            token: String::new(),
            user: 0,
        };
        client.sign_in(0);
        client
    }

    /// Runs calls that wait on the sandbox's clock, which stands until `requests` of them have come and goes on
    /// from then.
    pub async fn together<T>(&self, requests: u64, calls: impl Future<Output = T>) -> T {
        let asked = || self.sandbox.world().lock().stats.requests;
        let before = asked();
        tokio::pin!(calls);
        loop {
            tokio::select! {
                biased;
                done = &mut calls => return done,
                () = tokio::task::yield_now() => {
                    if asked() >= before + requests {
                        self.clock.advance(Duration::from_millis(1));
                    }
                }
            }
        }
    }

    /// A token of another application's own, for any mailbox.
    pub fn another_application(&self) -> String {
        let world = self.sandbox.world();
        let application = world
            .register_application("another".to_owned(), None)
            .expect("no tenant is named");
        world
            .issue_token_to(Some(&application.client_id), None, &["Mail.Read"])
            .expect("it is registered")
    }

    /// GET with a token of one's own choice.
    pub async fn get_as(&self, token: &str, path: &str) -> Answer {
        let url = format!("{}/v1.0{path}", self.sandbox.settings().graph_base_url);
        let request = self.http.get(url).bearer_auth(token);
        Answer::read(request.send().await.expect("the sandbox answers")).await
    }

    /// Goes on as the person at `index`.
    pub fn sign_in(&mut self, index: usize) {
        const SCOPES: &[&str] = &[
            "Mail.ReadWrite",
            "Mail.Send",
            "Calendars.ReadWrite",
            "User.Read",
        ];
        self.user = index;
        let user = UserId(self.person().id.clone());
        let mut state = self.sandbox.world().lock();
        self.token = state.identity.issue(Some(user), SCOPES, self.clock.now());
    }

    /// Who is signed in.
    pub fn person(&self) -> &UserSettings {
        &self.sandbox.settings().users[self.user]
    }

    /// Calls Graph; `path` is a path below `/v1.0` or a link.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}/v1.0{path}", self.sandbox.settings().graph_base_url)
        };
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::read(request.send().await.expect("the sandbox answers")).await
    }

    /// A call on an upload session: its address is all it brings. `None` when the answer is lost.
    pub async fn on_upload(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        bytes: &[u8],
    ) -> Option<Answer> {
        let mut request = self.http.request(method, url).body(bytes.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Some(Answer::read(request.send().await.ok()?).await)
    }

    /// POST whose answer may be lost.
    pub async fn post_or_lose(&self, path: &str, body: Value) -> Option<Answer> {
        let url = format!("{}/v1.0{path}", self.sandbox.settings().graph_base_url);
        let request = self.http.post(url).bearer_auth(&self.token).json(&body);
        let request = request.header("Prefer", "IdType=\"ImmutableId\"");
        Some(Answer::read(request.send().await.ok()?).await)
    }

    /// GET of bytes.
    pub async fn bytes(&self, path: &str) -> bytes::Bytes {
        let url = format!("{}/v1.0{path}", self.sandbox.settings().graph_base_url);
        let request = self.http.get(url).bearer_auth(&self.token);
        let answer = request.send().await.expect("the sandbox answers");
        answer.bytes().await.expect("the answer ends")
    }

    /// Sets a fault.
    pub fn fault(&self, rule: Value) {
        let rule = serde_json::from_value(rule).expect("it is a rule");
        let set = self.sandbox.world().set_fault(rule);
        set.expect("the rule is taken");
    }

    /// GET with immutable ids.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, "IdType=\"ImmutableId\"").await
    }

    /// GET with preferences of its own.
    pub async fn get_with(&self, path: &str, prefer: &str) -> Answer {
        self.send(Method::GET, path, &[("Prefer", prefer)], None)
            .await
    }

    /// POST with immutable ids.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        let prefer = [("Prefer", "IdType=\"ImmutableId\"")];
        self.send(Method::POST, path, &prefer, Some(body)).await
    }

    /// PATCH with immutable ids.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        let prefer = [("Prefer", "IdType=\"ImmutableId\"")];
        self.send(Method::PATCH, path, &prefer, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// Every item of a round or list, page by page, and its last page.
    pub async fn walk(&self, path: &str, prefer: &str) -> (Vec<Value>, Value) {
        let mut items = Vec::new();
        let mut next = path.to_owned();
        loop {
            let page = self.get_with(&next, prefer).await.ok();
            items.extend(
                page["value"]
                    .as_array()
                    .expect("a page has items")
                    .iter()
                    .cloned(),
            );
            match page["@odata.nextLink"].as_str() {
                Some(link) => link.clone_into(&mut next),
                None => return (items, page),
            }
        }
    }
}

impl Answer {
    /// Reads an answer to its end.
    pub async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.expect("the answer ends"),
        }
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{} {}",
            self.status,
            self.text
        );
        self.json()
    }

    /// The body, whatever the status.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }

    /// Status and code of a refusal.
    #[track_caller]
    pub fn refusal(&self) -> (u16, String) {
        let code = self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (self.status, code)
    }
}

/// An id as one segment of a path (F5.22).
pub fn segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// An instant.
pub fn instant(text: &str) -> Timestamp {
    text.parse().expect("it is an instant")
}
