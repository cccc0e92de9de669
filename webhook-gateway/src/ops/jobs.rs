//! Sends of unknown outcome, settled by somebody who knows.

use super::{Id, admin::Admin};
use crate::{Gateway, problem::Problem, request::sent};
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    routing::post,
};
use serde_json::Value;
use shared::ports::ledger::Decision;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new().route("/jobs/{id}/settle", post(settle))
}

/// `POST {as: arrived|resend|give_up}`; the job's trace.
async fn settle(
    State(gateway): State<Arc<Gateway>>,
    admin: Admin,
    Path(id): Id,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let fields = sent(&gateway, request).await?;
    let decision: Decision = serde_json::from_value(fields.get("as").cloned().unwrap_or_default())
        .map_err(|_| Problem::fault("/as", "invalid_value", "as must be arrived, resend or give_up".to_owned()))?;
    Ok(Json(admin.ops.operator.settle_job(&admin.who, &id, decision).await?))
}
