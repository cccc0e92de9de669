//! Dead letters, and what is done with them.

use super::{
    Id, accepted,
    admin::Admin,
    filter::{self, invalid},
};
use crate::{Gateway, problem::Problem, request::sent};
use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Map, Value};
use shared::ports::{
    dead_letters::{Allowed, GroupBy, LetterFilter, LetterState},
    listing::Page,
    replays::{Act, Chosen, Order},
};
use std::sync::Arc;

/// Letters a second, unless asked for otherwise, and at most.
const RATE: u32 = 200;
const HIGHEST_RATE: u64 = 10_000;
/// Letters that are named in one request at most.
const NAMED: usize = 1_000;

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/dead-letters", get(list))
        .route("/dead-letters/summary", get(summary))
        .route("/dead-letters/replay", post(replay))
        .route("/dead-letters/discard", post(discard))
        .route("/dead-letters/{id}", get(show))
        .route("/replays/{id}", get(progress))
}

type Pairs = Query<Vec<(String, String)>>;

async fn list(admin: Admin, Query(pairs): Pairs) -> Result<Json<Value>, Problem> {
    let operator = &admin.ops.operator;
    let filter::Query { filter, page, .. } = filter::query(pairs, operator.clock.now())?;
    let page = page.unwrap_or(Page { limit: RATE, after: None });
    Ok(Json(operator.dead_letters(&filter, &page).await?))
}

async fn summary(admin: Admin, Query(pairs): Pairs) -> Result<Json<Value>, Problem> {
    let operator = &admin.ops.operator;
    let filter::Query { filter, by, .. } = filter::query(pairs, operator.clock.now())?;
    let by = if by.is_empty() { GroupBy::ALL.to_vec() } else { by };
    Ok(Json(operator.dead_letters_summary(&by, &filter).await?))
}

async fn show(admin: Admin, Path(id): Id) -> Result<Json<Value>, Problem> {
    Ok(Json(admin.ops.operator.dead_letter(&id.into()).await?))
}

async fn progress(admin: Admin, Path(id): Id) -> Result<Json<Value>, Problem> {
    Ok(Json(admin.ops.operator.replay(&id.into()).await?))
}

async fn replay(State(gateway): State<Arc<Gateway>>, admin: Admin, request: Request) -> Result<Response, Problem> {
    act(Act::Replay, &gateway, admin, request).await
}

async fn discard(State(gateway): State<Arc<Gateway>>, admin: Admin, request: Request) -> Result<Response, Problem> {
    act(Act::Discard, &gateway, admin, request).await
}

async fn act(act: Act, gateway: &Gateway, admin: Admin, request: Request) -> Result<Response, Problem> {
    let operator = &admin.ops.operator;
    let fields = sent(gateway, request).await?;
    for name in fields.keys() {
        let known = ["ids", "filter", "all", "dryRun", "rate", "mayDuplicate", "force"];
        if !known.contains(&name.as_str()) {
            return Err(invalid(&format!("/{name}"), "there is no such field"));
        }
    }
    let chosen = chosen(&fields, operator.clock.now())?;
    let allowed = Allowed { may_duplicate: flag(&fields, "mayDuplicate")?, force: flag(&fields, "force")? };
    let rate = match fields.get("rate") {
        None | Some(Value::Null) => RATE,
        Some(rate) => {
            let rate = rate.as_u64().filter(|rate| (1..=HIGHEST_RATE).contains(rate));
            let rate = rate.ok_or_else(|| invalid("/rate", "a rate is between 1 and 10000 letters a second"))?;
            u32::try_from(rate).unwrap_or(RATE)
        }
    };
    if flag(&fields, "dryRun")? {
        return Ok(Json(operator.dry_run(act, &chosen, allowed).await?).into_response());
    }
    let order = Order { act, chosen, allowed, rate, by: admin.who };
    Ok(accepted(operator.begin_replay(&order, "").await?))
}

/// One of `ids`, `filter` and `all`.
fn chosen(fields: &Map<String, Value>, now: shared::Timestamp) -> Result<Chosen, Problem> {
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null() && **value != Value::Bool(false));
    match (given("ids"), given("filter"), given("all")) {
        (Some(Value::Array(ids)), None, None) if !ids.is_empty() && ids.len() <= NAMED => {
            let text = |(at, id): (usize, &Value)| {
                let id = id.as_str().ok_or_else(|| invalid(&format!("/ids/{at}"), "an id is a text"))?;
                Ok(id.into())
            };
            Ok(Chosen::Ids(ids.iter().enumerate().map(text).collect::<Result<_, Problem>>()?))
        }
        (Some(_), None, None) => Err(invalid("/ids", "ids is a list of 1 to 1000 ids")),
        (None, Some(Value::Object(filter)), None) => match open(filter::filter(filter, "/filter", now)?)? {
            filter if filter == LetterFilter::default() => {
                Err(invalid("/filter", "a filter is not empty; where all open letters are meant, say \"all\": true"))
            }
            filter => Ok(Chosen::Matching(filter)),
        },
        (None, Some(_), None) => Err(invalid("/filter", "filter is an object")),
        (None, None, Some(Value::Bool(true))) => Ok(Chosen::Matching(LetterFilter::default())),
        _ => Err(invalid("", "which letters? give one of ids, filter and \"all\": true")),
    }
}

/// Only open letters can be meant: saying so says nothing.
fn open(filter: LetterFilter) -> Result<LetterFilter, Problem> {
    match filter.state {
        None | Some(LetterState::Open) => Ok(LetterFilter { state: None, ..filter }),
        Some(_) => Err(invalid("/filter/state", "only open letters are replayed or discarded")),
    }
}

fn flag(fields: &Map<String, Value>, name: &str) -> Result<bool, Problem> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(invalid(&format!("/{name}"), "true or false was expected")),
    }
}
