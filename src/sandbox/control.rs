//! The control interface: the commands of a world, over HTTP, below `/sandbox/control`.
//!
//! Each handler reads what came, calls one command and answers JSON. What cannot be read or done is
//! answered with 400 or 404 and a sentence in `error`. `docs/reference/sandbox.md` describes every
//! endpoint; a test holds the two together.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Settings;
use super::commands::{ApplicationChange, CommandError, DeltaKind, Which};
use super::edits::EditOrder;
use super::faults::FaultRule;
use super::hostile::Hostility;
use super::identity::grants::Revocation;
use super::lifecycle::LifecycleEvent;
use super::stamp;
use super::world::World;
use crate::model::time::Clock as _;

/// Every endpoint: method, path below the prefix, what it does.
pub const ENDPOINTS: &[(&str, &str, &str)] = &[
    ("GET", "/", "this list"),
    ("GET", "/settings", "what a client needs to know"),
    ("GET", "/mailboxes", "all mailboxes"),
    (
        "POST",
        "/mailboxes/{id}/licence",
        "gives or takes the licence",
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
        ("/mailboxes", get(mailboxes)),
        ("/mailboxes/{id}/truth", get(truth)),
        ("/mailboxes/{id}/edits", post(edit)),
        ("/mailboxes/{id}/messages", post(deliver)),
        ("/mailboxes/{id}/licence", post(licence)),
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
        ("/delta/expire", post(expire)),
        ("/subscriptions", get(subscriptions)),
        ("/subscriptions/end", post(end_subscriptions)),
        ("/subscriptions/lifecycle", post(send_lifecycle)),
        ("/subscriptions/hostile", post(send_hostile)),
        ("/identity/revoke", post(revoke)),
        ("/identity/lapse", post(lapse)),
        ("/identity/rotate-keys", post(rotate_keys)),
        ("/identity/token", post(issue_token)),
        (
            "/identity/applications",
            get(applications).merge(post(register)),
        ),
        ("/identity/applications/{id}", patch(change_application)),
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
            CommandError::UnknownMailbox(_) | CommandError::UnknownApplication(_) => {
                StatusCode::NOT_FOUND
            }
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

async fn mailboxes(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "mailboxes": world.mailboxes() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TruthWindow {
    #[serde(default)]
    window_start: Option<String>,
    #[serde(default)]
    window_end: Option<String>,
}

async fn truth(
    Extract(world): Extract<World>,
    Path(mailbox): Path<String>,
    Query(window): Query<TruthWindow>,
) -> Result<Response, Refused> {
    let instant = |text: String| stamp::parse(&text).ok_or(CommandError::Window);
    let window = match (window.window_start, window.window_end) {
        (None, None) => None,
        (Some(from), Some(until)) => Some((instant(from)?, instant(until)?)),
        _ => return Err(CommandError::Window.into()),
    };
    let text = world.truth(&mailbox, window)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

async fn edit(Extract(world): Extract<World>, Path(mailbox): Path<String>, body: Bytes) -> Answer {
    let order: EditOrder = read(&body)?;
    let edits = world.edit(&mailbox, &order)?;
    Ok(Json(json!({ "edits": edits })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    #[serde(default = "one")]
    count: usize,
}

fn one() -> usize {
    1
}

async fn deliver(
    Extract(world): Extract<World>,
    Path(mailbox): Path<String>,
    body: Bytes,
) -> Answer {
    let Delivery { count } = read(&body)?;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(world.deliver_message(&mailbox)?);
    }
    Ok(Json(json!({ "ids": ids })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expiry {
    #[serde(default)]
    mailbox: Option<String>,
    #[serde(default)]
    kind: Option<DeltaKind>,
}

async fn expire(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Expiry { mailbox, kind } = read(&body)?;
    let expired = world.expire_delta_tokens(mailbox.as_deref(), kind)?;
    Ok(Json(json!({ "expired": expired })))
}

#[derive(Deserialize)]
struct Hostile {
    #[serde(flatten)]
    which: Which,
    kind: Hostility,
}

async fn send_hostile(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Hostile { which, kind } = read(&body)?;
    let statuses = world.send_hostile(&which, kind).await?;
    Ok(Json(json!({ "statuses": statuses })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Licence {
    on: bool,
}

async fn licence(
    Extract(world): Extract<World>,
    Path(mailbox): Path<String>,
    body: Bytes,
) -> Answer {
    let Licence { on } = read(&body)?;
    world.set_licence(&mailbox, on)?;
    Ok(Json(json!({ "licensed": on })))
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

async fn stats(Extract(world): Extract<World>) -> Json<Value> {
    let stats = world.lock().stats.clone();
    Json(json!({ "graph": stats, "notifications": world.deliveries() }))
}

async fn subscriptions(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "subscriptions": world.subscriptions() }))
}

#[derive(Deserialize)]
struct End {
    #[serde(flatten)]
    which: Which,
    #[serde(default)]
    silently: bool,
}

async fn end_subscriptions(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let End { which, silently } = read(&body)?;
    let ended = world.end_subscriptions(&which, silently)?;
    Ok(Json(json!({ "ended": ended })))
}

#[derive(Deserialize)]
struct Lifecycle {
    #[serde(flatten)]
    which: Which,
    event: LifecycleEvent,
}

async fn send_lifecycle(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Lifecycle { which, event } = read(&body)?;
    let sent = world.send_lifecycle(&which, event)?;
    Ok(Json(json!({ "sent": sent })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    user: String,
    kind: Revocation,
}

async fn revoke(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Revoke { user, kind } = read(&body)?;
    let revoked = world.revoke(&user, kind)?;
    Ok(Json(json!({ "revoked": revoked })))
}

async fn lapse(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "ended": world.lapse_tokens() }))
}

async fn rotate_keys(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "published": world.rotate_keys() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenWish {
    #[serde(default)]
    user: Option<String>,
    scopes: Vec<String>,
}

async fn issue_token(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let TokenWish { user, scopes } = read(&body)?;
    let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
    let token = world.issue_token(user.as_deref(), &scopes)?;
    Ok(Json(json!({ "access_token": token })))
}

async fn applications(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "applications": world.applications() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    display_name: String,
}

async fn register(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Registration { display_name } = read(&body)?;
    let application = world.register_application(display_name);
    Ok(Json(serde_json::to_value(application).unwrap_or_default()))
}

async fn change_application(
    Extract(world): Extract<World>,
    Path(client_id): Path<String>,
    body: Bytes,
) -> Answer {
    let change: ApplicationChange = read(&body)?;
    let application = world.change_application(&client_id, &change)?;
    Ok(Json(serde_json::to_value(application).unwrap_or_default()))
}
