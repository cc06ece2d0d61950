//! The identity platform: applications, grants and tokens (facts §1).
//!
//! Reading order: `grants` (what was consented to and the tokens it gave), `authorize` and `token`
//! (the two endpoints), `error` (their refusals), `keys` and `metadata` (what a verifier needs).
//! Access tokens are opaque, as Graph's are to everyone but Graph (F1.8), so nothing needs a key
//! until the first id token or the first look at the key set: a start waits for no RSA.

mod authorize;
pub mod error;
pub mod grants;
pub mod keys;
mod metadata;
mod page;
mod revocation;
pub mod scopes;
mod token;

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use url::Url;

use self::grants::Grants;
use self::keys::SigningKeys;
use super::call::Reply;
use super::error::GraphFault;
use super::faults::{Effect, Struck};
use super::http;
use super::ids::guid;
use super::world::{UserId, World};
use crate::model::time::{Clock as _, Timestamp, later};

pub use revocation::Revocation;

/// Who a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The application.
    pub app_id: String,
    /// The signed-in person; none with a token of the application's own.
    pub user: Option<UserId>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When the token it came with ends; a subscription holds on to that (F9.30).
    pub expires_at: Timestamp,
}

/// An application that is registered in the tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Application {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// What people are told it is called.
    pub display_name: String,
    /// The tenant it is registered in; the items of its subscriptions carry it (S59).
    pub tenant_id: String,
    /// Where a code may be sent. An address of this machine without a path stands for every port and
    /// path of it, so that nothing need be registered to try something out.
    pub redirect_uris: Vec<String>,
}

impl Application {
    fn seeded(display_name: String, tenant_id: String, rng: &mut fastrand::Rng) -> Self {
        Self {
            client_id: guid(rng),
            client_secret: format!("sbx8Q~{}", opaque(rng, 25)),
            display_name,
            tenant_id,
            redirect_uris: ["http://localhost", "http://127.0.0.1", "http://[::1]"]
                .map(str::to_owned)
                .to_vec(),
        }
    }

    /// Whether a code may be sent there (S1).
    pub fn allows(&self, redirect_uri: &str) -> bool {
        let Ok(asked) = Url::parse(redirect_uri) else {
            return false;
        };
        self.redirect_uris.iter().any(|registered| {
            registered == redirect_uri
                || Url::parse(registered).is_ok_and(|registered| {
                    registered.path() == "/"
                        && is_loopback(&registered)
                        && registered.scheme() == asked.scheme()
                        && registered.host() == asked.host()
                })
        })
    }
}

/// Whether a URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The identity platform's memory.
#[derive(Debug)]
pub struct Identity {
    tenant_id: String,
    applications: Vec<Application>,
    /// Consents, codes and refresh tokens.
    pub grants: Grants,
    tokens: HashMap<String, Caller>,
    keys: SigningKeys,
    rng: fastrand::Rng,
}

/// How long a dead access token is remembered, so that its refusal can say that it has expired.
const REMEMBERED: Duration = Duration::from_hours(24);

impl Identity {
    /// One registered application, nobody signed in.
    pub fn seeded(tenant_id: &str, rng: &mut fastrand::Rng) -> Self {
        let mut rng = rng.fork();
        let application = Application::seeded(
            "graph-mirror sandbox".to_owned(),
            tenant_id.to_owned(),
            &mut rng,
        );
        Self {
            tenant_id: tenant_id.to_owned(),
            applications: vec![application],
            grants: Grants::default(),
            tokens: HashMap::new(),
            keys: SigningKeys::new(&mut rng),
            rng,
        }
    }

    /// The application that was there from the start.
    pub fn client_id(&self) -> &str {
        self.applications
            .first()
            .map_or("", |first| &first.client_id)
    }

    /// Its secret.
    pub fn client_secret(&self) -> &str {
        self.applications
            .first()
            .map_or("", |first| &first.client_secret)
    }

    /// The tenant everything was seeded in.
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// The tenant an application is registered in; the seeded one for an application nobody knows.
    pub fn tenant_of(&self, client_id: &str) -> &str {
        self.application(client_id)
            .map_or(&self.tenant_id, |application| &application.tenant_id)
    }

    /// The application of an id, unless a URL's tenant segment names another tenant than its own.
    pub fn application_at(&self, segment: &str, client_id: &str) -> Option<&Application> {
        let application = self.application(client_id)?;
        let fits = self
            .tenant(segment)
            .is_none_or(|tenant| tenant == application.tenant_id);
        fits.then_some(application)
    }

    /// All applications.
    pub fn applications(&self) -> &[Application] {
        &self.applications
    }

    /// An application by its id.
    pub fn application(&self, client_id: &str) -> Option<&Application> {
        self.applications
            .iter()
            .find(|application| application.client_id.eq_ignore_ascii_case(client_id))
    }

    /// The same, to change it.
    pub fn application_mut(&mut self, client_id: &str) -> Option<&mut Application> {
        self.applications
            .iter_mut()
            .find(|application| application.client_id.eq_ignore_ascii_case(client_id))
    }

    /// Registers a further application, in the tenant of that id or the seeded one.
    pub fn register(&mut self, display_name: String, tenant_id: Option<String>) -> &Application {
        let tenant_id = tenant_id.unwrap_or_else(|| self.tenant_id.clone());
        self.applications
            .push(Application::seeded(display_name, tenant_id, &mut self.rng));
        self.applications.last().expect("one was pushed just now")
    }

    /// The tenant whose id a URL's segment is: the seeded one, or one that has an application.
    pub fn tenant(&self, segment: &str) -> Option<&str> {
        let others = self
            .applications
            .iter()
            .map(|application| application.tenant_id.as_str());
        std::iter::once(self.tenant_id.as_str())
            .chain(others)
            .find(|tenant| tenant.eq_ignore_ascii_case(segment))
    }

    /// Whether a URL's tenant segment means a tenant there is (F1.2). Personal accounts have none here.
    pub fn is_tenant(&self, segment: &str) -> bool {
        self.tenant(segment).is_some()
            || segment.eq_ignore_ascii_case("common")
            || segment.eq_ignore_ascii_case("organizations")
    }

    /// An access token without the way through a browser, for tests and for [`World`]'s commands:
    /// delegated for `user`, else the application's own.
    pub fn issue(&mut self, user: Option<UserId>, scopes: &[&str], now: Timestamp) -> String {
        let app_id = self.client_id().to_owned();
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.issue_to(app_id, user, scopes, now).0
    }

    /// An access token and the seconds it lives: 3600 to 5400, drawn anew each time (S7, F1.8).
    pub fn issue_to(
        &mut self,
        app_id: String,
        user: Option<UserId>,
        scopes: Vec<String>,
        now: Timestamp,
    ) -> (String, u64) {
        let token = format!("EwB4A{}", opaque(&mut self.rng, 96));
        let lives = self.rng.u64(3600..=5400);
        self.tokens
            .retain(|_, caller| later(caller.expires_at, REMEMBERED) > now);
        let caller = Caller {
            app_id,
            user,
            scopes,
            expires_at: later(now, Duration::from_secs(lives)),
        };
        self.tokens.insert(token.clone(), caller);
        (token, lives)
    }

    /// Whom a bearer token speaks for (F1.21, S7).
    pub fn check(&self, bearer: &str, now: Timestamp) -> Result<Caller, GraphFault> {
        match self.tokens.get(bearer) {
            Some(caller) if now < caller.expires_at => Ok(caller.clone()),
            Some(_) => Err(GraphFault::invalid_token(
                "Lifetime validation failed, the token is expired.",
            )),
            None => Err(GraphFault::invalid_token(
                "CompactToken parsing failed with error code: 80049217",
            )),
        }
    }

    /// Ends every access token that is alive; how many there were.
    pub fn lapse(&mut self, now: Timestamp) -> usize {
        let mut ended = 0;
        for caller in self.tokens.values_mut() {
            if caller.expires_at > now {
                caller.expires_at = now;
                ended += 1;
            }
        }
        ended
    }

    /// The signing keys; signing takes a while, so take a clone and let the lock go.
    pub fn keys(&self) -> SigningKeys {
        self.keys.clone()
    }

    /// A generator for what the endpoints draw.
    pub fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }
}

/// `length` random bytes as URL-safe text, the way tokens look.
pub(super) fn opaque(rng: &mut fastrand::Rng, length: usize) -> String {
    use base64::Engine as _;
    let mut bytes = vec![0_u8; length];
    rng.fill(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// The endpoints of the identity platform.
pub fn router(world: &World) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::authorize))
        .route("/{tenant}/oauth2/v2.0/token", post(token::token))
        .route("/{tenant}/adminconsent", get(authorize::admin_consent))
        .route(
            "/{tenant}/.well-known/openid-configuration",
            get(metadata::first),
        )
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(metadata::second),
        )
        .route("/{tenant}/discovery/keys", get(metadata::key_set))
        .route("/{tenant}/discovery/v2.0/keys", get(metadata::key_set))
        .route("/oidc/userinfo", get(metadata::user_info))
        .layer(axum::middleware::from_fn_with_state(world.clone(), faults))
        .with_state(world.clone())
}

/// S15: faults strike here as they do on Graph's side.
async fn faults(Extract(world): Extract<World>, request: Request, next: Next) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let effect = world.lock().faults.strike(request.method().as_str(), path);
    let hold = effect.as_ref().map_or(Duration::ZERO, |effect| effect.hold);
    let lose = effect.as_ref().is_some_and(|effect| effect.lose);
    let response = struck_or_answered(&world, effect, request, next).await;
    if hold > Duration::ZERO {
        world.clock().sleep(hold).await;
    }
    if lose {
        return http::broken();
    }
    response
}

async fn struck_or_answered(
    world: &World,
    effect: Option<Effect>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(effect) = effect {
        if effect.delay > Duration::ZERO {
            world.clock().sleep(effect.delay).await;
        }
        if effect.reset {
            return http::broken();
        }
        match effect.answer {
            None => {}
            Some(Struck::Reply(reply)) => return reply.into_response(),
            // The envelope is Graph's alone (F1.13).
            Some(Struck::Fault(fault)) => {
                let reply = Reply {
                    headers: fault.headers,
                    ..Reply::empty(fault.status)
                };
                return reply.into_response();
            }
        }
    }
    next.run(request).await
}

/// The people of the tenant, as the pages and tokens name them.
#[derive(Debug, Clone)]
struct Person {
    id: UserId,
    address: String,
    display_name: String,
}

fn person(world: &World, name: &str) -> Option<Person> {
    let state = world.lock();
    let index = state.find_mailbox(name.trim())?;
    let user = &state.mailboxes.get(index)?.user;
    Some(Person {
        id: user.id.clone(),
        address: user.address.clone(),
        display_name: user.display_name.clone(),
    })
}

/// An answer of HTML that no cache keeps.
fn html(status: StatusCode, text: String) -> Response {
    let headers = [
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
        ),
    ];
    (status, headers, axum::response::Html(text)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity::seeded(
            "11111111-2222-3333-4444-555555555555",
            &mut fastrand::Rng::with_seed(3),
        )
    }

    #[test]
    fn s07_a_token_lives_between_an_hour_and_ninety_minutes_and_then_stops() {
        let mut identity = identity();
        let now = Timestamp::UNIX_EPOCH;

        let (token, lives) = identity.issue_to("app".to_owned(), None, Vec::new(), now);

        assert!((3600..=5400).contains(&lives));
        let end = later(now, Duration::from_secs(lives));
        assert!(
            identity
                .check(&token, end - chrono::TimeDelta::microseconds(1))
                .is_ok()
        );
        assert_eq!(
            identity.check(&token, end).unwrap_err().status,
            StatusCode::UNAUTHORIZED
        );
    }

    #[test]
    fn s01_every_port_and_path_of_this_machine_is_registered_and_nothing_else() {
        let identity = identity();
        let application = &identity.applications[0];

        assert!(application.allows("http://127.0.0.1:8080/api/v1/callback"));
        assert!(application.allows("http://localhost:3000/"));
        assert!(!application.allows("https://evil.example/callback"));
        assert!(!application.allows("http://127.0.0.1.evil.example/"));
        assert!(!application.allows("not a url"));
    }

    #[test]
    fn the_same_seed_issues_the_same_tokens() {
        let now = Timestamp::UNIX_EPOCH;

        assert_eq!(
            identity().issue(None, &[], now),
            identity().issue(None, &[], now)
        );
    }
}
