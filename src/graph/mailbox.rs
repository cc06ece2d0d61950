//! Graph as seen from one mailbox: what the rooms above use.
//!
//! Every request takes a token from its [`TokenSource`] and a place at its [`Gate`], is sent once more with a fresh token
//! after a 401 (M8), and raises the fence when Graph asks for patience (M12). It never sleeps: who is throttled
//! gets an error with advice, so that the home can yield.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;

use super::answer::Answer;
use super::batch::BatchPart;
use super::error::GraphError;
use super::gate::Gate;
use super::links::{Target, segment};
use super::prefer::Prefer;
use super::stream::GraphContent;
use super::throttle::backoff;
use super::tokens::TokenSource;
use super::transport::{Call, Graph};
use crate::model::ids::{GraphId, TraceId};
use crate::model::time::later;
use crate::model::work::Lane;
use crate::telemetry::metrics::table;

/// Graph for one mailbox. Cheap to clone.
#[derive(Clone)]
pub struct MailboxGraph {
    inner: Arc<Inner>,
    /// What its requests are told to Graph as.
    trace: Option<TraceId>,
    /// Whether messages are asked for with all their headers.
    pub(super) with_headers: bool,
}

struct Inner {
    graph: Graph,
    user: GraphId,
    root: String,
    tokens: Arc<dyn TokenSource>,
    gate: Arc<dyn Gate>,
    /// Refusals in a row for which Graph named no wait.
    failures: AtomicU32,
}

/// Whether a request counts against the mailbox.
#[derive(Debug, Clone, Copy)]
pub(super) enum Admission {
    /// It does, so often (F3.9).
    Charged(u32),
    /// It does not: subscriptions and the directory have limits of their own (F3.10), so it neither waits at the gate
    /// nor raises its fence.
    Free,
}

impl MailboxGraph {
    /// Graph for the account `user`.
    pub fn new(
        graph: Graph,
        user: GraphId,
        tokens: Arc<dyn TokenSource>,
        gate: Arc<dyn Gate>,
    ) -> Self {
        let root = format!("/users/{}", segment(&user));
        let inner = Arc::new(Inner {
            graph,
            user,
            root,
            tokens,
            gate,
            failures: AtomicU32::new(0),
        });
        Self {
            inner,
            trace: None,
            with_headers: false,
        }
    }

    /// The same, whose requests go out under the id of a trace instead of one of their own (F3.3), so that what a
    /// notification set off can be asked for at Microsoft.
    #[must_use]
    pub fn following(&self, trace: Option<TraceId>) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            trace,
            with_headers: self.with_headers,
        }
    }

    /// The same, which asks for messages with all their internet headers, or does not.
    #[must_use]
    pub fn with_headers(mut self, with_headers: bool) -> Self {
        self.with_headers = with_headers;
        self
    }

    /// One question for a batch.
    pub(super) fn part(&self, path: String, prefer: Prefer) -> BatchPart {
        BatchPart {
            path,
            prefer,
            trace: self.trace,
        }
    }

    /// The account's object id.
    pub fn user(&self) -> &GraphId {
        &self.inner.user
    }

    /// The client behind it.
    pub fn graph(&self) -> &Graph {
        &self.inner.graph
    }

    /// A path of this mailbox: `rest` starts with `/`.
    pub fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.inner.root)
    }

    /// Asks for one thing.
    pub async fn get_json(
        &self,
        lane: Lane,
        path: &str,
        prefer: Prefer,
    ) -> Result<Answer, GraphError> {
        let call = self
            .inner
            .graph
            .call(Method::GET, &Target::from(path), prefer)?;
        self.send(lane, Admission::Charged(1), &call).await
    }

    /// Asks for a page: the first by a path, the others by the link that the one before gave, verbatim (F4.2).
    pub async fn page(
        &self,
        lane: Lane,
        target: &Target,
        prefer: Prefer,
    ) -> Result<Answer, GraphError> {
        let call = self.inner.graph.call(Method::GET, target, prefer)?;
        self.send(lane, Admission::Charged(1), &call).await
    }

    /// Posts `body`, or nothing.
    pub async fn post(
        &self,
        lane: Lane,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer, GraphError> {
        let mut call = self
            .inner
            .graph
            .call(Method::POST, &Target::from(path), Prefer::EVENTS)?;
        call.body = Some(body.map_or(Ok(Bytes::new()), to_json)?);
        self.send(lane, Admission::Charged(1), &call).await
    }

    /// Patches with `body`.
    pub async fn patch(
        &self,
        lane: Lane,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer, GraphError> {
        let mut call = self
            .inner
            .graph
            .call(Method::PATCH, &Target::from(path), Prefer::EVENTS)?;
        call.body = Some(to_json(body)?);
        self.send(lane, Admission::Charged(1), &call).await
    }

    /// Deletes.
    pub async fn delete(&self, lane: Lane, path: &str) -> Result<Answer, GraphError> {
        let call = self
            .inner
            .graph
            .call(Method::DELETE, &Target::from(path), Prefer::IDS)?;
        self.send(lane, Admission::Charged(1), &call).await
    }

    /// Sends a request, once more after a 401 with another token. The place at the gate is given back before the token is
    /// refreshed.
    pub(super) async fn send(
        &self,
        lane: Lane,
        admission: Admission,
        call: &Call,
    ) -> Result<Answer, GraphError> {
        let mut token = self.inner.tokens.token().await.map_err(GraphError::Token)?;
        let mut refreshed = false;
        loop {
            let answer = {
                let _permit = match admission {
                    Admission::Charged(requests) => {
                        let permit = self.inner.gate.admit(lane, requests).await;
                        Some(permit.map_err(GraphError::Fenced)?)
                    }
                    Admission::Free => None,
                };
                self.inner.graph.execute(call, &token, self.trace).await
            };
            if !refreshed
                && answer
                    .as_ref()
                    .is_err_and(|error| error.status() == Some(401))
            {
                self.note(answer.map(|_| ()), admission).ok();
                token = self
                    .inner
                    .tokens
                    .refresh_after_401(&token)
                    .await
                    .map_err(GraphError::Token)?;
                refreshed = true;
                continue;
            }
            return self.note(answer, admission);
        }
    }

    /// A place at the gate for a request that goes out without a token.
    pub(super) async fn admit(&self) -> Result<super::Permit, GraphError> {
        let admitted = self.inner.gate.admit(Lane::Command, 1).await;
        admitted.map_err(GraphError::Fenced)
    }

    /// Asks for content that is read piece by piece, at most `limit` bytes of it; once more after a 401, which comes before
    /// the first byte.
    pub(super) async fn stream(
        &self,
        lane: Lane,
        call: &Call,
        limit: u64,
    ) -> Result<GraphContent, GraphError> {
        let inner = &self.inner;
        let mut token = inner.tokens.token().await.map_err(GraphError::Token)?;
        let mut refreshed = false;
        loop {
            let permit = inner.gate.admit(lane, 1).await;
            let permit = permit.map_err(GraphError::Fenced)?;
            let answer = inner.graph.open(call, &token, self.trace).await;
            let answer = self.note(answer, Admission::Charged(1));
            match answer {
                Ok((sent_at, response)) => {
                    let deadline = inner.graph.deadline();
                    return GraphContent::of(sent_at, response, permit, deadline, limit);
                }
                Err(error) if !refreshed && error.status() == Some(401) => {
                    drop(permit);
                    token = inner
                        .tokens
                        .refresh_after_401(&token)
                        .await
                        .map_err(GraphError::Token)?;
                    refreshed = true;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Counts what was sent, and raises the fence when Graph asks for patience.
    fn note<T>(
        &self,
        answer: Result<T, GraphError>,
        admission: Admission,
    ) -> Result<T, GraphError> {
        let requests = match admission {
            Admission::Charged(requests) => usize::try_from(requests).unwrap_or(usize::MAX),
            Admission::Free => 1,
        };
        match answer {
            Ok(answer) => {
                self.inner.graph.count(requests, 0);
                self.inner.failures.store(0, Ordering::Relaxed);
                Ok(answer)
            }
            Err(error) => {
                let throttled = error.refused().is_some_and(super::Refused::is_throttled);
                self.inner
                    .graph
                    .count(requests, if throttled { requests } else { 0 });
                Err(match admission {
                    Admission::Charged(_) => self.fence(error),
                    Admission::Free => error,
                })
            }
        }
    }

    /// Raises the fence for a refusal that asks for it, and writes the wait into the refusal, so that advice and fence say
    /// the same. A 504 fences only when it names a wait: without one it is the page that was too large (F3.14).
    pub(super) fn fence(&self, error: GraphError) -> GraphError {
        let GraphError::Refused(mut refused) = error else {
            return error;
        };
        let asks = refused.is_throttled()
            || refused.status == 503
            || (refused.status == 504 && refused.retry_after.is_some());
        if asks {
            let wait = refused.retry_after.unwrap_or_else(|| {
                backoff(
                    self.inner
                        .failures
                        .fetch_add(1, Ordering::Relaxed)
                        .saturating_add(1),
                )
            });
            refused.retry_after = Some(wait);
            let answer = match refused.status {
                503 => "503",
                504 => "504",
                _ => "429",
            };
            table::GRAPH_WAIT.observe(wait, &[answer]);
            self.inner
                .gate
                .fence(later(self.inner.graph.clock().now(), wait));
        }
        GraphError::Refused(refused)
    }
}

pub(super) fn to_json(body: &(impl Serialize + ?Sized)) -> Result<Bytes, GraphError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| GraphError::Malformed(Arc::new(error)))
}
