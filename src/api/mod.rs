//! Questions and commands from outside.
//!
//! Handlers do four things: extract, authorise, call one function of the domain, render. Nothing here speaks to
//! Graph: what needs it is left in the database as a command for the mailbox's home, and its outcome is waited for.
//! Every refusal is a problem of the closed list in [`problem`]. In reading order: [`state`], [`problem`], [`caller`]
//! (whose key it is), [`query`], then one file per resource, [`page`] (what a browser sees), [`mod@document`] (OpenAPI).

pub mod caller;
pub mod commands;
pub mod disconnect;
pub mod document;
pub mod health;
pub mod mailboxes;
pub mod messages;
pub mod metrics;
pub mod page;
pub mod problem;
pub mod query;
pub mod refusal;
pub mod sign_in;
pub mod state;
pub mod sync;
pub mod uploads;

pub use document::{document, problems, reference};
pub use problem::{Code, Problem};
pub use state::{Api, PATIENCE};

use std::any::Any;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// No body that anybody sends here is larger.
const BODY_LIMIT: usize = 64 * 1024;

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::head())
        .routes(routes!(sign_in::auth_url))
        .routes(routes!(sign_in::callback, sign_in::callback_page))
        .routes(routes!(disconnect::disconnect))
        .routes(routes!(sync::messages))
        .routes(routes!(sync::events))
        .routes(routes!(mailboxes::list))
        .routes(routes!(mailboxes::detail))
        .routes(routes!(commands::detail))
        .routes(routes!(messages::detail))
        .routes(routes!(messages::body::page))
        .routes(routes!(messages::attachments::list))
        .routes(routes!(messages::attachments::detail))
        .routes(routes!(messages::content::content))
        .routes(routes!(messages::mime::original))
        .routes(routes!(uploads::create))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::scrape))
}

/// The endpoints of the API. Whoever merges other routers sets the fallbacks of [`unknown`] once, for all.
pub fn router(api: Api) -> Router {
    routes()
        .split_for_parts()
        .0
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(api)
}

/// Only the way back of sign-ins, for a process that does nothing else.
pub fn callback_router(api: Api) -> Router {
    OpenApiRouter::with_openapi(document::head())
        .routes(routes!(sign_in::callback, sign_in::callback_page))
        .split_for_parts()
        .0
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(api)
}

/// The answer for an address that does not exist.
pub async fn unknown() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this address")
}

/// A fault of ours ends a request, never a connection without an answer.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    error!("a request could not be answered because a handler panicked");
    Problem::new(
        Code::Internal,
        "the request could not be answered because of a fault in the service",
    )
    .into_response()
}

async fn wrong_method() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "this address exists, but does not take this method",
    )
}
