//! The dead letter that a job leaves.

use crate::sql::{dead_letters::Letter, db::one, rows::column};
use sea_orm::{DatabaseTransaction, DbErr};
use shared::{Timestamp, ids::JobId};

/// One try that failed, as a line of `jobs.attempts`: appended without reading what stands there.
pub(in crate::sql) fn attempt_line(at: Timestamp, code: Option<i64>, error: &str) -> String {
    let mut line = serde_json::json!({ "at": at, "code": code, "error": error }).to_string();
    line.push('\n');
    line
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
    let lines = lines.unwrap_or_default();
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
        attempts: Some(format!("[{}]", lines.trim_end().replace('\n', ","))),
        body: column(&row, "content")?,
    }))
}
