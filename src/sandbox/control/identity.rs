//! Commands about identity: revocations, tokens, keys, applications.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::commands::ApplicationChange;
use super::super::identity::Revocation;
use super::super::world::World;
use super::{Answer, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    user: String,
    kind: Revocation,
}

pub(super) async fn revoke(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Revoke { user, kind } = read(&body)?;
    let revoked = world.revoke(&user, kind)?;
    Ok(Json(json!({ "revoked": revoked })))
}

pub(super) async fn lapse(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "ended": world.lapse_tokens() }))
}

pub(super) async fn rotate_keys(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "published": world.rotate_keys() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenWish {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    scopes: Vec<String>,
}

pub(super) async fn issue_token(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let TokenWish {
        user,
        client_id,
        scopes,
    } = read(&body)?;
    let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
    let token = world.issue_token_to(client_id.as_deref(), user.as_deref(), &scopes)?;
    Ok(Json(json!({ "access_token": token })))
}

pub(super) async fn applications(Extract(world): Extract<World>) -> Json<Value> {
    Json(json!({ "applications": world.applications() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    display_name: String,
    #[serde(default)]
    tenant_id: Option<String>,
}

pub(super) async fn register(Extract(world): Extract<World>, body: Bytes) -> Answer {
    let Registration {
        display_name,
        tenant_id,
    } = read(&body)?;
    let application = world.register_application(display_name, tenant_id)?;
    Ok(Json(serde_json::to_value(application).unwrap_or_default()))
}

pub(super) async fn change_application(
    Extract(world): Extract<World>,
    Path(client_id): Path<String>,
    body: Bytes,
) -> Answer {
    let change: ApplicationChange = read(&body)?;
    let application = world.change_application(&client_id, &change)?;
    Ok(Json(serde_json::to_value(application).unwrap_or_default()))
}
