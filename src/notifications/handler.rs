//! The two addresses that Graph posts to.
//!
//! 202 means: on disk. 503 means: not, come again. Everything else is said to somebody who is not Graph. What an item
//! gets wrong never shows in the status, because that would tell a forger what to change (F10.10).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tracing::{Instrument as _, debug, debug_span, warn};

use crate::model::time::{SharedClock, Timestamp};
use crate::secrets::sign::Signer;
use crate::store::{IncomingNotice, Store, StoreError};
use crate::telemetry::metrics::table;
use crate::telemetry::spans;

use super::envelope::{self, Dropped, LifecycleEvent, LifecycleNotice, Post};
use super::passage::{Passage, REQUEST_ID};
use super::{handshake, lifecycle};

/// More than this is not read (F10.6: posts hold at most some thousand small items).
pub const LARGEST_BODY: usize = 4 << 20;

/// A body that has not arrived by then does not come from Graph.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is told to who should come again.
const COME_AGAIN: Duration = Duration::from_secs(5);

/// Where notices are made durable. The store is one; benches and tests bring others.
pub trait Desk: Send + Sync + 'static {
    /// Makes notices durable.
    fn record(&self, notices: Vec<IncomingNotice>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Makes what follows from lifecycle events durable.
    fn lifecycle(&self, events: Vec<LifecycleNotice>) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// The store, with the clock that says when a lifecycle event came.
struct StoreDesk {
    store: Store,
    clock: SharedClock,
}

impl Desk for StoreDesk {
    fn record(&self, notices: Vec<IncomingNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let outcome = self.store.notices_intake(notices).await?;
            for (became, count) in [
                ("recorded", outcome.recorded),
                ("parked", outcome.parked),
                ("not_connected", outcome.dropped),
            ] {
                table::NOTIFICATIONS.add_all(count, &[became]);
            }
            debug!(
                recorded = outcome.recorded,
                parked = outcome.parked,
                dropped = outcome.dropped,
                "made notices durable"
            );
            Ok(())
        })
    }

    fn lifecycle(&self, events: Vec<LifecycleNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(lifecycle::settle(&self.store, self.clock.now(), events))
    }
}

/// The routes that Graph posts to, before the store.
pub fn router(store: Store, signer: Signer, clock: SharedClock) -> Router {
    let desk = Arc::new(StoreDesk {
        store,
        clock: Arc::clone(&clock),
    });
    router_at(desk, signer, clock)
}

/// The same before any desk.
pub fn router_at(desk: Arc<dyn Desk>, signer: Signer, clock: SharedClock) -> Router {
    let reception = Arc::new(Reception {
        desk,
        signer,
        clock,
        dropped: Tally::default(),
    });
    // One handler: when both addresses are the same, items of both kinds come to it (F10.6, F10.41).
    Router::new()
        .route("/webhooks/microsoft/notifications", post(receive))
        .route("/webhooks/microsoft/lifecycle", post(receive))
        .with_state(reception)
}

struct Reception {
    desk: Arc<dyn Desk>,
    signer: Signer,
    clock: SharedClock,
    dropped: Tally,
}

async fn receive(
    State(reception): State<Arc<Reception>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let began = Instant::now();
    let passage = Passage::of(&headers);
    let handshake = query.as_deref().and_then(handshake::token);
    let is_handshake = handshake.is_some();
    let mut answer = if let Some(token) = handshake {
        handshake::echo(token)
    } else {
        let span = debug_span!(
            "intake",
            http.request_id = passage.request_id(), trace_id = %passage.context.trace
        );
        spans::follow(&span, Some(passage.context));
        reception.take(body, &passage).instrument(span).await
    };
    answer.headers_mut().insert(REQUEST_ID, passage.request_id);
    let told = match answer.status() {
        _ if is_handshake => "handshake",
        StatusCode::ACCEPTED => "accepted",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "refused",
    };
    table::INTAKE.observe(began.elapsed(), &[told]);
    answer
}

impl Reception {
    async fn take(&self, body: Body, passage: &Passage) -> Response {
        let body = match tokio::time::timeout(PATIENCE, read_body(body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(refusal)) => return refusal.into_response(),
            Err(_) => {
                return (StatusCode::REQUEST_TIMEOUT, "the body did not arrive\n").into_response();
            }
        };
        let now = self.clock.now();
        let Ok(mut post) = envelope::read(&body, &self.signer, now) else {
            return (StatusCode::BAD_REQUEST, "the body is not a notification\n").into_response();
        };
        for notice in &mut post.notices {
            notice.trace = Some(passage.context.trace);
        }
        self.dropped.count(post.dropped, now);
        match self.record(post).await {
            Ok(()) => StatusCode::ACCEPTED.into_response(),
            Err(error) => come_again(&error, passage),
        }
    }

    async fn record(&self, post: Post) -> Result<(), StoreError> {
        if !post.notices.is_empty() {
            self.desk.record(post.notices).await?;
        }
        if !post.lifecycle.is_empty() {
            for notice in &post.lifecycle {
                table::LIFECYCLE.count(&[name_of(notice.event)]);
            }
            self.desk.lifecycle(post.lifecycle).await?;
        }
        Ok(())
    }
}

fn name_of(event: LifecycleEvent) -> &'static str {
    match event {
        LifecycleEvent::ReauthorizationRequired => "reauthorization_required",
        LifecycleEvent::SubscriptionRemoved => "subscription_removed",
        LifecycleEvent::Missed => "missed",
    }
}

async fn read_body(body: Body) -> Result<Bytes, (StatusCode, &'static str)> {
    const BROKEN: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "the body broke off\n");
    const TOO_LARGE: (StatusCode, &str) =
        (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n");
    let mut stream = body.into_data_stream();
    let Some(first) = stream.next().await else {
        return Ok(Bytes::new());
    };
    let first = first.map_err(|_| BROKEN)?;
    if first.len() > LARGEST_BODY {
        return Err(TOO_LARGE);
    }
    // Nearly every post is one piece, and needs no copy.
    let Some(second) = stream.next().await else {
        return Ok(first);
    };
    let mut whole = BytesMut::from(&first[..]);
    let mut next = Some(second);
    while let Some(piece) = next {
        let piece = piece.map_err(|_| BROKEN)?;
        if whole.len() + piece.len() > LARGEST_BODY {
            return Err(TOO_LARGE);
        }
        whole.extend_from_slice(&piece);
        next = stream.next().await;
    }
    Ok(whole.freeze())
}

fn come_again(error: &StoreError, passage: &Passage) -> Response {
    warn!(error = %error.chain(), http.request_id = passage.request_id(), "could not make notifications durable; Graph will deliver them again");
    let seconds = error.retry_after().unwrap_or(COME_AGAIN).as_secs().max(1);
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::RETRY_AFTER, HeaderValue::from(seconds))],
    )
        .into_response()
}

/// Counts dropped items and tells of them once a minute: whoever floods us must not flood the log too.
#[derive(Default)]
struct Tally {
    malformed: AtomicUsize,
    forged: AtomicUsize,
    unknown: AtomicUsize,
    /// Unix seconds.
    told_at: AtomicI64,
}

impl Tally {
    fn count(&self, dropped: Dropped, now: Timestamp) {
        if dropped == Dropped::default() {
            return;
        }
        for (became, count) in [
            ("malformed", dropped.malformed),
            ("forged", dropped.forged),
            ("unknown", dropped.unknown),
        ] {
            table::NOTIFICATIONS.add_all(count, &[became]);
        }
        self.malformed
            .fetch_add(dropped.malformed, Ordering::Relaxed);
        self.forged.fetch_add(dropped.forged, Ordering::Relaxed);
        self.unknown.fetch_add(dropped.unknown, Ordering::Relaxed);
        let (told, now) = (self.told_at.load(Ordering::Relaxed), now.timestamp());
        let is_time = now >= told.saturating_add(60)
            && self
                .told_at
                .compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_time {
            warn!(
                malformed = self.malformed.swap(0, Ordering::Relaxed),
                forged = self.forged.swap(0, Ordering::Relaxed),
                unknown = self.unknown.swap(0, Ordering::Relaxed),
                "left out items of notifications that were malformed, not ours, or of an unknown kind"
            );
        }
    }
}
