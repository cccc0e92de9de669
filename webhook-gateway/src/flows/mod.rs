//! The API under which flows are read and saved.

mod answer;
mod check;
mod etag;
mod given;

use crate::{
    Gateway,
    problem::Problem,
    request::{Asked, Tenant, sent, sent_or_nothing, stored},
};
use answer::{FlowAnswer, VersionAnswer};
use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use flow_engine::{FlowId, FlowStatus, Timestamp, validate::Given};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use shared::{
    ids,
    ports::flows::{FlowRecord, Saved},
};
use std::sync::Arc;

/// How often a save starts again because somebody else's came between.
const ATTEMPTS: usize = 5;

/// What the address answers to.
pub(crate) fn routes() -> MethodRouter<Arc<Gateway>> {
    get(list).post(create).put(update).delete(delete)
}

/// `GET`: all flows of the account, oldest first; with `?id=` that flow, and with `&version=` the steps that it had then.
async fn list(
    State(gateway): State<Arc<Gateway>>,
    Tenant(account): Tenant,
    Asked { id, version }: Asked,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let flows = &gateway.ports.flows;
    let Some(id) = id else {
        let records = stored(flows.list(&account)).await?;
        let catalog = stored(flows.catalog(&account)).await?;
        let answers: Vec<_> =
            records.iter().map(|record| FlowAnswer::new(record, check::findings(record, &catalog))).collect();
        return Ok(Json(answers).into_response());
    };
    let id = possible(id)?;
    if let Some(version) = version {
        let number = version.parse().map_err(|_| no_such_version())?;
        let saved = stored(flows.saved(&account, &id, number)).await?.ok_or_else(no_such_version)?;
        return Ok(Json(VersionAnswer::new(&id, &account, number, saved)).into_response());
    }
    let record = stored(flows.get(&account, &id)).await?.ok_or_else(no_such_flow)?;
    let catalog = stored(flows.catalog(&account)).await?;
    let answer = Json(FlowAnswer::new(&record, check::findings(&record, &catalog)));
    Ok(etag::unless_known(&headers, &record, answer))
}

/// `POST`: makes a flow.
async fn create(
    State(gateway): State<Arc<Gateway>>,
    Tenant(account): Tenant,
    request: Request,
) -> Result<Response, Problem> {
    let fields = sent(&gateway, request).await?;
    let given = Given::read(&fields).map_err(Problem::invalid)?;
    let (name, automation) = given.required().map_err(Problem::invalid)?;
    let mut record = FlowRecord {
        id: FlowId(ids::fresh()),
        account_id: account,
        name,
        trigger: "[]".into(),
        automation,
        recipients: Value::Array(Vec::new()),
        status: FlowStatus::Inactive,
        version: 0,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    };
    given::apply(&given, &mut record);
    for _ in 0..ATTEMPTS {
        let catalog = stored(gateway.ports.flows.catalog(&record.account_id)).await?;
        let findings = check::may_be_saved(&record, &catalog)?;
        match stored(gateway.ports.flows.create(record.clone())).await? {
            Saved::Done(saved) => {
                let answer = (StatusCode::CREATED, Json(FlowAnswer::new(&saved, findings)));
                return Ok(etag::tagged(&saved, answer));
            }
            // The id is taken: another one will not be.
            Saved::Conflict | Saved::Changed => record.id = FlowId(ids::fresh()),
        }
    }
    Err(changed_again())
}

/// `PUT`: changes the fields that are given, on the version that `If-Match` names, if it names one. What changes nothing makes
/// no version.
async fn update(
    State(gateway): State<Arc<Gateway>>,
    Tenant(account): Tenant,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let fields = sent(&gateway, request).await?;
    let id = possible(id_of(&fields)?.ok_or_else(no_id)?)?;
    let given = Given::read(&fields).map_err(Problem::invalid)?;
    for _ in 0..ATTEMPTS {
        let before = stored(gateway.ports.flows.get(&account, &id)).await?.ok_or_else(no_such_flow)?;
        etag::must_match(&headers, &before)?;
        let mut record = before.clone();
        given::apply(&given, &mut record);
        let catalog = stored(gateway.ports.flows.catalog(&account)).await?;
        let findings = check::may_be_saved(&record, &catalog)?;
        if record == before {
            return Ok(etag::tagged(&before, Json(FlowAnswer::new(&before, findings))));
        }
        match stored(gateway.ports.flows.update(record)).await? {
            Saved::Done(saved) => return Ok(etag::tagged(&saved, Json(FlowAnswer::new(&saved, findings)))),
            Saved::Conflict => return Err(no_such_flow()),
            // Somebody saved between our reading and writing: what they changed stays, ours goes on top.
            Saved::Changed => {}
        }
    }
    Err(changed_again())
}

/// `DELETE`, the id in the body or, for proxies that drop bodies, as `?id=`.
async fn delete(
    State(gateway): State<Arc<Gateway>>,
    Tenant(account): Tenant,
    Asked { id: asked, .. }: Asked,
    request: Request,
) -> Result<Response, Problem> {
    let in_body = match sent_or_nothing(&gateway, request).await? {
        Some(fields) => id_of(&fields)?,
        None => None,
    };
    let id = possible(in_body.or(asked).ok_or_else(no_id)?)?;
    if stored(gateway.ports.flows.delete(&account, &id)).await? {
        Ok(Json(json!({ "id": id.0 })).into_response())
    } else {
        Err(no_such_flow())
    }
}

/// The `id` of a body. The builder's ids are times in digits, so a number is taken for one.
fn id_of(fields: &Map<String, Value>) -> Result<Option<FlowId>, Problem> {
    match fields.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.as_str().into())),
        Some(Value::Number(id)) => Ok(Some(id.to_string().as_str().into())),
        Some(_) => Err(Problem::fault("/id", "wrong_type", "id must be a string")),
    }
}

/// An id that a flow can have: a database that is asked for U+0000 may refuse the question.
fn possible(id: FlowId) -> Result<FlowId, Problem> {
    if id.0.contains('\0') { Err(no_such_flow()) } else { Ok(id) }
}

fn no_id() -> Problem {
    Problem::fault("/id", "missing", "which flow? give its id")
}

fn no_such_flow() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "flow_not_found", "there is no such flow in this account")
}

fn no_such_version() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "version_not_found", "there is no such version of this flow in this account")
}

fn changed_again() -> Problem {
    Problem::new(StatusCode::CONFLICT, "flow_changed", "others keep saving this flow; try again")
}
