//! Business numbers: how they stand, and stopping them by hand.

use super::{Id, admin::Admin};
use crate::{Gateway, problem::Problem};
use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use serde_json::Value;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/phone-numbers", get(list))
        .route("/phone-numbers/{id}/pause", post(pause))
        .route("/phone-numbers/{id}/resume", post(resume))
}

async fn list(admin: Admin) -> Result<Json<Value>, Problem> {
    Ok(Json(admin.ops.operator.numbers().await?))
}

async fn pause(admin: Admin, Path(id): Id) -> Result<Json<Value>, Problem> {
    Ok(Json(admin.ops.operator.pause_number(&admin.who, &id, true).await?))
}

async fn resume(admin: Admin, Path(id): Id) -> Result<Json<Value>, Problem> {
    Ok(Json(admin.ops.operator.pause_number(&admin.who, &id, false).await?))
}
