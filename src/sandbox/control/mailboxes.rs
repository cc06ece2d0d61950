//! Commands about mailboxes: what is in them, edits, new mail, delta tokens.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::attach::AttachmentOrder;
use super::super::calendar::event::Response as Attendance;
use super::super::commands::{CommandError, DeltaKind};
use super::super::edits::EditOrder;
use super::super::stamp;
use super::super::world::World;
use super::{Answer, Refused, read};

pub(super) async fn list(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "mailboxes": world.mailboxes() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TruthWindow {
    #[serde(default)]
    window_start: Option<String>,
    #[serde(default)]
    window_end: Option<String>,
}

pub(super) async fn truth(
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

pub(super) async fn edit(
    Extract(world): Extract<World>,
    Path(mailbox): Path<String>,
    body: Bytes,
) -> Answer {
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

pub(super) async fn deliver(
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

pub(super) async fn attach(
    Extract(world): Extract<World>,
    Path((mailbox, message)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let order: AttachmentOrder = read(&body)?;
    let id = world.attach(&mailbox, &message, &order)?;
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    address: String,
    response: String,
}

pub(super) async fn respond(
    Extract(world): Extract<World>,
    Path((mailbox, event)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, Refused> {
    let Answered { address, response } = read(&body)?;
    let answers = [
        Attendance::Accepted,
        Attendance::TentativelyAccepted,
        Attendance::Declined,
    ];
    let response = Attendance::named(&response)
        .filter(|response| answers.contains(response))
        .ok_or_else(|| {
            let known = "a response is accepted, tentativelyAccepted or declined";
            Refused(StatusCode::BAD_REQUEST, known.to_owned())
        })?;
    world.respond(&mailbox, &event, &address, response)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Licence {
    on: bool,
}

pub(super) async fn licence(
    Extract(world): Extract<World>,
    Path(mailbox): Path<String>,
    body: Bytes,
) -> Answer {
    let Licence { on } = read(&body)?;
    world.set_licence(&mailbox, on)?;
    Ok(Json(json!({ "licensed": on })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expiry {
    #[serde(default)]
    mailbox: Option<String>,
    #[serde(default)]
    kind: Option<DeltaKind>,
}

pub(super) async fn expire(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Expiry { mailbox, kind } = read(&body)?;
    let expired = world.expire_delta_tokens(mailbox.as_deref(), kind)?;
    Ok(Json(json!({ "expired": expired })))
}
