//! Connecting a mailbox: out to Microsoft's sign-in page, and back.
//!
//! The way back is taken either by an application, which posts what its own page received, or by the browser itself, which
//! is shown a page. The browser carries no key: the state says whose sign-in it is, is used once and lives ten minutes.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::mailboxes::MailboxSummary;
use super::page::Page;
use super::problem::{Code, Problem, ProblemBody};
use super::query::{Body, Parameters};
use super::state::Api;
use crate::oauth::{Callback, OauthError, TokenRefusal};

/// The answer of `GET …/auth-url`.
#[derive(Clone, Serialize, ToSchema)]
pub struct AuthUrl {
    /// Where the person's browser must go.
    #[schema(
        example = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=…"
    )]
    pub auth_url: String,
    /// The state that will come back; good once and for ten minutes.
    pub state: String,
}

/// The body of `POST …/callback`: what Microsoft sent to the redirect address.
#[derive(Clone, Deserialize, ToSchema)]
pub struct CallbackBody {
    /// The code, when the person agreed.
    pub code: Option<String>,
    /// The state.
    pub state: String,
    /// The error, when the person did not.
    pub error: Option<String>,
    /// Its text.
    pub error_description: Option<String>,
}

/// The answer of `POST …/callback`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConnectedMailbox {
    /// The mailbox.
    pub mailbox: MailboxSummary,
    /// Whether it was never connected before.
    pub is_new: bool,
}

/// Begins a sign-in and answers where the person's browser must go.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/microsoft/auth-url",
    tag = "integration",
    security(("bearer" = [])),
    params(
        ("login_hint" = Option<String>, Query, description = "The address of the account that is to sign in, so that nobody picks another by mistake."),
    ),
    responses(
        (status = OK, description = "Where to go.", body = AuthUrl),
        (status = BAD_REQUEST, description = "A parameter cannot be used.", body = ProblemBody, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn auth_url(
    State(api): State<Api>,
    caller: Caller,
    mut query: Parameters,
) -> Result<Json<AuthUrl>, Problem> {
    let login_hint = query.text("login_hint");
    query.finish()?;
    let begun = api
        .connections
        .begin(&caller.owner, login_hint.as_deref())
        .await?;
    Ok(Json(AuthUrl {
        auth_url: begun.auth_url.into(),
        state: begun.state,
    }))
}

/// Completes a sign-in with what an application's own page received, and connects the mailbox.
#[utoipa::path(
    post,
    path = "/api/v1/integrations/microsoft/callback",
    tag = "integration",
    security(("bearer" = [])),
    request_body = CallbackBody,
    responses(
        (status = OK, description = "The mailbox is connected; copying begins.", body = ConnectedMailbox),
        (status = BAD_REQUEST, description = "The state is unknown, used or expired, or the sign-in was refused.", body = ProblemBody, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = FORBIDDEN, description = "Another owner began this sign-in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, description = "The body is larger than anything that is asked for.", body = ProblemBody, content_type = "application/problem+json"),
        (status = BAD_GATEWAY, description = "Microsoft refuses the app registration.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "Microsoft or the database is away; begin again later.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn callback(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body<CallbackBody>,
) -> Result<Json<ConnectedMailbox>, Problem> {
    let callback = Callback {
        code: body.code,
        state: body.state,
        error: body.error,
        error_description: body.error_description,
    };
    let connected = api
        .connections
        .connect(&callback, Some(&caller.owner))
        .await?;
    let mailbox = caller.mailbox(&api, connected.mailbox).await?;
    Ok(Json(ConnectedMailbox {
        mailbox: MailboxSummary::of(&mailbox),
        is_new: connected.is_new,
    }))
}

/// Completes a sign-in when the browser itself comes back, and shows how it went.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/microsoft/callback",
    tag = "integration",
    params(
        ("state" = Option<String>, Query, description = "The state; an administrator who was asked to grant the permissions comes back without."),
        ("code" = Option<String>, Query, description = "The code, when the person agreed."),
        ("error" = Option<String>, Query, description = "The error, when not."),
        ("error_description" = Option<String>, Query, description = "Its text."),
    ),
    responses(
        (status = OK, description = "A page: the mailbox is connected.", body = String, content_type = "text/html"),
        (status = BAD_REQUEST, description = "A page: what went wrong and what to do.", body = String, content_type = "text/html"),
        (status = BAD_GATEWAY, description = "A page: the operator must repair the app registration.", body = String, content_type = "text/html"),
        (status = SERVICE_UNAVAILABLE, description = "A page: begin again later.", body = String, content_type = "text/html"),
    )
)]
pub async fn callback_page(State(api): State<Api>, query: Result<Parameters, Problem>) -> Page {
    // Microsoft adds parameters of its own (`session_state` and others), so strangers are welcome here.
    let mut query = match query {
        Ok(query) => query,
        Err(problem) => return Page::failed(&problem),
    };
    let error = query.text("error");
    let error_description = query.text("error_description");
    let is_administrator = query.text("admin_consent").is_some();
    let Some(state) = query.text("state").filter(|_| !is_administrator) else {
        return without_a_sign_in(is_administrator, error, error_description);
    };
    let callback = Callback {
        code: query.text("code"),
        state,
        error,
        error_description,
    };
    match api.connections.connect(&callback, None).await {
        Ok(connected) => Page::connected(&connected.address, connected.is_new),
        Err(error) => Page::failed(&error.into()),
    }
}

/// The way back of an administrator who was asked to grant the permissions for everybody (F1.17). It belongs to no sign-in:
/// it connects nothing and uses nothing up. A refusal may carry `admin_consent=True` all the same, so the error decides.
fn without_a_sign_in(
    is_administrator: bool,
    error: Option<String>,
    error_description: Option<String>,
) -> Page {
    let problem = match error {
        None if is_administrator => return Page::granted(),
        None => Problem::new(
            Code::StateUnknown,
            "the way back from Microsoft carried no state",
        ),
        Some(error) => OauthError::Declined(Box::new(TokenRefusal {
            error,
            error_description,
            ..TokenRefusal::default()
        }))
        .into(),
    };
    Page::failed(&problem)
}
