//! The identity platform's token endpoint.
//!
//! `oauth2` makes the requests and reads the answers; the adapter below sends them with our HTTP client, with a deadline and a
//! size limit, and remembers status and Retry-After, which `oauth2` doesn't pass on. No answer's text is kept in an error: a
//! token may stand in it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth2::basic::{
    BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret,
    EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeVerifier,
    RedirectUrl, RefreshToken, RequestTokenError, StandardRevocableToken, StandardTokenResponse,
    TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tracing::error;
use url::Url;

use super::error::OauthError;
use super::refusal::{Meaning, TokenRefusal};
use super::settings::{OauthSettings, SCOPES};
use crate::graph::AccessToken;
use crate::graph::throttle::retry_after;
use crate::model::time::{SharedClock, Timestamp, later};

const DEADLINE: Duration = Duration::from_secs(30);
const BODY_LIMIT: usize = 1 << 20;

/// Graph never says how long a token lasts other than by `expires_in` (F1.8); without it, little is assumed.
const LEAST_LIFETIME: Duration = Duration::from_mins(5);

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct IdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for IdToken {}

impl std::fmt::Debug for IdToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdToken(…)")
    }
}

type TokenAnswer = StandardTokenResponse<IdToken, BasicTokenType>;

pub(super) type OauthClient = Client<
    TokenRefusal,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Tokens as they came.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token.
    pub access: AccessToken,
    /// The new refresh token; the one before is to be forgotten (F1.10).
    pub refresh: Option<SecretString>,
    /// When the request was sent.
    pub asked_at: Timestamp,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// What was granted, separated by blanks; what was asked for when the answer does not say (F1.7).
    pub scopes: String,
    /// The tenant, from the ID token.
    pub tenant_id: Option<String>,
}

/// The identity platform refuses this application as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What it said, for example `invalid_client AADSTS7000215`.
    pub code: String,
    /// Since when.
    pub since: Timestamp,
}

/// The identity platform, for all mailboxes. Cheap to clone.
#[derive(Clone)]
pub struct Platform(Arc<Inner>);

struct Inner {
    client: OauthClient,
    http: reqwest::Client,
    clock: SharedClock,
    login_base_url: Url,
    /// Whether this application's id and secret were ever accepted since the start.
    proven: AtomicBool,
    alarm: Mutex<Option<Alarm>>,
}

impl Platform {
    /// The platform as the settings name it.
    pub fn new(settings: &OauthSettings, clock: SharedClock) -> Result<Self, OauthError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("graph-mirror/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| OauthError::Unreachable(Arc::new(error)))?;
        let endpoint = |leaf| endpoint(&settings.login_base_url, &settings.tenant, leaf);
        // Basic authentication is oauth2's default; the platform is spoken to as its own libraries do (F1.5).
        let client = Client::new(ClientId::new(settings.client_id.clone()))
            .set_client_secret(ClientSecret::new(
                settings.client_secret.expose_secret().to_owned(),
            ))
            .set_auth_type(AuthType::RequestBody)
            .set_redirect_uri(RedirectUrl::from_url(settings.redirect_uri.clone()))
            .set_auth_uri(AuthUrl::from_url(endpoint("authorize")))
            .set_token_uri(TokenUrl::from_url(endpoint("token")));
        Ok(Self(Arc::new(Inner {
            client,
            http,
            clock,
            login_base_url: settings.login_base_url.clone(),
            proven: AtomicBool::new(false),
            alarm: Mutex::new(None),
        })))
    }

    pub(super) fn client(&self) -> &OauthClient {
        &self.0.client
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.0.clock
    }

    /// What the operator must look at, if anything: the application itself is refused.
    pub fn alarm(&self) -> Option<Alarm> {
        self.0
            .alarm
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Redeems the code of a sign-in (F1.4).
    pub(super) async fn exchange(
        &self,
        code: String,
        verifier: &SecretString,
        redirect_uri: &RedirectUrl,
    ) -> Result<Tokens, OauthError> {
        let wire = self.wire();
        let answer = self
            .0
            .client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()))
            .set_redirect_uri(std::borrow::Cow::Borrowed(redirect_uri))
            .request_async(&wire)
            .await;
        self.settle(&wire, answer)
    }

    /// Trades a refresh token for new tokens. No scope is named: then it's those of the sign-in, also where the person
    /// granted fewer than were asked for (F1.12).
    pub(super) async fn refresh(&self, token: &SecretString) -> Result<Tokens, OauthError> {
        let wire = self.wire();
        let token = RefreshToken::new(token.expose_secret().to_owned());
        let answer = self
            .0
            .client
            .exchange_refresh_token(&token)
            .request_async(&wire)
            .await;
        self.settle(&wire, answer)
    }

    /// Has the platform judge id and secret in one tenant, by asking for a token of the application's own that is thrown away
    /// (F1.6). It needs no permission, and raises no alarm: whoever asks wants to know.
    pub async fn prove(&self, tenant: &str, graph: &Url) -> Result<(), OauthError> {
        let wire = self.wire();
        let token_url = endpoint(&self.0.login_base_url, tenant, "token");
        let scope = format!("{}/.default", graph.as_str().trim_end_matches('/'));
        let answer = self
            .0
            .client
            .clone()
            .set_token_uri(TokenUrl::from_url(token_url))
            .exchange_client_credentials()
            .add_scope(oauth2::Scope::new(scope))
            .request_async(&wire)
            .await;
        understood(&wire, answer).map(drop)
    }

    fn wire(&self) -> Wire {
        Wire {
            http: self.0.http.clone(),
            clock: Arc::clone(&self.0.clock),
            asked_at: self.0.clock.now(),
            seen: Arc::default(),
        }
    }

    fn settle(
        &self,
        wire: &Wire,
        answer: Result<TokenAnswer, RequestTokenError<WireError, TokenRefusal>>,
    ) -> Result<Tokens, OauthError> {
        let understood = understood(wire, answer);
        match &understood {
            Ok(_) => {
                self.0.proven.store(true, Ordering::Relaxed);
                self.calm();
            }
            Err(error) => self.sound(error),
        }
        understood
    }

    /// For whom an error is, with what this process knows: a tenant that locks the application out is told apart from a
    /// wrong application id by whether the id was ever accepted.
    pub(super) fn meaning(&self, error: &OauthError) -> Option<Meaning> {
        use crate::model::mailbox::StateReason;
        match error.meaning()? {
            Meaning::Application if self.0.proven.load(Ordering::Relaxed) => {
                Some(Meaning::Account(StateReason::BlockedByPolicy))
            }
            Meaning::Application => Some(Meaning::Operator),
            meaning => Some(meaning),
        }
    }

    fn sound(&self, error: &OauthError) {
        if self.meaning(error) != Some(Meaning::Operator) {
            return;
        }
        let OauthError::Refused { refusal, .. } = error else {
            return;
        };
        let code = refusal.to_string();
        let mut alarm = self.0.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        if alarm.as_ref().is_some_and(|alarm| alarm.code == code) {
            return;
        }
        error!(
            code,
            "the identity platform refuses this application ({code}): check its id, its secret and its tenant; \
             no mailbox is marked for it"
        );
        *alarm = Some(Alarm {
            code,
            since: self.0.clock.now(),
        });
    }

    fn calm(&self) {
        self.0
            .alarm
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

fn endpoint(login: &Url, tenant: &str, leaf: &str) -> Url {
    let mut url = login.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend([tenant, "oauth2", "v2.0", leaf]);
    }
    url
}

fn understood(
    wire: &Wire,
    answer: Result<TokenAnswer, RequestTokenError<WireError, TokenRefusal>>,
) -> Result<Tokens, OauthError> {
    let seen = wire.seen();
    answer
        .map(|answer| read_tokens(&answer, wire.asked_at))
        .map_err(|error| match error {
            RequestTokenError::ServerResponse(refusal) if !refusal.error.is_empty() => {
                OauthError::Refused {
                    status: seen.status,
                    refusal: Box::new(refusal),
                }
            }
            RequestTokenError::Request(error) => OauthError::Unreachable(Arc::new(error)),
            // What could not be read may hold a token, so neither text nor cause is kept.
            _ => OauthError::Unintelligible {
                status: seen.status,
                after: seen.retry_after,
            },
        })
}

fn read_tokens(answer: &TokenAnswer, asked_at: Timestamp) -> Tokens {
    let scopes = answer.scopes().map_or_else(
        || SCOPES.join(" "),
        |scopes| {
            let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
            words.join(" ")
        },
    );
    Tokens {
        access: AccessToken::new(answer.access_token().secret().clone()),
        refresh: answer
            .refresh_token()
            .map(|token| SecretString::from(token.secret().clone())),
        asked_at,
        expires_at: later(asked_at, answer.expires_in().unwrap_or(LEAST_LIFETIME)),
        scopes,
        tenant_id: answer
            .extra_fields()
            .id_token
            .as_deref()
            .and_then(tenant_of),
    }
}

/// The `tid` of an ID token. It came from the token endpoint itself, so its signature need not be checked.
fn tenant_of(id_token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        tid: String,
    }
    let payload = id_token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice::<Claims>(&payload)
        .ok()
        .map(|claims| claims.tid)
}

/// What `oauth2` doesn't pass on of an answer.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    status: u16,
    retry_after: Option<Duration>,
}

/// One request's way to the token endpoint.
struct Wire {
    http: reqwest::Client,
    clock: SharedClock,
    asked_at: Timestamp,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, thiserror::Error)]
enum WireError {
    #[error("the request failed")]
    Failed(#[source] reqwest::Error),
    #[error("the answer is larger than {BODY_LIMIT} bytes")]
    TooLarge,
    #[error("there was no whole answer within {} seconds", DEADLINE.as_secs())]
    TimedOut,
}

impl From<reqwest::Error> for WireError {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(error.without_url())
    }
}

impl Wire {
    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = WireError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, WireError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            tokio::time::timeout(DEADLINE, self.exchange(request))
                .await
                .unwrap_or(Err(WireError::TimedOut))
        })
    }
}

impl Wire {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, WireError> {
        let mut response = self.http.execute(request.try_into()?).await?;
        let text = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let wait = text("retry-after")
            .and_then(|value| retry_after(value, text("date"), self.clock.now()));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen {
            status: response.status().as_u16(),
            retry_after: wait,
        };
        let mut answer = HttpResponse::new(Vec::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        while let Some(chunk) = response.chunk().await? {
            if answer.body().len() + chunk.len() > BODY_LIMIT {
                return Err(WireError::TooLarge);
            }
            answer.body_mut().extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenant_is_read_from_the_id_token_and_nonsense_is_none() {
        let payload = URL_SAFE_NO_PAD.encode(br#"{"tid":"9f1c","oid":"x"}"#);
        assert_eq!(
            tenant_of(&format!("h.{payload}.s")),
            Some("9f1c".to_owned())
        );
        for odd in [
            "",
            "a.b",
            "a.!.c",
            &format!("h.{}.s", URL_SAFE_NO_PAD.encode("[]")),
        ] {
            assert_eq!(tenant_of(odd), None, "{odd}");
        }
    }
}
