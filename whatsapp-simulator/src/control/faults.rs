//! Faults by request.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};

use super::Failure;
use crate::faults::{Fault, FaultId};
use crate::world::World;

/// `{items:[{id, struck, fault}]}`
pub(super) async fn list(State(world): State<Arc<World>>) -> Json<Value> {
    let items: Vec<Value> = world
        .faults
        .list()
        .into_iter()
        .map(|(id, fault, struck)| json!({"id": id, "struck": struck, "fault": fault}))
        .collect();
    Json(json!({ "items": items }))
}

/// Puts a fault in force; answers with its id.
pub(super) async fn inject(
    State(world): State<Arc<World>>,
    body: Result<Json<Fault>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let Json(fault) = body.map_err(Failure::unprocessable)?;
    let id = world.faults.inject(fault, world.config().seed);
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// Removes one fault.
pub(super) async fn remove(
    State(world): State<Arc<World>>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let Path(id) = id.map_err(Failure::unprocessable)?;
    if world.remove_fault(FaultId(id)) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Failure::new(StatusCode::NOT_FOUND, format!("no fault {id} is in force")))
}

/// Removes all faults.
pub(super) async fn clear(State(world): State<Arc<World>>) -> StatusCode {
    world.clear_faults();
    StatusCode::NO_CONTENT
}
