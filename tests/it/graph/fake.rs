//! A server that answers as a test tells it, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::future::BoxFuture;
use graph_mirror::graph::{
    AccessToken, Fenced, Gate, Graph, GraphSettings, MailboxGraph, Permit, TokenError, TokenSource,
};
use graph_mirror::model::ids::GraphId;
use graph_mirror::model::time::{SharedClock, SystemClock, Timestamp};
use graph_mirror::model::work::Lane;
use serde_json::{Value, json};
use url::Url;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// A running server; it ends with the test's runtime.
pub struct Fake {
    pub url: Url,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Starts a server that answers with what `answer` makes of each request and its number, counted from zero.
    pub async fn start<F>(answer: F) -> Self
    where
        F: Fn(usize, &Asked) -> Response + Clone + Send + Sync + 'static,
    {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| {
            let (log, answer) = (Arc::clone(&log), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, 10 << 20).await.expect("a body");
                let one = Asked {
                    method: parts.method.to_string(),
                    path: parts.uri.to_string(),
                    headers: parts.headers,
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
                let number = {
                    let mut log = log.lock().expect("no test panics with it");
                    log.push(one.clone());
                    log.len() - 1
                };
                answer(number, &one)
            }
        });
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let listener = tokio::net::TcpListener::bind(any)
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: Url::parse(&format!("http://{address}")).expect("an address"),
            asked,
        }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics with it").clone()
    }

    pub fn settings(&self) -> GraphSettings {
        GraphSettings::new(self.url.clone())
    }

    pub fn graph(&self) -> Graph {
        graph(&self.settings())
    }

    pub fn mailbox(&self) -> Bench {
        Bench::new(self.graph())
    }
}

pub fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

pub fn graph(settings: &GraphSettings) -> Graph {
    Graph::new(settings, clock()).expect("a client")
}

/// A mailbox's client with a gate and a token source that count.
pub struct Bench {
    pub graph: MailboxGraph,
    pub gate: Arc<CountingGate>,
    pub tokens: Arc<CountingTokens>,
}

impl Bench {
    pub fn new(graph: Graph) -> Self {
        let gate = Arc::new(CountingGate::default());
        let tokens = Arc::new(CountingTokens::default());
        let user = GraphId::from("user/1");
        Self {
            graph: MailboxGraph::new(
                graph,
                user,
                Arc::clone(&tokens) as Arc<dyn TokenSource>,
                Arc::clone(&gate) as Arc<dyn Gate>,
            ),
            gate,
            tokens,
        }
    }
}

/// Lets everything in unless it is closed, and remembers.
#[derive(Default)]
pub struct CountingGate {
    pub admitted: Mutex<Vec<(Lane, u32)>>,
    pub fences: Mutex<Vec<Timestamp>>,
    pub closed_until: Mutex<Option<Timestamp>>,
    inside: Arc<AtomicUsize>,
}

impl CountingGate {
    pub fn admitted(&self) -> Vec<(Lane, u32)> {
        self.admitted
            .lock()
            .expect("no test panics with it")
            .clone()
    }

    pub fn fences(&self) -> Vec<Timestamp> {
        self.fences.lock().expect("no test panics with it").clone()
    }

    /// How many permits are held now.
    pub fn inside(&self) -> usize {
        self.inside.load(Ordering::SeqCst)
    }
}

struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate for CountingGate {
    fn admit(&self, lane: Lane, requests: u32) -> BoxFuture<'_, Result<Permit, Fenced>> {
        Box::pin(async move {
            if let Some(until) = *self.closed_until.lock().expect("no test panics with it") {
                return Err(Fenced { until });
            }
            self.admitted
                .lock()
                .expect("no test panics with it")
                .push((lane, requests));
            self.inside.fetch_add(1, Ordering::SeqCst);
            Ok(Permit::holding(Inside(Arc::clone(&self.inside))))
        })
    }

    fn fence(&self, until: Timestamp) {
        self.fences
            .lock()
            .expect("no test panics with it")
            .push(until);
    }
}

/// Gives `token-0`, and after each refresh the next one.
#[derive(Default)]
pub struct CountingTokens {
    pub refreshes: AtomicUsize,
}

impl CountingTokens {
    pub fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::SeqCst)
    }

    fn present(&self) -> AccessToken {
        AccessToken::new(format!("token-{}", self.refreshes()))
    }
}

impl TokenSource for CountingTokens {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        Box::pin(async { Ok(self.present()) })
    }

    fn refresh_after_401<'a>(
        &'a self,
        _refused: &'a AccessToken,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(async {
            self.refreshes.fetch_add(1, Ordering::SeqCst);
            Ok(self.present())
        })
    }
}

/// An answer in JSON.
pub fn answer(status: u16, body: &Value) -> Response {
    Response::builder()
        .status(StatusCode::from_u16(status).expect("a status"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a response")
}

/// An answer in text, with headers.
pub fn raw(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(status).expect("a status"));
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).expect("a response")
}

/// An error as Graph sends it.
pub fn refusal(code: &str) -> Value {
    json!({ "error": { "code": code, "message": "no" } })
}
