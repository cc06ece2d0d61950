//! One HTTP client for all mailboxes.
//!
//! It sends one request and reads one answer, with a deadline and a size limit on both (M15); it follows no redirect, retries
//! nothing and decides nothing. What a request may contain is fixed here once, so that none goes out without its `Prefer`
//! header and `client-request-id`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, Response};
use tracing::{Instrument as _, debug, debug_span};
use url::Url;
use uuid::Uuid;

use super::answer::Answer;
use super::error::{GraphError, Refused};
use super::kind;
use super::links::{Base, Target};
use super::prefer::Prefer;
use super::throttle::retry_after;
use super::tokens::AccessToken;
use crate::model::ids::TraceId;
use crate::model::time::{SharedClock, Timestamp};
use crate::model::work::Link;
use crate::telemetry::metrics::table;

/// How Graph is spoken to.
#[derive(Debug, Clone)]
pub struct GraphSettings {
    /// The service's root without version: `https://graph.microsoft.com`, another cloud's (F2), or the sandbox's.
    pub base_url: Url,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a request may take, its answer's last byte included.
    pub deadline: Duration,
    /// The largest answer in bytes, after decompression.
    pub body_limit: usize,
}

impl GraphSettings {
    /// The usual limits.
    pub fn new(base_url: Url) -> Self {
        Self {
            base_url,
            connect_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(100),
            body_limit: 128 << 20,
        }
    }
}

/// By what Microsoft finds a request of ours (F3.3).
pub(super) const CLIENT_REQUEST_ID: &str = "client-request-id";

/// An error's body is read so far and no further.
const ERROR_LIMIT: usize = 256 << 10;

/// Microsoft Graph, for all mailboxes. Cheap to clone.
#[derive(Clone)]
pub struct Graph(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    base: Base,
    clock: SharedClock,
    deadline: Duration,
    body_limit: usize,
    requests: AtomicU64,
    throttled: AtomicU64,
}

/// One request, ready to be sent as often as needed.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) prefer: Prefer,
    pub(super) body: Option<Bytes>,
}

impl Graph {
    /// A client. Fails where the machine has no store of certificate authorities.
    pub fn new(settings: &GraphSettings, clock: SharedClock) -> Result<Self, GraphError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("graph-mirror/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(Duration::from_mins(1))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(unreachable)?;
        Ok(Self(Arc::new(Inner {
            http,
            base: Base::new(&settings.base_url),
            clock,
            deadline: settings.deadline,
            body_limit: settings.body_limit,
            requests: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        })))
    }

    /// How many requests were sent to Graph since the start, each part of a batch counted as one (F3.9).
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// How many of them were throttled.
    pub fn throttled(&self) -> u64 {
        self.0.throttled.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, requests: usize, throttled: usize) {
        let add = |counter: &AtomicU64, by: usize| {
            counter.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed)
        };
        add(&self.0.requests, requests);
        add(&self.0.throttled, throttled);
        table::GRAPH_QUOTA.add_all(requests, &[]);
        table::GRAPH_THROTTLED.add_all(throttled, &[]);
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(super) fn address(&self, target: &Target) -> Result<Url, GraphError> {
        self.0.base.resolve(target)
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.0.clock
    }

    pub(super) fn call(
        &self,
        method: Method,
        target: &Target,
        prefer: Prefer,
    ) -> Result<Call, GraphError> {
        Ok(Call {
            method,
            url: self.0.base.resolve(target)?,
            prefer,
            body: None,
        })
    }

    /// Sends a request and reads the answer whole; under the id of a trace, if it belongs to one.
    pub(super) async fn execute(
        &self,
        call: &Call,
        token: &AccessToken,
        trace: Option<TraceId>,
    ) -> Result<Answer, GraphError> {
        let deadline = self.0.deadline;
        let id = trace.map_or_else(Uuid::new_v4, TraceId::uuid);
        let kind = kind::kind(&call.url);
        let span = debug_span!("graph", method = %call.method, kind, client_request_id = %id);
        let began = Instant::now();
        let exchange = self.exchange(call, token, id.to_string()).instrument(span);
        let answer = tokio::time::timeout(deadline, exchange)
            .await
            .unwrap_or(Err(GraphError::TimedOut { deadline }));
        table::GRAPH_REQUEST.observe(began.elapsed(), &[]);
        table::GRAPH_REQUESTS.count(&[kind, kind::answer(&answer)]);
        answer
    }

    async fn exchange(
        &self,
        call: &Call,
        token: &AccessToken,
        id: String,
    ) -> Result<Answer, GraphError> {
        let (sent_at, response) = self.begin(call, token, id).await?;
        let status = response.status().as_u16();
        let body = text_of(read_body(response, self.0.body_limit).await?);
        Ok(Answer {
            sent_at,
            status,
            body,
        })
    }

    /// Sends a request whose answer is to be read piece by piece: only its beginning is waited for here.
    pub(super) async fn open(
        &self,
        call: &Call,
        token: &AccessToken,
        trace: Option<TraceId>,
    ) -> Result<(Timestamp, Response), GraphError> {
        let deadline = self.0.deadline;
        let id = trace.map_or_else(Uuid::new_v4, TraceId::uuid);
        let kind = kind::kind(&call.url);
        let span = debug_span!("graph", method = %call.method, kind, client_request_id = %id);
        let began = Instant::now();
        let beginning = self.begin(call, token, id.to_string()).instrument(span);
        let answer = tokio::time::timeout(deadline, beginning)
            .await
            .unwrap_or(Err(GraphError::TimedOut { deadline }));
        table::GRAPH_REQUEST.observe(began.elapsed(), &[]);
        table::GRAPH_REQUESTS.count(&[kind, kind::answer(&answer)]);
        answer
    }

    /// How long one piece of an answer may take.
    pub(super) fn deadline(&self) -> Duration {
        self.0.deadline
    }

    /// Sends a request; a refusal is read whole, a good answer not at all.
    async fn begin(
        &self,
        call: &Call,
        token: &AccessToken,
        id: String,
    ) -> Result<(Timestamp, Response), GraphError> {
        let mut request = self
            .0
            .http
            .request(call.method.clone(), call.url.clone())
            .bearer_auth(token.expose())
            .header(header::ACCEPT, accept(&call.url))
            .header("Prefer", call.prefer.header())
            .header(CLIENT_REQUEST_ID, &id)
            .header("return-client-request-id", "true");
        if let Some(body) = &call.body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let sent_at = self.0.clock.now();
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        debug!(method = %call.method, status = status.as_u16(), client_request_id = id, "Graph answered");
        if status.is_success() {
            return Ok((sent_at, response));
        }
        let headers = response.headers().clone();
        // What went wrong is known by the status already; a body that breaks off changes nothing.
        let body = match read_body(response, ERROR_LIMIT).await {
            Ok(body) => body,
            Err(GraphError::TooLarge { .. }) => Bytes::from_static(b" "),
            Err(_) => Bytes::new(),
        };
        let mut refused = Refused::read(status.as_u16(), &body);
        refused.complete(&headers, id, self.0.clock.now());
        Err(GraphError::Refused(Box::new(refused)))
    }
}

impl Refused {
    fn complete(&mut self, headers: &HeaderMap, client_request_id: String, now: Timestamp) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        self.retry_after =
            text("retry-after").and_then(|value| retry_after(value, text("date"), now));
        self.request_id = text("request-id").map(str::to_owned);
        self.client_request_id = Some(client_request_id);
        self.location = text("location").map(|value| Link(value.to_owned()));
    }
}

/// Content is taken as it is; everything else is JSON.
fn accept(url: &Url) -> &'static str {
    if url.path().ends_with("/$value") {
        "*/*"
    } else {
        "application/json"
    }
}

async fn read_body(mut response: Response, limit: usize) -> Result<Bytes, GraphError> {
    let announced = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(0);
    if announced > limit {
        return Err(GraphError::TooLarge { limit });
    }
    let mut body = BytesMut::with_capacity(announced);
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > limit {
            return Err(GraphError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A body whose bytes are no text is read with the bad ones replaced: one of them must not cost a whole page.
fn text_of(body: Bytes) -> Bytes {
    if std::str::from_utf8(&body).is_ok() {
        return body;
    }
    Bytes::from(String::from_utf8_lossy(&body).into_owned())
}

/// A link is a secret, and reqwest would print it.
pub(super) fn unreachable(error: reqwest::Error) -> GraphError {
    GraphError::Unreachable(Arc::new(error.without_url()))
}
