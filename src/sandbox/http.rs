//! A request's way: authentication, faults, limits, latency, then the part that answers it.
//!
//! A part of a batch enters at [`serve`], so that limits and faults know no difference.

use std::any::Any;
use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};

use super::call::{Call, Reply, segments};
use super::error::GraphFault;
use super::faults::{Effect, Struck};
use super::identity::Caller;
use super::ids::guid;
use super::permission::{Need, permit, reachable};
use super::prefer::Prefer;
use super::query::Query;
use super::throttle::Key;
use super::world::{State, World};
use super::{batch, calendar, control, identity, mail, subscriptions, uploads};
use crate::model::time::Clock as _;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
pub(super) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The most a request may carry (F8.13): about 4 MB, so that a file just under 3 MB fits in base64 with
/// the JSON around it, and nothing lies between the largest that is posted and the smallest that is
/// uploaded.
const MOST_BODY: usize = 4 * 1024 * 1024 + 16 * 1024;

/// Files are mostly compressed already, and large.
const FILES_ARE_LEFT_ALONE: NotForContentType =
    NotForContentType::const_new("application/octet-stream");

/// Everything the sandbox serves, on one listener.
pub fn router(world: &World) -> Router {
    Router::new()
        .route("/v1.0", any(graph))
        .route("/v1.0/", any(graph))
        .route("/v1.0/{*path}", any(graph))
        .route("/api/v2.0/{*path}", any(uploads::answer))
        .fallback(nowhere)
        .with_state(world.clone())
        .nest("/sandbox/control", control::router(world))
        .merge(identity::router(world))
        .layer(axum::middleware::from_fn_with_state(
            world.clone(),
            forget_encodings,
        ))
        .layer(CatchPanicLayer::custom(panicked(world)))
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(DefaultPredicate::new().and(FILES_ARE_LEFT_ALONE)),
        )
        .layer(axum::middleware::from_fn_with_state(world.clone(), dated))
}

/// Whatever leads nowhere, other versions of Graph too.
async fn nowhere(Extract(world): Extract<World>, headers: HeaderMap) -> Response {
    apart(&world, GraphFault::nothing_there(), &headers)
}

/// What a handler that panicked is answered with, outside of Graph's calls.
fn panicked(world: &World) -> impl Fn(Box<dyn Any + Send>) -> Response + Clone + use<> {
    let world = world.clone();
    move |_| {
        let fault = GraphFault::usual(StatusCode::INTERNAL_SERVER_ERROR);
        apart(&world, fault, &HeaderMap::new())
    }
}

/// A refusal that no call of Graph's led to, in Graph's envelope all the same (S11).
fn apart(world: &World, fault: GraphFault, headers: &HeaderMap) -> Response {
    let (request_id, client_request_id) = request_ids(world, headers);
    let reply = refusal(world, fault, &request_id, &client_request_id);
    named(reply, &request_id, &client_request_id).into_response()
}

/// The time of an answer is the sandbox's, like every other time it tells.
async fn dated(
    Extract(world): Extract<World>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let mut response = next.run(request).await;
    let date = world.clock().now().format("%a, %d %b %Y %H:%M:%S GMT");
    if let Ok(date) = HeaderValue::from_str(&date.to_string()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
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
    let (request_id, client_request_id) = request_ids(&world, &parts.headers);
    let outcome = receive(&world, &parts, body, &request_id, &client_request_id).await;
    match outcome {
        Outcome::Broken => broken(),
        Outcome::Reply(reply) => named(reply, &request_id, &client_request_id).into_response(),
    }
}

/// The id of a request, and the one its client gave it.
pub(super) fn request_ids(world: &World, headers: &HeaderMap) -> (String, String) {
    let request_id = guid(&mut world.lock().request_ids);
    let client_request_id = headers
        .get(CLIENT_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .unwrap_or(&request_id)
        .to_owned();
    (request_id, client_request_id)
}

/// The same answer with both ids in its headers (S11).
pub(super) fn named(reply: Reply, request_id: &str, client_request_id: &str) -> Reply {
    reply
        .with_header(REQUEST_ID, request_id)
        .with_header(CLIENT_REQUEST_ID, client_request_id)
}

/// A refusal in its envelope, as the knobs say.
pub(super) fn refusal(
    world: &World,
    fault: GraphFault,
    request_id: &str,
    client_request_id: &str,
) -> Reply {
    let state = world.lock();
    let empty = state.knobs.empty_error_bodies;
    fault.into_reply(state.now(), request_id, client_request_id, empty)
}

async fn receive(
    world: &World,
    parts: &axum::http::request::Parts,
    body: Body,
    request_id: &str,
    client_request_id: &str,
) -> Outcome {
    let refuse = |fault| Outcome::Reply(refusal(world, fault, request_id, client_request_id));
    let caller = match authenticate(world, parts) {
        Ok(caller) => caller,
        Err(fault) => return refuse(fault),
    };
    let Some(body) = read_to_end(body, MOST_BODY).await else {
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

/// A body of at most `most` bytes. A longer one is read to its end all the same: whoever still writes when the
/// connection is closed does not read the answer.
pub(super) async fn read_to_end(body: Body, most: usize) -> Option<Bytes> {
    let mut chunks = body.into_data_stream();
    let mut read = BytesMut::new();
    let mut length = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.ok()?;
        length += chunk.len();
        if length <= most {
            read.extend_from_slice(&chunk);
        }
    }
    (length <= most).then(|| read.freeze())
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
    let asked = Asked {
        method: &call.method,
        path: &call.path,
        request_id,
        client_request_id,
    };
    let effect = world
        .lock()
        .faults
        .strike(call.method.as_str(), path_and_query);
    under(world, effect, &asked, answer(world, call)).await
}

/// What faults, limits and counts need to know of a call.
pub(super) struct Asked<'a> {
    /// Its method.
    pub(super) method: &'a Method,
    /// Its path, for the counts.
    pub(super) path: &'a [String],
    /// Its id.
    pub(super) request_id: &'a str,
    /// The one its client gave it.
    pub(super) client_request_id: &'a str,
}

/// Carries a call out as a fault lets it.
pub(super) async fn under(
    world: &World,
    effect: Option<Effect>,
    asked: &Asked<'_>,
    answer: impl Future<Output = Result<Outcome, GraphFault>>,
) -> Outcome {
    let hold = effect.as_ref().map_or(Duration::ZERO, |effect| effect.hold);
    let lose = effect.as_ref().is_some_and(|effect| effect.lose);
    let outcome = struck_or_answered(world, effect, asked, answer).await;
    if hold > Duration::ZERO {
        world.clock().sleep(hold).await;
    }
    if lose { Outcome::Broken } else { outcome }
}

async fn struck_or_answered(
    world: &World,
    effect: Option<Effect>,
    asked: &Asked<'_>,
    answer: impl Future<Output = Result<Outcome, GraphFault>>,
) -> Outcome {
    let refuse = |fault| refusal(world, fault, asked.request_id, asked.client_request_id);
    if let Some(effect) = effect {
        if effect.delay > Duration::ZERO {
            world.clock().sleep(effect.delay).await;
        }
        if effect.reset {
            return Outcome::Broken;
        }
        let reply = effect.answer.map(|answer| match answer {
            Struck::Reply(reply) => reply,
            Struck::Fault(fault) => refuse(fault),
        });
        if let Some(reply) = reply {
            let mut state = world.lock();
            state.stats.count(asked.method.as_str(), asked.path);
            state.stats.answered(reply.status.as_u16());
            return Outcome::Reply(reply);
        }
    }
    let result = unless_it_panics(answer).await;
    if asked.method != Method::GET {
        world.wake();
    }
    let reply = match result {
        Ok(Outcome::Reply(reply)) => reply,
        Ok(Outcome::Broken) => return Outcome::Broken,
        Err(fault) => refuse(fault),
    };
    world.lock().stats.answered(reply.status.as_u16());
    Outcome::Reply(reply)
}

/// A call that panics is refused as any other that fails, alone among the parts of its batch.
async fn unless_it_panics(
    call: impl Future<Output = Result<Outcome, GraphFault>>,
) -> Result<Outcome, GraphFault> {
    let failed = |_| Err(GraphFault::usual(StatusCode::INTERNAL_SERVER_ERROR));
    AssertUnwindSafe(call)
        .catch_unwind()
        .await
        .unwrap_or_else(failed)
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
    let latency = Duration::from_millis(world.lock().knobs.latency_ms);
    if latency > Duration::ZERO {
        world.clock().sleep(latency).await;
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
pub(super) struct Admission {
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
    let upload = if uploads { call.body.len() } else { 0 };
    enter(world, state, key, upload)
}

/// Lets a request in that carries `upload` bytes, or refuses it (S12 to S14).
pub(super) fn enter(
    world: &World,
    state: &mut State,
    key: Key,
    upload: usize,
) -> Result<Admission, GraphFault> {
    let now = state.now();
    let in_flight = state
        .throttle
        .enter(&key, upload as u64, now, &state.knobs)?;
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use axum::routing::get;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::sandbox::Options;

    #[tokio::test]
    async fn s11_a_call_that_panics_is_refused_with_the_code_of_a_server_that_fails() {
        let failed = unless_it_panics(poll_fn(|_| panic!("on purpose"))).await;

        let fault = failed.unwrap_err();
        assert_eq!(
            (fault.status.as_u16(), fault.code.as_str()),
            (500, "ErrorInternalServerError")
        );
    }

    #[tokio::test]
    async fn s11_a_panic_anywhere_else_is_answered_in_the_envelope_too() {
        let panics = || poll_fn(|_| -> Poll<()> { panic!("on purpose") });
        let options = Options {
            mailboxes: 1,
            messages: Some(0),
            events: false,
            ..Options::default()
        };
        let world = World::seeded(&options, "http://127.0.0.1:1".to_owned());
        let router: Router = Router::new()
            .route("/", get(panics))
            .layer(CatchPanicLayer::custom(panicked(&world)));

        let request = Request::new(Body::empty());
        let response = router.oneshot(request).await.unwrap();

        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let id = response.headers()[REQUEST_ID].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 4096)
            .await
            .unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], "ErrorInternalServerError");
        assert_eq!(body["error"]["innerError"]["request-id"], id.as_str());
    }
}
