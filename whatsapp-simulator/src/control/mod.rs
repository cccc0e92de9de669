//! The control API under `/simulator/`: be a user, see what was sent, make things go wrong, change settings.
//!
//! It is for whoever can reach the simulator, and asks for no key.

mod events;
mod faults;
mod settings;
mod transcript;
mod users;

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::StatusCode;
use serde_json::json;

use crate::world::World;

/// The routes of the control API.
pub(crate) fn router(world: &Arc<World>) -> axum::Router {
    axum::Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/simulator/users/{from}/messages", post(users::write))
        .route("/simulator/events", get(events::events))
        .route("/simulator/sends", get(transcript::sends))
        .route("/simulator/refusals", get(transcript::refusals))
        .route("/simulator/faults", get(faults::list).post(faults::inject).delete(faults::clear))
        .route("/simulator/faults/{id}", delete(faults::remove))
        .route("/simulator/config", get(settings::show).put(settings::change))
        .route("/simulator/reset", post(transcript::reset))
        .with_state(Arc::clone(world))
}

/// A request that can't be carried out.
struct Failure {
    status: StatusCode,
    error: String,
}

impl Failure {
    fn new(status: StatusCode, error: impl std::fmt::Display) -> Self {
        Self { status, error: error.to_string() }
    }

    fn unprocessable(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"error": self.error}))).into_response()
    }
}
