//! The one public address of all replicas: a load balancer, as far as notifications and sign-ins need one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use graph_mirror::app::listen;
use tokio_util::sync::{CancellationToken, DropGuard};

/// No post of Graph's is larger.
const MOST_BODY: usize = 8 << 20;

/// Forwards each request to the next replica; when that one does not answer, to the one after it.
pub struct Front {
    /// Where it stands.
    pub url: String,
    road: Arc<Road>,
    _stop: DropGuard,
}

struct Road {
    client: reqwest::Client,
    replicas: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
    posts: Mutex<Vec<u16>>,
}

impl Front {
    /// It leads nowhere yet.
    pub async fn open() -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            // A connection for each request: one that a replica closes as it ends is never used again.
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .expect("a client can be made");
        let road = Arc::new(Road {
            client,
            replicas: Mutex::default(),
            turn: AtomicUsize::new(0),
            posts: Mutex::default(),
        });
        let listener = listen(([127, 0, 0, 1], 0).into())
            .await
            .expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let stop = CancellationToken::new();
        let router = Router::new()
            .fallback(forward)
            .with_state(Arc::clone(&road));
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stopped)
                .await
        });
        Self {
            url,
            road,
            _stop: stop.drop_guard(),
        }
    }

    /// From now on it leads to these.
    pub fn lead_to(&self, replicas: &[SocketAddr]) {
        *lock(&self.road.replicas) = replicas.to_vec();
    }

    /// How every POST was answered so far: notifications and the validations of subscriptions.
    pub fn posts(&self) -> Vec<u16> {
        lock(&self.road.posts).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn forward(State(road): State<Arc<Road>>, request: Request) -> Response {
    let is_post = request.method() == Method::POST;
    let answer = road.ask(request).await;
    if is_post {
        lock(&road.posts).push(answer.status().as_u16());
    }
    answer
}

impl Road {
    async fn ask(&self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, MOST_BODY).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        for name in [header::HOST, header::CONTENT_LENGTH, header::CONNECTION] {
            parts.headers.remove(name);
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut replicas = lock(&self.replicas).clone();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = turn % replicas.len().max(1);
        replicas.rotate_left(first);
        for replica in replicas {
            let url = format!("http://{replica}{path}");
            let asked = self
                .client
                .request(parts.method.clone(), url)
                .headers(parts.headers.clone())
                .body(body.clone());
            if let Ok(answer) = read(asked).await {
                return answer;
            }
        }
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

async fn read(asked: reqwest::RequestBuilder) -> Result<Response, reqwest::Error> {
    let answer = asked.send().await?;
    let status = answer.status();
    let mut headers = HeaderMap::new();
    for name in [header::CONTENT_TYPE, header::LOCATION] {
        if let Some(value) = answer.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let body: Bytes = answer.bytes().await?;
    Ok((status, headers, Body::from(body)).into_response())
}
