//! The API for operators, under `/api/ops/`: what the command line does, for scripts and dashboards.

mod admin;
mod dead_letters;
mod events;
mod filter;
mod jobs;
mod numbers;
mod sessions;

pub use events::process;

use crate::{Gateway, problem::Problem};
use admin::Admin;
use axum::{
    Json, Router,
    extract::{Path, Query},
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use secrecy::SecretString;
use serde_json::Value;
use shared::{
    operator::{Operator, OperatorError},
    ports::listing::Page,
};
use std::{sync::Arc, time::Duration};

/// Entries of the record of acts in one answer.
const ACTS: u32 = 100;

/// What the ops API works with.
#[derive(Clone)]
pub struct Ops {
    /// What an operator can do.
    pub operator: Operator,
    /// Opens it.
    pub key: SecretString,
    /// How long a session lives that is set here.
    pub session_ttl: Duration,
}

/// All of it.
pub(crate) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .merge(dead_letters::routes())
        .merge(jobs::routes())
        .merge(numbers::routes())
        .merge(sessions::routes())
        .route("/queues", get(queues))
        .route("/trace/{id}", get(trace))
        .route("/audit", get(audit))
        .route("/events", axum::routing::post(events::post))
}

async fn queues(admin: Admin) -> Result<Json<Value>, Problem> {
    Ok(Json(admin.ops.operator.queues().await?))
}

async fn trace(admin: Admin, Path(id): Id) -> Result<Json<Value>, Problem> {
    Ok(Json(admin.ops.operator.trace(&id).await?))
}

async fn audit(admin: Admin, Query(pairs): Query<Vec<(String, String)>>) -> Result<Json<Value>, Problem> {
    let after = pairs.into_iter().find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor);
    Ok(Json(admin.ops.operator.audit(&Page { limit: ACTS, after }).await?))
}

/// One part of a path, as it was meant.
type Id = Path<String>;

impl From<OperatorError> for Problem {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::NotFound(why) => Self::new(StatusCode::NOT_FOUND, "not_found", why),
            OperatorError::Conflict(why) => Self::new(StatusCode::CONFLICT, "conflict", why),
            OperatorError::Invalid(why) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", why),
            OperatorError::Store(error) => Self::from_store(&error),
            OperatorError::Queue(_) | OperatorError::Publish(_) => {
                tracing::warn!(%error, "an operator could not be answered");
                let detail = "the queues do not answer; nothing is lost, try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(Duration::from_secs(2))
            }
        }
    }
}

/// 202: it goes on by itself.
fn accepted(value: Value) -> Response {
    (StatusCode::ACCEPTED, Json(value)).into_response()
}
