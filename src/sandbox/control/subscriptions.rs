//! Commands about subscriptions: how they stand, their end, lifecycle events, hostile notifications.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::commands::Which;
use super::super::hostile::Hostility;
use super::super::lifecycle::LifecycleEvent;
use super::super::world::World;
use super::{Answer, read};

pub(super) async fn list(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "subscriptions": world.subscriptions() }))
}

#[derive(Deserialize)]
struct End {
    #[serde(flatten)]
    which: Which,
    #[serde(default)]
    silently: bool,
}

pub(super) async fn end_subscriptions(Extract(world): Extract<World>, body: Bytes) -> Answer {
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

pub(super) async fn send_lifecycle(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Lifecycle { which, event } = read(&body)?;
    let sent = world.send_lifecycle(&which, event)?;
    Ok(Json(json!({ "sent": sent })))
}

#[derive(Deserialize)]
struct Hostile {
    #[serde(flatten)]
    which: Which,
    kind: Hostility,
}

pub(super) async fn send_hostile(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Hostile { which, kind } = read(&body)?;
    let statuses = world.send_hostile(&which, kind).await?;
    Ok(Json(json!({ "statuses": statuses })))
}
