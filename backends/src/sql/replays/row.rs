//! A replay's row.

use crate::sql::rows::{column, corrupt};
use sea_orm::{DbErr, QueryResult};
use shared::{
    Timestamp,
    ports::{
        dead_letters::{Allowed, Prospect},
        replays::{Act, Chosen, Run, RunState},
    },
};
use std::collections::BTreeMap;

/// Of one replay; `lock` is what follows.
pub(super) fn select(lock: &str) -> String {
    format!("SELECT {COLUMNS} FROM replays WHERE id = $1{lock}")
}

pub(super) const COLUMNS: &str =
    "id, act, chosen, may_duplicate, force, rate, state, total, replayed, skipped, after_at,
    after_id, asked_by, owner, error, started_at, finished_at";

/// What a step needs beside the [`Run`].
pub(super) struct Place {
    pub chosen: Chosen,
    pub allowed: Allowed,
    pub owner: String,
    /// The last letter that was looked at.
    pub after: Option<(i64, String)>,
}

pub(super) fn run(row: &QueryResult) -> Result<Run, DbErr> {
    let (act, state): (String, String) = (column(row, "act")?, column(row, "state")?);
    Ok(Run {
        id: column::<String>(row, "id")?.into(),
        act: Act::parse(&act).ok_or_else(|| corrupt("replays.act", act))?,
        rate: u32::try_from(column::<i32>(row, "rate")?).unwrap_or(1),
        state: RunState::parse(&state).ok_or_else(|| corrupt("replays.state", state))?,
        total: count(column(row, "total")?),
        replayed: count(column(row, "replayed")?),
        skipped: skipped(&column::<String>(row, "skipped")?)?,
        by: column(row, "asked_by")?,
        error: column(row, "error")?,
        started_at: Timestamp(column(row, "started_at")?),
        finished_at: column::<Option<i64>>(row, "finished_at")?.map(Timestamp),
    })
}

pub(super) fn place(row: &QueryResult) -> Result<Place, DbErr> {
    let chosen: String = column(row, "chosen")?;
    let chosen = serde_json::from_str(&chosen).map_err(|error| corrupt("replays.chosen", error))?;
    let after: (Option<i64>, Option<String>) = (column(row, "after_at")?, column(row, "after_id")?);
    Ok(Place {
        chosen,
        allowed: Allowed {
            may_duplicate: column::<i32>(row, "may_duplicate")? != 0,
            force: column::<i32>(row, "force")? != 0,
        },
        owner: column(row, "owner")?,
        after: after.0.zip(after.1),
    })
}

fn skipped(json: &str) -> Result<BTreeMap<Prospect, u64>, DbErr> {
    serde_json::from_str(json).map_err(|error| corrupt("replays.skipped", error))
}

fn count(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
