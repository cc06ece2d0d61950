//! The control interface: the commands of a world, over HTTP, below `/sandbox/control`.
//!
//! Each handler reads what came, calls one command and answers JSON. What cannot be read or done is
//! answered with 400 or 404 and a sentence in `error`. `docs/reference/sandbox.md` describes every
//! endpoint; a test holds the two together.

mod identity;
mod mailboxes;
mod subscriptions;

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Settings;
use super::commands::CommandError;
use super::dump::Dump;
use super::faults::FaultRule;
use super::world::World;
use crate::model::time::Clock as _;

/// Every endpoint: method, path below the prefix, what it does.
pub const ENDPOINTS: &[(&str, &str, &str)] = &[
    ("GET", "/", "this list"),
    ("GET", "/settings", "what a client needs to know"),
    ("GET", "/mailboxes", "all mailboxes"),
    ("GET", "/mailboxes/{id}/truth", "what a mirror should hold"),
    ("POST", "/mailboxes/{id}/edits", "random edits"),
    ("POST", "/mailboxes/{id}/messages", "new mail arrives"),
    (
        "POST",
        "/mailboxes/{id}/messages/{message}/attachments",
        "gives a message an attachment",
    ),
    (
        "POST",
        "/mailboxes/{id}/licence",
        "gives or takes the licence",
    ),
    (
        "POST",
        "/mailboxes/{id}/events/{event}/responses",
        "someone invited answers",
    ),
    ("GET", "/clock", "the sandbox's time"),
    ("POST", "/clock/advance", "moves the clock forward"),
    ("GET", "/knobs", "how the knobs stand"),
    ("PATCH", "/knobs", "turns knobs"),
    ("GET", "/faults", "the faults that are set"),
    ("POST", "/faults", "sets a fault"),
    ("DELETE", "/faults", "clears all faults"),
    ("DELETE", "/faults/{id}", "clears one fault"),
    ("GET", "/stats", "what was asked and what was delivered"),
    ("GET", "/dump", "cursors, queues and knobs as they stand"),
    ("POST", "/delta/expire", "ends delta tokens"),
    ("GET", "/subscriptions", "how the subscriptions stand"),
    ("POST", "/subscriptions/end", "ends subscriptions"),
    (
        "POST",
        "/subscriptions/lifecycle",
        "sends a lifecycle event",
    ),
    (
        "POST",
        "/subscriptions/hostile",
        "posts what nobody should trust",
    ),
    ("POST", "/identity/revoke", "ends a person's refresh tokens"),
    ("POST", "/identity/lapse", "ends all access tokens"),
    ("POST", "/identity/rotate-keys", "changes the signing key"),
    (
        "POST",
        "/identity/token",
        "an access token without a sign-in",
    ),
    (
        "GET",
        "/identity/applications",
        "the registered applications",
    ),
    ("POST", "/identity/applications", "registers an application"),
    (
        "PATCH",
        "/identity/applications/{id}",
        "changes an application",
    ),
];

/// The control interface, to be nested below its prefix.
pub fn router(world: &World) -> Router {
    let routes: Vec<(&str, MethodRouter<World>)> = vec![
        ("/", get(index)),
        ("/settings", get(settings)),
        ("/mailboxes", get(mailboxes::list)),
        ("/mailboxes/{id}/truth", get(mailboxes::truth)),
        ("/mailboxes/{id}/edits", post(mailboxes::edit)),
        ("/mailboxes/{id}/messages", post(mailboxes::deliver)),
        (
            "/mailboxes/{id}/messages/{message}/attachments",
            post(mailboxes::attach),
        ),
        ("/mailboxes/{id}/licence", post(mailboxes::licence)),
        (
            "/mailboxes/{id}/events/{event}/responses",
            post(mailboxes::respond),
        ),
        ("/clock", get(clock)),
        ("/clock/advance", post(advance)),
        ("/knobs", get(knobs).merge(patch(turn))),
        (
            "/faults",
            get(faults)
                .merge(post(set_fault))
                .merge(delete(clear_faults)),
        ),
        ("/faults/{id}", delete(clear_fault)),
        ("/stats", get(stats)),
        ("/dump", get(dump)),
        ("/delta/expire", post(mailboxes::expire)),
        ("/subscriptions", get(subscriptions::list)),
        ("/subscriptions/end", post(subscriptions::end_subscriptions)),
        (
            "/subscriptions/lifecycle",
            post(subscriptions::send_lifecycle),
        ),
        ("/subscriptions/hostile", post(subscriptions::send_hostile)),
        ("/identity/revoke", post(identity::revoke)),
        ("/identity/lapse", post(identity::lapse)),
        ("/identity/rotate-keys", post(identity::rotate_keys)),
        ("/identity/token", post(identity::issue_token)),
        (
            "/identity/applications",
            get(identity::applications).merge(post(identity::register)),
        ),
        (
            "/identity/applications/{id}",
            patch(identity::change_application),
        ),
    ];
    routes
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| {
            router.route(path, methods)
        })
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(world.clone())
}

/// A command that was not carried out.
struct Refused(StatusCode, String);

impl From<CommandError> for Refused {
    fn from(error: CommandError) -> Self {
        let status = match error {
            CommandError::UnknownMailbox(_)
            | CommandError::UnknownMessage(_)
            | CommandError::NotInvited(_)
            | CommandError::UnknownApplication(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            text = format!("{text}: {source}");
            cause = source.source();
        }
        Self(status, text)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

type Answer<T = Value> = Result<Json<T>, Refused>;

/// A body of JSON, whatever its content type says; nothing at all is an empty object.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    let text = if body.is_empty() { b"{}" } else { &body[..] };
    serde_json::from_slice(text).map_err(|error| {
        Refused(
            StatusCode::BAD_REQUEST,
            format!("the body is not what this command takes: {error}"),
        )
    })
}

async fn unknown() -> Refused {
    Refused(
        StatusCode::NOT_FOUND,
        "there is no such command; GET /sandbox/control lists them".to_owned(),
    )
}

async fn index() -> Json<Value> {
    let endpoints: Vec<_> = ENDPOINTS
        .iter()
        .map(|(method, path, what)| json!({"method": method, "path": path, "what": what}))
        .collect();
    Json(json!({ "endpoints": endpoints }))
}

async fn settings(Extract(world): Extract<World>) -> Json<Settings> {
    Json(world.settings())
}

async fn clock(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "now": world.clock().now() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

async fn advance(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Advance { seconds } = read(&body)?;
    let by = Duration::try_from_secs_f64(seconds).map_err(|error| {
        Refused(
            StatusCode::BAD_REQUEST,
            format!("the clock cannot be moved by {seconds} seconds: {error}"),
        )
    })?;
    Ok(Json(json!({ "now": world.advance(by) })))
}

async fn knobs(Extract(world): Extract<World>) -> Json<Value> {
    Json(serde_json::to_value(world.knobs()).unwrap_or_default())
}

async fn turn(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let patch: Value = read(&body)?;
    let knobs = world.turn_knobs(&patch)?;
    Ok(Json(serde_json::to_value(knobs).unwrap_or_default()))
}

async fn faults(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "faults": world.faults() }))
}

async fn set_fault(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let rule: FaultRule = read(&body)?;
    let id = world.set_fault(rule)?;
    Ok(Json(json!({ "id": id })))
}

async fn clear_faults(Extract(world): Extract<World>) -> StatusCode {
    world.clear_faults();
    StatusCode::NO_CONTENT
}

async fn clear_fault(Extract(world): Extract<World>, Path(id): Path<u64>) -> StatusCode {
    if world.lock().faults.remove(id) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn dump(Extract(world): Extract<World>) -> Json<Dump> {
    Json(world.dump())
}

async fn stats(Extract(world): Extract<World>) -> Json<Value> {
    let stats = world.lock().stats.clone();
    Json(json!({ "graph": stats, "notifications": world.deliveries() }))
}
