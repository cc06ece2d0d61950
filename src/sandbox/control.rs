//! The control interface.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

use super::{Settings, World};

/// The control interface, below `/sandbox/control`.
pub fn router(world: &World) -> Router {
    Router::new()
        .route("/settings", get(settings))
        .with_state(world.clone())
}

async fn settings(State(world): State<World>) -> Json<Settings> {
    Json(world.settings())
}
