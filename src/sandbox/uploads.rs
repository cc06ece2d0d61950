//! The host that upload sessions are fed on (F2.4, F8.10, S71).
//!
//! With the real service it is Outlook's own, not Graph's: what opens a session is its address alone,
//! and a call that brings a token all the same is refused. Limits and faults are those of every call.

use std::time::Duration;

use axum::extract::{Request, State as Extract};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use super::call::Reply;
use super::error::GraphFault;
use super::http::{self, Asked, Outcome};
use super::knobs::TokenRefusal;
use super::mail::upload;
use super::query::Query;
use super::world::World;
use crate::model::time::Clock as _;

/// Answers a call on an upload session.
pub(super) async fn answer(Extract(world): Extract<World>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (request_id, client_request_id) = http::request_ids(&world, &parts.headers);
    let token = token_of(&parts);
    let path_and_query = parts
        .uri
        .path_and_query()
        .map_or("", axum::http::uri::PathAndQuery::as_str);
    let effect = {
        let mut state = world.lock();
        let effect = state.faults.strike(parts.method.as_str(), path_and_query);
        if effect.as_ref().is_some_and(|effect| effect.expire_upload) {
            state.uploads.expire(&token);
        }
        effect
    };
    let path = ["attachmentSessions".to_owned(), token.clone()];
    let asked = Asked {
        method: &parts.method,
        path: &path,
        request_id: &request_id,
        client_request_id: &client_request_id,
    };
    let body = http::read_to_end(body, upload::LARGEST_RANGE).await;
    let carried_out = carry_out(&world, &parts, &path, &token, body);
    match http::under(&world, effect, &asked, carried_out).await {
        Outcome::Broken => http::broken(),
        Outcome::Reply(reply) => {
            http::named(reply, &request_id, &client_request_id).into_response()
        }
    }
}

/// What opens the session.
fn token_of(parts: &Parts) -> String {
    Query::parse(parts.uri.query().unwrap_or_default())
        .ok()
        .and_then(|query| query.get("authtoken").map(str::to_owned))
        .unwrap_or_default()
}

async fn carry_out(
    world: &World,
    parts: &Parts,
    path: &[String],
    token: &str,
    body: Option<Bytes>,
) -> Result<Outcome, GraphFault> {
    let length = body.as_ref().map_or(0, Bytes::len);
    let (latency, _admission) = {
        let mut state = world.lock();
        state.stats.count(parts.method.as_str(), path);
        state.settle();
        check_bare(state.knobs.upload_token_refusal, parts)?;
        let now = state.now();
        let key = state
            .uploads
            .key(token, now)
            .ok_or_else(upload::no_such_session)?;
        let admission = http::enter(world, &mut state, key, length)?;
        (Duration::from_millis(state.knobs.latency_ms), admission)
    };
    if latency > Duration::ZERO {
        world.clock().sleep(latency).await;
    }
    let Some(body) = body else {
        return Err(GraphFault::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "A range has at most 4 MB.",
        ));
    };
    let state = &mut *world.lock();
    let reply: Reply = match parts.method {
        Method::GET => upload::progress(state, token),
        Method::DELETE => upload::cancel(state, token),
        Method::PUT => {
            let range = parts.headers.get(header::CONTENT_RANGE);
            let range = range.and_then(|range| range.to_str().ok());
            upload::put(state, token, range, &body)
        }
        _ => Err(GraphFault::method_not_allowed()),
    }?;
    Ok(Outcome::Reply(reply))
}

/// F2.4: the address is the key, and a token beside it is one too many.
fn check_bare(refusal: TokenRefusal, parts: &Parts) -> Result<(), GraphFault> {
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    match refusal {
        TokenRefusal::None => Ok(()),
        TokenRefusal::Unauthorized => Err(GraphFault::invalid_token(
            "The audience claim value is invalid for this resource.",
        )),
        TokenRefusal::BadRequest => Err(GraphFault::bad_request(
            "ErrorInvalidRequest",
            "An upload carries no Authorization header.",
        )),
    }
}
