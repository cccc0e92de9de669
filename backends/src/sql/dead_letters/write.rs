//! Writing dead letters, in the transaction that ends what they stand for.

use crate::sql::{db::execute, rows::insert};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use shared::{
    Timestamp,
    ids::{self, DeadLetterId, JobId},
};

/// What a letter holds. `kind` is `event` or `job`, `reason` one of the contract's words.
#[derive(Debug, Clone, Default)]
pub(in crate::sql) struct Letter {
    pub kind: &'static str,
    pub reason: &'static str,
    pub code: Option<i64>,
    pub account_id: Option<String>,
    pub phone_number_id: Option<String>,
    pub recipient_id: Option<String>,
    pub recipient: Option<String>,
    pub flow_id: Option<String>,
    pub step_id: Option<String>,
    pub job_id: Option<String>,
    pub event_id: Option<String>,
    /// A JSON array of `{at, code?, error}`.
    pub attempts: Option<String>,
    /// JSON.
    pub body: String,
}

const COLUMNS: [&str; 17] = [
    "id",
    "kind",
    "state",
    "reason",
    "code",
    "account_id",
    "phone_number_id",
    "recipient_id",
    "recipient",
    "flow_id",
    "step_id",
    "job_id",
    "event_id",
    "attempts",
    "body",
    "trace_id",
    "created_at",
];

/// Writes letters.
pub(in crate::sql) async fn write<C: ConnectionTrait>(
    tx: &C,
    letters: Vec<Letter>,
    now: Timestamp,
) -> Result<(), DbErr> {
    if letters.is_empty() {
        return Ok(());
    }
    for letter in &letters {
        metrics::counter!("flow_runner_dead_letters_total", "reason" => letter.reason).increment(1);
    }
    let rows = letters.into_iter().map(|letter| row(&ids::fresh(), letter, now)).collect();
    insert(tx, "dead_letters", &COLUMNS, rows, "").await.map(drop)
}

/// Writes a letter that has an id already, unless it is there; whether it was not.
pub(super) async fn write_once<C: ConnectionTrait>(
    tx: &C,
    id: &DeadLetterId,
    letter: Letter,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let reason = letter.reason;
    let written =
        insert(tx, "dead_letters", &COLUMNS, vec![row(id.as_str(), letter, now)], "ON CONFLICT (id) DO NOTHING")
            .await?;
    metrics::counter!("flow_runner_dead_letters_total", "reason" => reason).increment(written);
    Ok(written > 0)
}

/// Closes the letter of a job that turns out to have arrived: it needs nobody's care any more.
pub(in crate::sql) async fn settle(tx: &DatabaseTransaction, job: &JobId, now: Timestamp) -> Result<(), DbErr> {
    let sql = "UPDATE dead_letters SET state = 'settled', closed_at = $2 WHERE job_id = $1 AND state = 'open'";
    execute(tx, sql, vec![job.as_str().into(), now.0.into()]).await.map(drop)
}

fn row(id: &str, letter: Letter, now: Timestamp) -> Vec<Value> {
    vec![
        id.into(),
        letter.kind.into(),
        "open".into(),
        letter.reason.into(),
        letter.code.into(),
        letter.account_id.into(),
        letter.phone_number_id.into(),
        letter.recipient_id.into(),
        letter.recipient.into(),
        letter.flow_id.into(),
        letter.step_id.into(),
        letter.job_id.into(),
        letter.event_id.into(),
        letter.attempts.unwrap_or_else(|| "[]".to_owned()).into(),
        letter.body.into(),
        Value::String(None),
        now.0.into(),
    ]
}
