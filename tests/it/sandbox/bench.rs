//! What every test of the sandbox needs: one running on a clock that stands, a client with a token,
//! and an endpoint that notifications can go to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::TimeZone as _;
use graph_mirror::model::time::{ManualClock, Timestamp};
use graph_mirror::sandbox::{Options, Sandbox, World};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What tests ask for when it does not matter.
pub const ALL_SCOPES: [&str; 3] = ["Mail.ReadWrite", "Mail.Send", "Calendars.ReadWrite"];

/// A Monday morning on which every clock stands.
pub fn morning() -> Timestamp {
    chrono::Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap()
}

/// A sandbox, and a client of it.
pub struct Bench {
    pub sandbox: Sandbox,
    pub client: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.expect("the answer is whole"),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("headers are text"))
    }

    /// The code of Graph's envelope.
    pub fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl Bench {
    /// Three small mailboxes on a clock that stands.
    pub async fn start() -> Self {
        Self::with(Options {
            messages: Some(20),
            ..Options::default()
        })
        .await
    }

    pub async fn with(options: Options) -> Self {
        let clock = options.clock.clone();
        let sandbox = Sandbox::start(Options {
            clock: Some(clock.unwrap_or_else(|| ManualClock::standing_at(morning()))),
            ..options
        })
        .await
        .expect("a sandbox starts on any free port");
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()
            .expect("the client's settings are fixed");
        Self { sandbox, client }
    }

    pub fn world(&self) -> &World {
        self.sandbox.world()
    }

    pub fn base(&self) -> &str {
        &self.sandbox.settings().graph_base_url
    }

    pub fn advance(&self, seconds: u64) {
        self.world().advance(Duration::from_secs(seconds));
    }

    pub fn user_id(&self, index: usize) -> String {
        self.sandbox.settings().users[index].id.clone()
    }

    /// The person's own token.
    pub fn token(&self, index: usize) -> String {
        let user = self.user_id(index);
        self.world().issue_token(Some(&user), &ALL_SCOPES).unwrap()
    }

    /// The application's own token.
    pub fn app_token(&self) -> String {
        self.world().issue_token(None, &ALL_SCOPES).unwrap()
    }

    /// A call to Graph, with `path` below `/v1.0`.
    pub async fn call(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.call_with(token, method, path, body, &[]).await
    }

    /// The same with further headers.
    pub async fn call_with(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}/v1.0{path}", self.base())
        };
        let mut request = self.client.request(method, url).bearer_auth(token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::read(request.send().await.expect("the sandbox answers")).await
    }

    /// A call to the control interface.
    pub async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}{path}", self.sandbox.settings().control_url);
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::read(request.send().await.expect("the sandbox answers")).await
    }

    /// A token of a person's, or with none of the application's own, to another application.
    pub fn token_of(&self, client_id: &str, user: Option<usize>) -> String {
        let user = user.map(|index| self.user_id(index));
        self.world()
            .issue_token_to(Some(client_id), user.as_deref(), &ALL_SCOPES)
            .unwrap()
    }

    /// Waits until nothing waits to be delivered and every POST has come back.
    pub async fn quiet(&self) {
        let quiet = async {
            loop {
                let deliveries = self.world().deliveries();
                if deliveries.waiting + deliveries.in_flight == 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), quiet)
            .await
            .expect("deliveries come to rest within ten seconds");
    }

    /// Turns knobs.
    pub fn turn(&self, knobs: &Value) {
        self.world().turn_knobs(knobs).expect("the knobs exist");
    }
}

/// A POST that came to an [`Ear`].
#[derive(Debug, Clone)]
pub struct Heard {
    pub path: String,
    pub query: String,
    pub content_type: String,
    pub body: String,
}

impl Heard {
    /// The items of a notification.
    pub fn items(&self) -> Vec<Value> {
        let body: Value = serde_json::from_str(&self.body).expect("a notification is JSON");
        body["value"].as_array().expect("it has items").clone()
    }
}

/// What an ear does with a POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// Echoes validations, answers everything else with the status.
    Answer(u16),
    /// Answers validations with this instead of the token.
    Misquote(&'static str),
    /// Answers validations with HTML.
    Html,
    /// Answers validations with the token as it stands in the query.
    Encoded,
    /// Answers validations with the token and something after it.
    Followed(&'static str),
    /// Answers validations with the token and another status than 200.
    Echo(u16),
    /// Answers nothing until it is let go.
    Hold,
}

/// An endpoint for notifications.
pub struct Ear {
    pub url: String,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    heard: Mutex<VecDeque<Heard>>,
    validations: Mutex<Vec<Heard>>,
    manner: Mutex<Manner>,
    came: Notify,
    let_go: Notify,
}

impl Ear {
    pub async fn open() -> Self {
        let shared = Arc::new(Shared {
            heard: Mutex::default(),
            validations: Mutex::default(),
            manner: Mutex::new(Manner::Answer(202)),
            came: Notify::new(),
            let_go: Notify::new(),
        });
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().fallback(hear).with_state(Arc::clone(&shared));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            let serve = axum::serve(listener, router);
            tokio::select! {
                _ = serve => {}
                () = stopped.cancelled() => {}
            }
        });
        Self {
            url: format!("http://{address}"),
            shared,
            _stop: stop.drop_guard(),
        }
    }

    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
        self.shared.let_go.notify_waiters();
    }

    pub fn validations(&self) -> Vec<Heard> {
        self.shared.validations.lock().unwrap().clone()
    }

    /// Waits until so many validations have come.
    pub async fn asked(&self, count: usize) {
        let asked = async {
            while self.validations().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), asked)
            .await
            .expect("validations come within ten seconds");
    }

    /// The next POST that is no validation.
    pub async fn next(&self) -> Heard {
        let next = async {
            loop {
                let came = self.shared.came.notified();
                if let Some(heard) = self.shared.heard.lock().unwrap().pop_front() {
                    return heard;
                }
                came.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), next)
            .await
            .expect("a notification comes within ten seconds")
    }

    /// Items until there are `count` of them.
    pub async fn items(&self, count: usize) -> Vec<Value> {
        let mut items = Vec::new();
        while items.len() < count {
            items.extend(self.next().await.items());
        }
        items
    }

    /// How many items came that nobody has looked at.
    pub fn unheard_items(&self) -> usize {
        let heard = self.shared.heard.lock().unwrap();
        heard.iter().map(|heard| heard.items().len()).sum()
    }

    /// How many POSTs came that nobody has looked at.
    pub fn unheard(&self) -> usize {
        self.shared.heard.lock().unwrap().len()
    }
}

async fn hear(
    State(shared): State<Arc<Shared>>,
    uri: axum::http::Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = query.unwrap_or_default();
    let heard = Heard {
        path: uri.path().to_owned(),
        query: query.clone(),
        content_type: headers
            .get(header::CONTENT_TYPE)
            .map_or(String::new(), |value| value.to_str().unwrap().to_owned()),
        body: String::from_utf8(body.to_vec()).expect("a notification is text"),
    };
    let written = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("validationToken="))
        .unwrap_or_default()
        .to_owned();
    let token = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "validationToken")
        .map(|(_, token)| token.into_owned());
    let let_go = shared.let_go.notified();
    tokio::pin!(let_go);
    let_go.as_mut().enable();
    if token.is_some() {
        shared.validations.lock().unwrap().push(heard);
    } else {
        shared.heard.lock().unwrap().push_back(heard);
        shared.came.notify_waiters();
    }
    let manner = shared.manner.lock().unwrap().clone();
    let manner = if manner == Manner::Hold {
        let_go.await;
        shared.manner.lock().unwrap().clone()
    } else {
        manner
    };
    let plain = [(header::CONTENT_TYPE, "text/plain")];
    match (manner, token) {
        (Manner::Misquote(text), Some(_)) => (plain, text).into_response(),
        (Manner::Encoded, Some(_)) => (plain, written).into_response(),
        (Manner::Followed(text), Some(token)) => (plain, token + text).into_response(),
        (Manner::Echo(status), Some(token)) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, plain, token).into_response()
        }
        (Manner::Html, Some(token)) => axum::response::Html(token).into_response(),
        (Manner::Answer(202) | Manner::Hold, Some(token)) => (plain, token).into_response(),
        (Manner::Answer(status), _) => StatusCode::from_u16(status).unwrap().into_response(),
        _ => StatusCode::ACCEPTED.into_response(),
    }
}
