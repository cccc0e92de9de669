//! The dead letter that a job leaves.

use crate::sql::{db::one, dead_letters::Letter, rows::column};
use sea_orm::{DatabaseTransaction, DbErr};
use serde_json::{Map, Value};
use shared::{Timestamp, ids::JobId};

/// In a line, the attempt that a failed status ended.
const FAILED: &str = "failedAttempt";

/// One try that failed, as a line of `jobs.attempts`: appended without reading what stands there.
pub(in crate::sql) fn attempt_line(at: Timestamp, code: Option<i64>, error: &str) -> String {
    let mut line = match code {
        Some(code) => serde_json::json!({ "at": at, "code": code, "error": error }),
        None => serde_json::json!({ "at": at, "error": error }),
    }
    .to_string();
    line.push('\n');
    line
}

/// An attempt that ended with a failed status, as such a line; which one it was is kept for what may come in later.
pub(in crate::sql) fn failed_line(at: Timestamp, attempt: i32, code: i64, message: &str) -> String {
    let error = format!("failed status: {message}");
    let mut line = serde_json::json!({ "at": at, "code": code, "error": error, FAILED: attempt }).to_string();
    line.push('\n');
    line
}

/// The attempts that [`failed_line`] noted.
pub(in crate::sql) fn failed_attempts(lines: &str) -> Vec<i32> {
    let attempt = |line: Value| line.get(FAILED)?.as_i64()?.try_into().ok();
    lines.lines().filter_map(|line| attempt(serde_json::from_str(line).ok()?)).collect()
}

/// How often in a row, up to now, an attempt met this code.
pub(in crate::sql) fn last_met(lines: &str, code: i64) -> u32 {
    let is_it = |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|line| line["code"] == code);
    u32::try_from(lines.lines().rev().take_while(|line| is_it(line)).count()).unwrap_or(u32::MAX)
}

/// The lines as a letter shows them: an array of `{at, code?, error}`.
pub(in crate::sql) fn as_array(lines: &str) -> String {
    let shown = |line: &str| {
        let mut line: Map<String, Value> = serde_json::from_str(line).ok()?;
        line.remove(FAILED);
        Some(Value::Object(line))
    };
    Value::Array(lines.lines().filter_map(shown).collect()).to_string()
}

/// The letter of a job that ends now, from its row.
pub(in crate::sql) async fn of_job(
    tx: &DatabaseTransaction,
    job: &JobId,
    reason: &'static str,
) -> Result<Option<Letter>, DbErr> {
    let sql = "SELECT account_id, phone_number_id, recipient_id, COALESCE(phone, bsuid) AS recipient, flow_id, step_id,
        event_id, error_code, attempts, content FROM jobs WHERE id = $1";
    let Some(row) = one(tx, sql, vec![job.as_str().into()]).await? else { return Ok(None) };
    let lines: Option<String> = column(&row, "attempts")?;
    Ok(Some(Letter {
        kind: "job",
        reason,
        code: column(&row, "error_code")?,
        account_id: column(&row, "account_id")?,
        phone_number_id: column(&row, "phone_number_id")?,
        recipient_id: column(&row, "recipient_id")?,
        recipient: column(&row, "recipient")?,
        flow_id: column(&row, "flow_id")?,
        step_id: column(&row, "step_id")?,
        job_id: Some(job.to_string()),
        event_id: column(&row, "event_id")?,
        attempts: Some(as_array(lines.as_deref().unwrap_or_default())),
        body: column(&row, "content")?,
    }))
}
