//! Reading the ledger.

use super::OPEN;
use crate::sql::{
    db::Db,
    rows::{column, corrupt},
    store_error,
};
use sea_orm::{DbErr, QueryResult};
use shared::{
    Timestamp,
    event::DeliveryStatus,
    ids::{JobId, PhoneNumberId, RecipientId},
    job::{JobRef, JobState, LaneSeq},
    ports::{
        Stored,
        ledger::{Backlog, OpenJob, RateFailure},
    },
};

const COLUMNS: &str =
    "j.id, j.phone_number_id, j.recipient_id, j.lane_seq, j.state, j.due_at, j.claimed_at, j.owner, j.resends";

/// What was claimed: number, since when.
pub(super) const SELECT_CLAIMED: &str = "SELECT recipient_id, claimed_at FROM jobs
    WHERE phone_number_id = $1 AND claimed_at > $2 ORDER BY claimed_at";

/// What Meta refused for the pair's pace: number, since when.
pub(super) const SELECT_PAIRS_REFUSED: &str = "SELECT recipient_id, max(claimed_at) AS claimed_at FROM jobs
    WHERE phone_number_id = $1 AND claimed_at > $2 AND error_code = 131056 GROUP BY recipient_id";

/// What failed in a status for a rate: number, after.
pub(super) const SELECT_RATE_FAILURES: &str = "SELECT recipient_id, rate_failed_code, rate_failed_at FROM jobs
    WHERE phone_number_id = $1 AND rate_failed_at > $2 ORDER BY rate_failed_at";

/// The first open job of a lane: number, recipient.
pub(super) fn select_head() -> String {
    format!(
        "SELECT {COLUMNS} FROM jobs j WHERE j.phone_number_id = $1 AND j.recipient_id = $2 AND j.{OPEN}
            ORDER BY j.lane_seq LIMIT 1"
    )
}

/// The heads of lanes that may go on: number, due, before, limit.
pub(super) fn select_waiting() -> String {
    format!(
        "SELECT {COLUMNS} FROM jobs j WHERE j.phone_number_id = $1 AND j.{OPEN} AND j.due_at <= $2
            AND j.updated_at <= $3
            AND NOT EXISTS (SELECT 1 FROM jobs e WHERE e.phone_number_id = j.phone_number_id
                AND e.recipient_id = j.recipient_id AND e.lane_seq < j.lane_seq AND e.{OPEN})
            ORDER BY j.due_at, j.lane_seq LIMIT $4"
    )
}

/// Numbers with open jobs.
pub(super) fn select_numbers() -> String {
    format!("SELECT DISTINCT phone_number_id FROM jobs WHERE {OPEN}")
}

/// How much numbers still have to send.
pub(super) fn select_backlog() -> String {
    format!(
        "SELECT phone_number_id, count(*) AS open_jobs, min(created_at) AS oldest FROM jobs WHERE {OPEN}
            GROUP BY phone_number_id ORDER BY open_jobs DESC, phone_number_id"
    )
}

pub(super) async fn head(db: &Db, number: &PhoneNumberId, recipient: &RecipientId) -> Stored<Option<OpenJob>> {
    const DOING: &str = "reading a lane's head";
    let row = db.one(DOING, &select_head(), vec![number.as_str().into(), recipient.as_str().into()]).await?;
    row.map(|row| open_job(&row)).transpose().map_err(|error| store_error(DOING, &error))
}

pub(super) async fn waiting(
    db: &Db,
    number: &PhoneNumberId,
    due: Timestamp,
    before: Timestamp,
    limit: u32,
) -> Stored<Vec<OpenJob>> {
    const DOING: &str = "reading what waits";
    let values = vec![number.as_str().into(), due.0.into(), before.0.into(), i64::from(limit).into()];
    let rows = db.all(DOING, &select_waiting(), values).await?;
    rows.iter().map(open_job).collect::<Result<_, DbErr>>().map_err(|error| store_error(DOING, &error))
}

pub(super) async fn numbers_with_open_jobs(db: &Db) -> Stored<Vec<PhoneNumberId>> {
    const DOING: &str = "reading which numbers have work";
    let rows = db.all(DOING, &select_numbers(), vec![]).await?;
    rows.iter()
        .map(|row| Ok(column::<String>(row, "phone_number_id")?.into()))
        .collect::<Result<_, DbErr>>()
        .map_err(|error| store_error(DOING, &error))
}

pub(super) async fn backlog(db: &Db) -> Stored<Vec<Backlog>> {
    const DOING: &str = "reading what numbers have to send";
    let rows = db.all(DOING, &select_backlog(), vec![]).await?;
    let read = |row: &QueryResult| {
        Ok(Backlog {
            phone_number_id: column::<String>(row, "phone_number_id")?.into(),
            open: u64::try_from(column::<i64>(row, "open_jobs")?).unwrap_or(0),
            oldest: Timestamp(column(row, "oldest")?),
        })
    };
    rows.iter().map(read).collect::<Result<_, DbErr>>().map_err(|error| store_error(DOING, &error))
}

pub(super) async fn claimed_since(
    db: &Db,
    number: &PhoneNumberId,
    since: Timestamp,
) -> Stored<Vec<(RecipientId, Timestamp)>> {
    times(db, SELECT_CLAIMED, number, since).await
}

pub(super) async fn is_delivered(db: &Db, job: &JobId) -> Stored<bool> {
    let sql = "SELECT 1 AS one FROM jobs WHERE id = $1 AND state = 'sent' AND delivery < $2";
    let values = vec![job.as_str().into(), (DeliveryStatus::Delivered as i32).into()];
    Ok(db.one("asking whether a message was delivered", sql, values).await?.is_none())
}

pub(super) async fn pairs_refused_since(
    db: &Db,
    number: &PhoneNumberId,
    since: Timestamp,
) -> Stored<Vec<(RecipientId, Timestamp)>> {
    times(db, SELECT_PAIRS_REFUSED, number, since).await
}

pub(super) async fn rate_failures(db: &Db, number: &PhoneNumberId, after: Timestamp) -> Stored<Vec<RateFailure>> {
    const DOING: &str = "reading what failed for its rate";
    let rows = db.all(DOING, SELECT_RATE_FAILURES, vec![number.as_str().into(), after.0.into()]).await?;
    let read = |row: &QueryResult| {
        Ok(RateFailure {
            recipient_id: column::<String>(row, "recipient_id")?.into(),
            code: column(row, "rate_failed_code")?,
            at: Timestamp(column(row, "rate_failed_at")?),
        })
    };
    rows.iter().map(read).collect::<Result<_, DbErr>>().map_err(|error| store_error(DOING, &error))
}

async fn times(db: &Db, sql: &str, number: &PhoneNumberId, since: Timestamp) -> Stored<Vec<(RecipientId, Timestamp)>> {
    const DOING: &str = "reading recent sends";
    let rows = db.all(DOING, sql, vec![number.as_str().into(), since.0.into()]).await?;
    rows.iter()
        .map(|row| Ok((column::<String>(row, "recipient_id")?.into(), Timestamp(column(row, "claimed_at")?))))
        .collect::<Result<_, DbErr>>()
        .map_err(|error| store_error(DOING, &error))
}

fn open_job(row: &QueryResult) -> Result<OpenJob, DbErr> {
    let state: String = column(row, "state")?;
    Ok(OpenJob {
        job: JobRef {
            job_id: column::<String>(row, "id")?.into(),
            phone_number_id: column::<String>(row, "phone_number_id")?.into(),
            recipient_id: column::<String>(row, "recipient_id")?.into(),
            lane_seq: LaneSeq(column(row, "lane_seq")?),
        },
        state: JobState::parse(&state).ok_or_else(|| corrupt("jobs.state", &state))?,
        due_at: column::<Option<i64>>(row, "due_at")?.map(Timestamp),
        claimed_at: column::<Option<i64>>(row, "claimed_at")?.map(Timestamp),
        owner: column(row, "owner")?,
        resends: column(row, "resends")?,
    })
}
