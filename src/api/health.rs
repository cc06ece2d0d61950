//! Whether the process lives, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Code, Problem, ProblemBody};
use super::state::Api;

/// The process is well.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: String,
    /// The version that answers.
    pub version: String,
}

fn ok() -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Says that the process lives. Looks at nothing else: a database that is away is no reason to restart us.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    responses((status = OK, description = "The process lives.", body = Health))
)]
pub async fn healthz() -> Json<Health> {
    ok()
}

/// Says that requests can be answered: the database is there and has the schema of this version.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses(
        (status = OK, description = "Requests can be answered.", body = Health),
        (status = SERVICE_UNAVAILABLE, description = "The database is away, busy, or of another version.", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn readyz(State(api): State<Api>) -> Result<(StatusCode, Json<Health>), Problem> {
    api.store.schema_check().await.map_err(|error| {
        if error.is_transient() {
            Problem::from(error)
        } else {
            let detail = error.to_string();
            Problem::new(Code::DatabaseUnavailable, detail)
                .hinting("run `graph-mirror migrate` with this version")
        }
    })?;
    Ok((StatusCode::OK, ok()))
}
