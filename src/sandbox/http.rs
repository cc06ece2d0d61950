//! A request's way: authentication, faults, limits, latency, then the part that answers it.
//!
//! A part of a batch enters at [`serve`], so that limits and faults know no difference.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use futures_util::stream;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use super::call::{Call, Reply, segments};
use super::error::GraphFault;
use super::identity::Caller;
use super::ids::guid;
use super::permission::{Need, permit, reachable};
use super::prefer::Prefer;
use super::query::Query;
use super::throttle::Key;
use super::world::{State, World};
use super::{batch, calendar, control, identity, mail, subscriptions};

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The most a request may carry (F8.13).
const MOST_BODY: usize = 4 * 1024 * 1024;

/// Everything the sandbox serves, on one listener.
pub fn router(world: &World) -> Router {
    Router::new()
        .route("/v1.0/{*path}", any(graph))
        .with_state(world.clone())
        .nest("/sandbox/control", control::router(world))
        .merge(identity::router(world))
        .layer(axum::middleware::from_fn_with_state(
            world.clone(),
            forget_encodings,
        ))
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

/// With the knob off nothing is compressed, whatever the client accepts.
async fn forget_encodings(
    Extract(world): Extract<World>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let gzip = world.lock().knobs.gzip;
    let mut response = next.run(request).await;
    if !gzip {
        // The layer outside leaves alone what names its encoding already.
        response
            .headers_mut()
            .entry(header::CONTENT_ENCODING)
            .or_insert(HeaderValue::from_static("identity"));
    }
    response
}

/// What became of a call.
#[derive(Debug)]
pub enum Outcome {
    /// An answer.
    Reply(Reply),
    /// The connection breaks.
    Broken,
}

async fn graph(Extract(world): Extract<World>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let request_id = guid(&mut world.lock().request_ids);
    let client_request_id = parts
        .headers
        .get(CLIENT_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .unwrap_or(&request_id)
        .to_owned();
    let outcome = receive(&world, &parts, body, &request_id, &client_request_id).await;
    match outcome {
        Outcome::Broken => broken(),
        Outcome::Reply(mut reply) => {
            if let Ok(value) = HeaderValue::from_str(&request_id) {
                reply.headers.push((REQUEST_ID, value));
            }
            if let Ok(value) = HeaderValue::from_str(&client_request_id) {
                reply.headers.push((CLIENT_REQUEST_ID, value));
            }
            reply.into_response()
        }
    }
}

async fn receive(
    world: &World,
    parts: &axum::http::request::Parts,
    body: Body,
    request_id: &str,
    client_request_id: &str,
) -> Outcome {
    let refuse = |fault: GraphFault| {
        let state = world.lock();
        let empty = state.knobs.empty_error_bodies;
        Outcome::Reply(fault.into_reply(state.now(), request_id, client_request_id, empty))
    };
    let caller = match authenticate(world, parts) {
        Ok(caller) => caller,
        Err(fault) => return refuse(fault),
    };
    let Ok(body) = axum::body::to_bytes(body, MOST_BODY).await else {
        return refuse(GraphFault::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "The request is larger than the server takes.",
        ));
    };
    let raw_path = parts.uri.path().strip_prefix("/v1.0").unwrap_or_default();
    if raw_path == "/$batch" {
        return match batch::serve(world, &parts.method, &caller, &body).await {
            Ok(reply) => Outcome::Reply(reply),
            Err(fault) => refuse(fault),
        };
    }
    let query = match Query::parse(parts.uri.query().unwrap_or_default()) {
        Ok(query) => query,
        Err(fault) => return refuse(fault),
    };
    let call = Call {
        method: parts.method.clone(),
        path: segments(raw_path),
        raw_path: raw_path.to_owned(),
        query,
        prefer: Prefer::of(&parts.headers),
        headers: parts.headers.clone(),
        body,
        caller,
        root: world.graph_root(),
    };
    let path_and_query = parts
        .uri
        .path_and_query()
        .map_or(raw_path, axum::http::uri::PathAndQuery::as_str);
    serve(world, &call, path_and_query, request_id, client_request_id).await
}

fn authenticate(world: &World, parts: &axum::http::request::Parts) -> Result<Caller, GraphFault> {
    let bearer = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| GraphFault::invalid_token("Access token is empty."))?;
    let state = world.lock();
    let now = state.now();
    state.identity.check(bearer, now)
}

/// Answers one call, of its own or out of a batch.
pub async fn serve(
    world: &World,
    call: &Call,
    path_and_query: &str,
    request_id: &str,
    client_request_id: &str,
) -> Outcome {
    let effect = world
        .lock()
        .faults
        .strike(call.method.as_str(), path_and_query);
    if let Some(effect) = effect {
        if effect.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(effect.delay_ms)).await;
        }
        if effect.reset {
            return Outcome::Broken;
        }
        if let Some(reply) = effect.reply {
            let mut state = world.lock();
            state.stats.count(call.method.as_str(), &call.path);
            state.stats.answered(reply.status.as_u16());
            return Outcome::Reply(reply);
        }
    }
    let result = answer(world, call).await;
    if call.method != Method::GET {
        world.wake();
    }
    let mut state = world.lock();
    let reply = match result {
        Ok(Outcome::Reply(reply)) => reply,
        Ok(Outcome::Broken) => return Outcome::Broken,
        Err(fault) => {
            let empty = state.knobs.empty_error_bodies;
            fault.into_reply(state.now(), request_id, client_request_id, empty)
        }
    };
    state.stats.answered(reply.status.as_u16());
    Outcome::Reply(reply)
}

/// Where a path leads.
enum Target<'c> {
    /// A person's mailbox, or the person.
    Mailbox(usize, &'c [String]),
    /// The subscriptions.
    Subscriptions(&'c [String]),
}

async fn answer(world: &World, call: &Call) -> Result<Outcome, GraphFault> {
    let (target, _admission) = {
        let mut state = world.lock();
        state.stats.count(call.method.as_str(), &call.path);
        state.settle();
        let target = locate(&state, call)?;
        let admission = match &target {
            Target::Mailbox(index, rest) if !rest.is_empty() => {
                if !call.prefer.immutable_ids {
                    state.stats.without_id_type += 1;
                }
                Some(admit(world, &mut state, call, *index)?)
            }
            _ => None,
        };
        (target, admission)
    };
    let latency = world.lock().knobs.latency_ms;
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    match target {
        Target::Subscriptions(rest) => subscriptions::handle(world, call, rest).await,
        Target::Mailbox(index, rest) => {
            let mut state = world.lock();
            let mut reply = in_mailbox(&mut state, index, call, rest)?;
            if let Some(applied) = call.prefer.applied() {
                reply = reply.with_header(PREFERENCE_APPLIED, &applied);
            }
            Ok(Outcome::Reply(reply))
        }
    }
}

fn in_mailbox(
    state: &mut State,
    index: usize,
    call: &Call,
    rest: &[String],
) -> Result<Reply, GraphFault> {
    let Some(area) = rest.first() else {
        return user(state, index, call);
    };
    if !state
        .mailboxes
        .get(index)
        .is_some_and(|mailbox| mailbox.licensed)
    {
        return Err(GraphFault::new(
            StatusCode::NOT_FOUND,
            "MailboxNotEnabledForRESTAPI",
            "REST API is not yet supported for this mailbox.",
        ));
    }
    match area.to_ascii_lowercase().as_str() {
        "calendars" | "calendar" | "calendargroups" | "calendarview" | "events" => {
            let need = if call.method == Method::GET {
                Need::Read
            } else {
                Need::Write
            };
            permit(&call.caller, "Calendars", need)?;
            calendar::handle(state, index, call, rest)
        }
        "messages" | "mailfolders" | "sendmail" | "translateexchangeids" => {
            permit(&call.caller, "Mail", mail::needs(&call.method, rest))?;
            mail::handle(state, index, call, rest)
        }
        _ => Err(GraphFault::no_such_resource(area)),
    }
}

fn locate<'c>(state: &State, call: &'c Call) -> Result<Target<'c>, GraphFault> {
    let first = call.path.first().map(|first| first.to_ascii_lowercase());
    match first.as_deref() {
        Some("me") => {
            let user = call.caller.user.as_ref().ok_or_else(|| {
                GraphFault::bad_request(
                    "BadRequest",
                    "/me request is only valid with delegated authentication flow.",
                )
            })?;
            let index = state
                .find_mailbox(&user.0)
                .ok_or_else(GraphFault::no_such_user)?;
            Ok(Target::Mailbox(index, &call.path[1..]))
        }
        Some("users") => {
            let name = call.path.get(1).ok_or_else(GraphFault::access_denied)?;
            let index = state
                .find_mailbox(name)
                .ok_or_else(GraphFault::no_such_user)?;
            reachable(state, &call.caller, index)?;
            Ok(Target::Mailbox(index, &call.path[2..]))
        }
        Some("subscriptions") => Ok(Target::Subscriptions(&call.path[1..])),
        Some(other) => Err(GraphFault::no_such_resource(other)),
        None => Err(GraphFault::no_such_resource("")),
    }
}

fn user(state: &State, index: usize, call: &Call) -> Result<Reply, GraphFault> {
    if call.method != Method::GET {
        return Err(GraphFault::method_not_allowed());
    }
    let mailbox = state
        .mailboxes
        .get(index)
        .ok_or_else(GraphFault::no_such_user)?;
    let user = &mailbox.user;
    let mut body = serde_json::Map::new();
    body.insert(
        "@odata.context".to_owned(),
        format!("{}/$metadata#users/$entity", call.root).into(),
    );
    for (name, value) in [
        ("id", &user.id.0),
        ("displayName", &user.display_name),
        ("mail", &user.address),
        ("userPrincipalName", &user.address),
    ] {
        if name == "id" || call.query.selects(name) {
            body.insert(name.to_owned(), value.clone().into());
        }
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

/// A request's place among those in flight, given back when it is dropped.
struct Admission {
    world: World,
    key: Key,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.world.lock().throttle.leave(&self.key);
    }
}

fn admit(
    world: &World,
    state: &mut State,
    call: &Call,
    index: usize,
) -> Result<Admission, GraphFault> {
    let key = (call.caller.app_id.clone(), index);
    let uploads = matches!(call.method, Method::POST | Method::PUT | Method::PATCH);
    let upload = if uploads { call.body.len() as u64 } else { 0 };
    let now = state.now();
    let in_flight = state.throttle.enter(&key, upload, now, &state.knobs)?;
    state.stats.max_concurrency = state.stats.max_concurrency.max(in_flight);
    Ok(Admission {
        world: world.clone(),
        key,
    })
}

/// An answer that promises a body and breaks off.
pub fn broken() -> Response {
    let failed: Result<Bytes, io::Error> = Err(io::Error::from(io::ErrorKind::ConnectionReset));
    let mut response = Response::new(Body::from_stream(stream::iter([failed])));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from_static("4096"));
    response
}
