//! Sends notifications out, again and again until they are taken (F10.11 to F10.19, S60).
//!
//! The queue says what is due; this posts it, several endpoints and several parcels at a time, and
//! reports how it went. How long an answer may take is measured on the sandbox's clock, so that a
//! test can let an endpoint be slow without waiting for it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::header;
use reqwest::redirect::Policy;
use tokio::task::JoinSet;
use url::Url;

use super::subscriptions::parcel::{Answer, Parcel};
use super::world::World;
use super::{lifecycle, validation_tokens};
use crate::model::time::{Clock as _, until};

/// Beyond this no answer is waited for, whatever the sandbox's clock says.
const PATIENCE: Duration = Duration::from_mins(2);

/// The longest answer to a validation that is read; the token is far shorter.
const MOST_BODY: usize = 4096;

/// The HTTP client of the sandbox; clones share its connections.
#[derive(Debug, Clone, Default)]
pub struct Courier(Arc<OnceLock<reqwest::Client>>);

/// What an endpoint said to a validation.
#[derive(Debug)]
pub struct Echo {
    /// Its status.
    pub status: u16,
    /// Its content type.
    pub content_type: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Courier {
    fn client(&self) -> &reqwest::Client {
        self.0.get_or_init(|| {
            reqwest::Client::builder()
                .redirect(Policy::none())
                .timeout(PATIENCE)
                .tcp_nodelay(true)
                .no_proxy()
                .build()
                .expect("the client's settings are fixed and fit together")
        })
    }

    /// The handshake's POST; `None` when nothing came back.
    pub async fn validate(&self, url: Url) -> Option<Echo> {
        let mut response = self
            .client()
            .post(url)
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body("")
            .send()
            .await
            .ok()?;
        let content_type = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST_BODY {
                break;
            }
        }
        Some(Echo {
            status: response.status().as_u16(),
            content_type,
            body,
        })
    }

    /// Posts a body; the status, or `None` when nothing came back.
    pub async fn post(&self, url: &str, body: String) -> Option<u16> {
        let response = self
            .client()
            .post(url)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body)
            .send()
            .await
            .ok()?;
        let status = response.status().as_u16();
        // A body that is read to its end leaves the connection free for the next.
        let _ = response.bytes().await;
        Some(status)
    }
}

/// Starts the task that delivers, until the sandbox ends.
pub fn spawn(world: &World, tasks: &mut JoinSet<()>) {
    tasks.spawn(deliver(world.clone()));
}

async fn deliver(world: World) {
    let stopped = world.stopped();
    let clock = world.clock();
    let wake = world.lock().subscriptions.wake();
    let mut posts = JoinSet::new();
    loop {
        let (parcels, due, courier) = {
            let mut state = world.lock();
            let now = state.now();
            lifecycle::tick(&mut state, now);
            let super::world::State {
                subscriptions,
                rng,
                knobs,
                ..
            } = &mut *state;
            let parcels = subscriptions.queue.take_due(now, rng, knobs);
            let due = [
                subscriptions.queue.next_due(knobs),
                subscriptions.queue.next_ended_drop(),
                subscriptions.next_due,
            ];
            (
                parcels,
                due.into_iter().flatten().min(),
                subscriptions.courier(),
            )
        };
        for parcel in parcels {
            posts.spawn(post(world.clone(), courier.clone(), parcel));
        }
        let sleep = async {
            match due {
                Some(due) => clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stopped.cancelled() => return,
            // A wake that comes while nobody waits is kept for the next who does.
            () = wake.notified() => {}
            () = sleep => {}
            Some(_) = posts.join_next() => {}
        }
    }
}

async fn post(world: World, courier: Courier, parcel: Parcel) {
    // Whoever waits for the first key to be made is not the endpoint.
    let tokens = validation_tokens::of(&world, &parcel.audiences()).await;
    let body = parcel.body(tokens.as_ref());
    let clock = world.clock();
    let started_at = clock.now();
    let latency = Duration::from_millis(world.lock().knobs.endpoint_latency_ms);
    let posted = async {
        let status = courier.post(&parcel.url, body).await;
        if latency > Duration::ZERO {
            clock.sleep(latency).await;
        }
        status
    };
    let status = tokio::select! {
        status = posted => status,
        () = clock.sleep(parcel.allowance()) => None,
    };
    let mut state = world.lock();
    let now = state.now();
    let answer = Answer {
        taken: status.is_some_and(|status| (200..300).contains(&status)),
        took: until(started_at, now),
    };
    let super::world::State {
        subscriptions,
        knobs,
        ..
    } = &mut *state;
    let lost = subscriptions.queue.answered(parcel, answer, now, knobs);
    lifecycle::missed(&mut state, &lost, now);
}
