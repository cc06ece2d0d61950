//! The authorize endpoint: who may be sent back, who signs in, what is sent back (F1.1 to F1.3, S1).
//!
//! A `login_hint` that names a person of the tenant is taken for their consent, so that a test or a
//! demonstration needs no browser. Anyone else is shown a page to pick a person on. Nothing is ever
//! sent to an address that is not registered.

use std::collections::HashMap;

use axum::extract::{Path, RawQuery, State as Extract};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use url::{Url, form_urlencoded};

use super::super::ids::guid;
use super::super::world::World;
use super::error::TokenError;
use super::grants::{Challenge, Consent};
use super::scopes::Scopes;
use super::{Person, html, page, person};
use crate::model::time::Clock as _;

/// The parameters, the last of each name.
pub(super) type Parameters = HashMap<String, String>;

pub(super) fn parameters(query: Option<&str>) -> Parameters {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

pub(super) async fn authorize(
    Extract(world): Extract<World>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let parameters = parameters(query.as_deref());
    match Request::read(&world, &tenant, &parameters) {
        Err(Refused::Page(error)) => refusal_page(&world, &error),
        Err(Refused::Redirect(way_back, error, text)) => way_back.refuse(error, &text),
        Ok(request) => request.answer(&world, &parameters),
    }
}

fn refusal_page(world: &World, error: &TokenError) -> Response {
    let now = world.clock().now();
    let body = error.body(now, world.base(), world.lock().identity.rng());
    html(StatusCode::BAD_REQUEST, page::refusal(error, &body))
}

/// How a refusal reaches whoever asked.
enum Refused {
    /// Shown to the person: the application's address is not to be trusted.
    Page(TokenError),
    /// Sent back to the application.
    Redirect(Box<WayBack>, &'static str, String),
}

/// Where the answer goes, and in which form.
#[derive(Debug, Clone)]
struct WayBack {
    redirect_uri: Url,
    mode: Mode,
    state: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Query,
    Fragment,
    FormPost,
}

impl WayBack {
    fn send(&self, mut fields: Vec<(&str, String)>) -> Response {
        if let Some(state) = &self.state {
            fields.push(("state", state.clone()));
        }
        let mut target = self.redirect_uri.clone();
        match self.mode {
            Mode::Query => {
                target.query_pairs_mut().extend_pairs(&fields);
            }
            Mode::Fragment => {
                let mut fragment = form_urlencoded::Serializer::new(String::new());
                target.set_fragment(Some(&fragment.extend_pairs(&fields).finish()));
            }
            Mode::FormPost => {
                return html(StatusCode::OK, page::form_post(target.as_str(), &fields));
            }
        }
        let Ok(location) = HeaderValue::from_str(target.as_str()) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let mut response = StatusCode::FOUND.into_response();
        response.headers_mut().insert(header::LOCATION, location);
        response
    }

    fn refuse(&self, error: &str, text: &str) -> Response {
        self.send(vec![
            ("error", error.to_owned()),
            ("error_description", text.to_owned()),
        ])
    }
}

/// A request that may be answered.
struct Request {
    way_back: WayBack,
    client_id: String,
    application: String,
    /// As it was written: redemption compares it to the letter (F1.4).
    redirect_uri: String,
    scopes: Scopes,
    challenge: Option<Challenge>,
    nonce: Option<String>,
    silent: bool,
    hint: Option<Person>,
}

impl Request {
    fn read(world: &World, tenant: &str, parameters: &Parameters) -> Result<Self, Refused> {
        let (way_back, application) = way_back(world, tenant, parameters)?;
        let redirect = |error: &'static str, text: String| {
            Refused::Redirect(Box::new(way_back.clone()), error, text)
        };
        let given = |name: &str| parameters.get(name).filter(|value| !value.is_empty());
        if parameters
            .get("response_mode")
            .is_some_and(|mode| mode_of(Some(mode)).is_none())
        {
            return Err(redirect(
                "invalid_request",
                "AADSTS90014: The value of the parameter 'response_mode' is not valid.".to_owned(),
            ));
        }
        match given("response_type").map(String::as_str) {
            Some("code") => {}
            Some(_) => {
                return Err(redirect(
                    "unsupported_response_type",
                    "AADSTS700054: response_type is not enabled for the application.".to_owned(),
                ));
            }
            None => return Err(redirect("invalid_request", missing("response_type"))),
        }
        let Some(scope) = given("scope") else {
            return Err(redirect("invalid_request", missing("scope")));
        };
        let scopes = Scopes::parse(scope, world.base()).map_err(|error| {
            let name = match error.error.as_str() {
                "invalid_resource" => "invalid_resource",
                _ => "invalid_scope",
            };
            redirect(name, error.description())
        })?;
        let challenge = given("code_challenge")
            .map(|challenge| {
                let method = given("code_challenge_method").map(String::as_str);
                Challenge::parse(challenge, method)
            })
            .transpose()
            .map_err(|error| redirect("invalid_request", error.description()))?;
        Ok(Self {
            client_id: application.client_id,
            application: application.display_name,
            redirect_uri: parameters.get("redirect_uri").cloned().unwrap_or_default(),
            scopes,
            challenge,
            nonce: given("nonce").cloned(),
            silent: parameters
                .get("prompt")
                .is_some_and(|prompt| prompt == "none"),
            hint: given("login_hint").and_then(|hint| person(world, hint)),
            way_back,
        })
    }

    fn answer(self, world: &World, parameters: &Parameters) -> Response {
        if parameters.contains_key(page::DECLINED) {
            return self.way_back.refuse(
                "access_denied",
                "AADSTS65004: User declined to consent to access the app.",
            );
        }
        match &self.hint {
            Some(person) => self.consent(world, person),
            None if self.silent => self.way_back.refuse(
                "login_required",
                "AADSTS50058: A silent sign-in request was sent but no user is signed in.",
            ),
            None => {
                let people: Vec<_> = {
                    let state = world.lock();
                    let users = state.mailboxes.iter().map(|mailbox| &mailbox.user);
                    users
                        .map(|user| (user.display_name.clone(), user.address.clone()))
                        .collect()
                };
                let words = self.scopes.in_words();
                html(
                    StatusCode::OK,
                    page::picking(&self.application, &words, &people, parameters),
                )
            }
        }
    }

    fn consent(&self, world: &World, person: &Person) -> Response {
        let consent = Consent {
            client_id: self.client_id.clone(),
            user: person.id.clone(),
            scopes: self.scopes.clone(),
            nonce: self.nonce.clone(),
        };
        let (code, session) = {
            let mut state = world.lock();
            let now = state.now();
            let identity = &mut state.identity;
            let code = identity.grants.code(
                consent,
                self.redirect_uri.clone(),
                self.challenge.clone(),
                now,
                &mut identity.rng,
            );
            (code, guid(&mut identity.rng))
        };
        self.way_back
            .send(vec![("code", code), ("session_state", session)])
    }
}

fn missing(parameter: &str) -> String {
    format!("AADSTS900144: The request body must contain the following parameter: '{parameter}'.")
}

fn mode_of(mode: Option<&str>) -> Option<Mode> {
    match mode {
        None | Some("query") => Some(Mode::Query),
        Some("fragment") => Some(Mode::Fragment),
        Some("form_post") => Some(Mode::FormPost),
        Some(_) => None,
    }
}

/// Whether there is anyone to answer to: tenant, application and registered address (S1).
fn way_back(
    world: &World,
    tenant: &str,
    parameters: &Parameters,
) -> Result<(WayBack, super::Application), Refused> {
    let state = world.lock();
    let identity = &state.identity;
    if !identity.is_tenant(tenant) {
        return Err(Refused::Page(TokenError::unknown_tenant(tenant)));
    }
    let client_id = parameters.get("client_id").map_or("", String::as_str);
    let Some(application) = identity.application_at(tenant, client_id) else {
        let error = TokenError::unknown_application(client_id, tenant);
        return Err(Refused::Page(error));
    };
    let redirect_uri = parameters.get("redirect_uri").map_or("", String::as_str);
    let registered = application.allows(redirect_uri);
    let (true, Ok(url)) = (registered, Url::parse(redirect_uri)) else {
        let error = TokenError::unknown_redirect(redirect_uri, client_id);
        return Err(Refused::Page(error));
    };
    let mode = parameters.get("response_mode").map(String::as_str);
    let way_back = WayBack {
        redirect_uri: url,
        mode: mode_of(mode).unwrap_or(Mode::Query),
        state: parameters.get("state").cloned(),
    };
    Ok((way_back, application.clone()))
}

/// `GET /{tenant}/adminconsent`: an administrator agrees for everyone, at once (F1.17).
pub(super) async fn admin_consent(
    Extract(world): Extract<World>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let parameters = parameters(query.as_deref());
    match way_back(&world, &tenant, &parameters) {
        Err(Refused::Page(error)) => refusal_page(&world, &error),
        Err(Refused::Redirect(way_back, error, text)) => way_back.refuse(error, &text),
        Ok((way_back, application)) => way_back.send(vec![
            ("tenant", application.tenant_id),
            ("admin_consent", "True".to_owned()),
        ]),
    }
}
