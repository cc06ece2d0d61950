//! The token endpoint: three grants, each with its refusals (F1.5 to F1.7, S2 to S8).

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::super::world::World;
use super::authorize::{Parameters, parameters};
use super::error::TokenError;
use super::grants::Consent;
use super::person;
use super::scopes::{CONSENTED, Scopes, is_graph};
use crate::model::time::Clock as _;

pub(super) async fn token(
    Extract(world): Extract<World>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let parameters = parameters(std::str::from_utf8(&body).ok());
    let granted = match redeem(&world, &tenant, &headers, &parameters) {
        Ok(granted) => granted,
        Err(error) => {
            let now = world.clock().now();
            let mut state = world.lock();
            return error.into_response(now, world.base(), state.identity.rng());
        }
    };
    let mut answer = granted.answer;
    if let Some(claims) = granted.id_claims {
        let keys = world.lock().identity.keys();
        answer.insert("id_token".to_owned(), keys.sign(claims).await.into());
    }
    let headers = [
        ("cache-control", "no-store, no-cache"),
        ("pragma", "no-cache"),
    ];
    (headers, Json(answer)).into_response()
}

struct Granted {
    answer: Map<String, Value>,
    id_claims: Option<Value>,
}

fn redeem(
    world: &World,
    tenant: &str,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Granted, TokenError> {
    let given = |name: &str| {
        parameters
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let grant_type = given("grant_type").ok_or_else(|| TokenError::missing("grant_type"))?;
    let client_credentials = grant_type == "client_credentials";
    {
        let state = world.lock();
        let anyones = ["common", "organizations", "consumers"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(tenant));
        if client_credentials && anyones {
            return Err(TokenError::new(
                "invalid_request",
                900_1023,
                "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
            ));
        }
        if !state.identity.is_tenant(tenant) {
            return Err(TokenError::unknown_tenant(tenant));
        }
    }
    let client_id = authenticate(world, tenant, headers, parameters)?;
    match grant_type {
        "authorization_code" => {
            let code = given("code").ok_or_else(|| TokenError::missing("code"))?;
            let redirect_uri =
                given("redirect_uri").ok_or_else(|| TokenError::missing("redirect_uri"))?;
            let consent = {
                let mut state = world.lock();
                let now = state.now();
                let verifier = given("code_verifier");
                state
                    .identity
                    .grants
                    .redeem(code, &client_id, redirect_uri, verifier, now)?
            };
            let scopes = consent.scopes.clone();
            Ok(delegated(world, consent, &scopes))
        }
        "refresh_token" => {
            let token =
                given("refresh_token").ok_or_else(|| TokenError::missing("refresh_token"))?;
            let consent = {
                let mut state = world.lock();
                let now = state.now();
                let knobs = state.knobs.clone();
                state
                    .identity
                    .grants
                    .refresh(token, &client_id, now, &knobs)?
            };
            let scopes = narrowed(given("scope"), &consent, world)?;
            Ok(delegated(world, consent, &scopes))
        }
        "client_credentials" => {
            let scope = given("scope").ok_or_else(|| TokenError::missing("scope"))?;
            application_scope(scope, world.base())?;
            Ok(applications_own(world, client_id))
        }
        other => Err(TokenError::new(
            "unsupported_grant_type",
            70_003,
            format!("The app requested an unsupported grant type '{other}'."),
        )),
    }
}

/// F1.12: the scopes of a refresh are those of the consent, or some of them.
fn narrowed(scope: Option<&str>, consent: &Consent, world: &World) -> Result<Scopes, TokenError> {
    let Some(scope) = scope else {
        return Ok(consent.scopes.clone());
    };
    let asked = Scopes::parse(scope, world.base())?;
    if asked.within(&consent.scopes) {
        return Ok(asked);
    }
    Err(TokenError {
        suberror: Some("consent_required"),
        ..TokenError::invalid_grant(
            65_001,
            "The user or administrator has not consented to use the application with these scopes. Send an interactive authorization request for this user and resource.",
        )
    })
}

/// S6: exactly `<graph>/.default`.
fn application_scope(scope: &str, base: &str) -> Result<(), TokenError> {
    let mut words = scope.split_whitespace();
    let (Some(word), None) = (words.next(), words.next()) else {
        return Err(TokenError::invalid_scope(scope));
    };
    let Some(resource) = word.strip_suffix("/.default") else {
        return Err(TokenError::new(
            "invalid_scope",
            1_002_012,
            format!(
                "The provided value for scope {word} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
            ),
        ));
    };
    if is_graph(resource, base) {
        Ok(())
    } else {
        Err(TokenError::unknown_resource(resource))
    }
}

/// Which application asks, proved by its secret in the form or the header (F1.5).
fn authenticate(
    world: &World,
    tenant: &str,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<String, TokenError> {
    let from_header = basic(headers);
    let client_id = from_header
        .as_ref()
        .map(|(id, _)| id.clone())
        .or_else(|| parameters.get("client_id").cloned())
        .ok_or_else(|| TokenError::missing("client_id"))?;
    let state = world.lock();
    let application = state
        .identity
        .application_at(tenant, &client_id)
        .ok_or_else(|| TokenError::unknown_application(&client_id, tenant))?;
    if parameters.contains_key("client_assertion") {
        return Err(TokenError::invalid_client(
            700_027,
            "The certificate with identifier used to sign the client assertion is not registered on application.",
        ));
    }
    let secret = from_header
        .map(|(_, secret)| secret)
        .or_else(|| parameters.get("client_secret").cloned());
    match secret {
        None => Err(TokenError::invalid_client(
            700_0218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )),
        Some(secret) if secret == application.client_secret => Ok(application.client_id.clone()),
        Some(_) => Err(TokenError::invalid_client(
            700_0215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client_id}'."
            ),
        )),
    }
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    // RFC 6749, 2.3.1: both are form-encoded before they are joined.
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((plain(id), plain(secret)))
}

fn delegated(world: &World, consent: Consent, scopes: &Scopes) -> Granted {
    let signed_in = person(world, &consent.user.0);
    let mut state = world.lock();
    let now = state.now();
    let identity = &mut state.identity;
    let (access_token, expires_in) = identity.issue_to(
        consent.client_id.clone(),
        Some(consent.user.clone()),
        scopes.permissions(),
        now,
    );
    let mut answer = bearer(access_token, expires_in);
    answer.insert("scope".to_owned(), scopes.granted().into());
    if consent.scopes.has("offline_access") {
        let refresh_token = identity
            .grants
            .refresh_token(consent.clone(), now, &mut identity.rng);
        answer.insert("refresh_token".to_owned(), refresh_token.into());
    }
    let id_claims = scopes.has("openid").then(|| {
        let tenant_id = identity.tenant_of(&consent.client_id);
        let mut claims = json!({
            "ver": "2.0",
            "iss": format!("{}/{tenant_id}/v2.0", world.base()),
            "aud": consent.client_id,
            "iat": now.timestamp(),
            "nbf": now.timestamp(),
            "exp": now.timestamp() + 3600,
            "sub": format!("{}.{}", consent.user.0, consent.client_id),
            "oid": consent.user.0,
            "tid": tenant_id,
        });
        if let Some(person) = signed_in {
            if scopes.has("profile") {
                claims["name"] = person.display_name.into();
                claims["preferred_username"] = person.address.clone().into();
            }
            if scopes.has("email") {
                claims["email"] = person.address.into();
            }
        }
        if let Some(nonce) = consent.nonce {
            claims["nonce"] = nonce.into();
        }
        claims
    });
    Granted { answer, id_claims }
}

/// F1.7: no refresh token, ever.
fn applications_own(world: &World, client_id: String) -> Granted {
    let mut state = world.lock();
    let now = state.now();
    let roles = CONSENTED.map(str::to_owned).to_vec();
    let (access_token, expires_in) = state.identity.issue_to(client_id, None, roles, now);
    Granted {
        answer: bearer(access_token, expires_in),
        id_claims: None,
    }
}

fn bearer(access_token: String, expires_in: u64) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("token_type".to_owned(), "Bearer".into());
    answer.insert("expires_in".to_owned(), expires_in.into());
    answer.insert("ext_expires_in".to_owned(), expires_in.into());
    answer.insert("access_token".to_owned(), access_token.into());
    answer
}
