//! What a verifier reads: the metadata of both versions, and the key set (F2.5, S10).

use axum::Json;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::super::world::World;
use super::error::TokenError;
use super::person;
use crate::model::time::Clock as _;

/// The tenant as issuers spell it: shared endpoints leave it open.
fn issuer_tenant(world: &World, tenant: &str) -> Option<String> {
    let state = world.lock();
    match state.identity.tenant(tenant) {
        Some(id) => Some(id.to_owned()),
        None => state
            .identity
            .is_tenant(tenant)
            .then(|| "{tenantid}".to_owned()),
    }
}

fn unknown(world: &World, tenant: &str) -> Response {
    let now = world.clock().now();
    let mut state = world.lock();
    TokenError::unknown_tenant(tenant).into_response(now, world.base(), state.identity.rng())
}

pub(super) async fn first(Extract(world): Extract<World>, Path(tenant): Path<String>) -> Response {
    match issuer_tenant(&world, &tenant) {
        None => unknown(&world, &tenant),
        Some(name) => {
            let base = world.base();
            let issuer = format!("https://sts.windows.net/{name}/");
            let keys = format!("{base}/{tenant}/discovery/keys");
            Json(document(base, &tenant, &issuer, &keys)).into_response()
        }
    }
}

pub(super) async fn second(Extract(world): Extract<World>, Path(tenant): Path<String>) -> Response {
    match issuer_tenant(&world, &tenant) {
        None => unknown(&world, &tenant),
        Some(name) => {
            let base = world.base();
            let issuer = format!("{base}/{name}/v2.0");
            let keys = format!("{base}/{tenant}/discovery/v2.0/keys");
            Json(document(base, &tenant, &issuer, &keys)).into_response()
        }
    }
}

fn document(base: &str, tenant: &str, issuer: &str, keys: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "jwks_uri": keys,
        "userinfo_endpoint": format!("{base}/oidc/userinfo"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "oid",
            "ver", "email"
        ],
        "msgraph_host": base.trim_start_matches("http://"),
    })
}

pub(super) async fn key_set(
    Extract(world): Extract<World>,
    Path(tenant): Path<String>,
) -> Response {
    let Some(name) = issuer_tenant(&world, &tenant) else {
        return unknown(&world, &tenant);
    };
    let keys = world.lock().identity.keys();
    let issuer = format!("{}/{name}/v2.0", world.base());
    Json(keys.key_set(issuer).await).into_response()
}

/// `GET /oidc/userinfo`.
pub(super) async fn user_info(Extract(world): Extract<World>, headers: HeaderMap) -> Response {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let now = world.clock().now();
    let caller = world.lock().identity.check(bearer, now);
    let signed_in = caller
        .ok()
        .and_then(|caller| Some((caller.app_id.clone(), person(&world, &caller.user?.0)?)));
    match signed_in {
        Some((app_id, person)) => Json(json!({
            "sub": format!("{}.{app_id}", person.id),
            "name": person.display_name,
            "email": person.address,
        }))
        .into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
