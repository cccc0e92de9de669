//! Where recipients stand.

use super::admin::Admin;
use crate::{Gateway, problem::Problem, request::sent};
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    routing::get,
};
use serde_json::Value;
use shared::operator::Place;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new().route("/sessions/{account}/{recipient}", get(show).put(put).delete(end))
}

type Whose = Path<(String, String)>;

async fn show(admin: Admin, Path((account, recipient)): Whose) -> Result<Json<Value>, Problem> {
    Ok(Json(admin.ops.operator.session(Some(&account), &recipient).await?))
}

/// Compare-and-set: with the `rowVersion` that was shown, it is only taken when nothing has moved since.
async fn put(
    State(gateway): State<Arc<Gateway>>,
    admin: Admin,
    Path((account, recipient)): Whose,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let fields = sent(&gateway, request).await?;
    let place: Place = serde_json::from_value(Value::Object(fields)).map_err(|error| {
        let why = format!("flowId and currentStepId say where to, and rowVersion on what that was decided: {error}");
        Problem::fault("", "invalid_value", why)
    })?;
    let ttl = admin.ops.session_ttl;
    Ok(Json(admin.ops.operator.set_session(&admin.who, Some(&account), &recipient, &place, ttl).await?))
}

async fn end(admin: Admin, Path((account, recipient)): Whose) -> Result<Json<Value>, Problem> {
    Ok(Json(admin.ops.operator.delete_session(&admin.who, Some(&account), &recipient).await?))
}
