//! Statuses, by the transition table: upward by rank from any state; a failure only for the current attempt, and only
//! from `sending`, `unknown` or `sent`.

use crate::sql::{
    db::{Db, Transaction, all, execute, for_update},
    dead_letters, feed,
    ledger::letters,
    rows::{column, list, placeholders},
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use shared::{
    Timestamp, backoff,
    event::{DeliveryStatus, JobTag, StatusUpdate},
    fate::{Failure, Fate, Tries, fate},
    ids::JobId,
    job::JobState,
    ports::{StoreError, Stored, conversations::StatusOutcome},
};
use std::collections::{BTreeMap, BTreeSet};

/// Applies a batch. What the database refuses is halved until the culprit is alone; that one is counted and left out.
pub(super) async fn apply(
    db: &Db,
    batch: Vec<StatusUpdate>,
    now: Timestamp,
    send_attempts: u32,
) -> Stored<Vec<StatusOutcome>> {
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut open = vec![batch];
    while let Some(mut part) = open.pop() {
        match db.write(Apply { batch: part.clone(), now, send_attempts }).await {
            Ok(done) => outcomes.extend(done),
            Err(StoreError::Refused { reason, .. }) if part.len() == 1 => {
                tracing::error!(reason, wamid = %part[0].wamid, "the database refuses a status; it is left out");
                metrics::counter!("flow_runner_statuses_refused_total").increment(1);
                outcomes.push(StatusOutcome::NotOurs);
            }
            Err(StoreError::Refused { .. }) => {
                let right = part.split_off(part.len() / 2);
                open.push(right);
                open.push(part);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcomes)
}

struct Apply {
    batch: Vec<StatusUpdate>,
    now: Timestamp,
    send_attempts: u32,
}

/// A job's row, as far as statuses move it.
#[derive(Debug, Clone)]
struct Row {
    phone_number_id: String,
    state: JobState,
    attempt: i32,
    spent: i32,
    delivery: i32,
    wamid: Option<String>,
    due_at: i64,
    failed_at: Option<i64>,
    delivered_at: Option<i64>,
    read_at: Option<i64>,
    error: Option<(i64, String)>,
    settles_letter: bool,
    dies_of: Option<&'static str>,
    /// The attempts that a failed status ended.
    failed: Vec<i32>,
    /// The last attempts in a row that Meta refused for the pair's pace.
    pair_refusals: u32,
    changed: bool,
}

/// Meta's codes for the rate of a number, and for the pace of a pair.
const NUMBER_RATE: i64 = 130_429;
const PAIR_RATE: i64 = 131_056;

#[async_trait]
impl Transaction for Apply {
    type Output = Vec<StatusOutcome>;
    const DOING: &'static str = "applying statuses";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<StatusOutcome>, DbErr> {
        let mut rows = self.rows(tx).await?;
        let mut paused = BTreeMap::new();
        let outcomes = self.batch.iter().map(|status| self.apply(status, &mut rows, &mut paused)).collect();
        let changed = || rows.iter().filter(|(_, row)| row.changed);
        self.write_risen(tx, changed().filter(|(_, row)| row.error.is_none()).collect()).await?;
        for (job, row) in changed().filter(|(_, row)| row.error.is_some()) {
            self.write(tx, job, row).await?;
        }
        for (number, reason) in &paused {
            let sql = "UPDATE phone_numbers SET paused = $2, updated_at = $3 WHERE id = $1 AND paused IS NULL";
            execute(tx, sql, vec![number.as_str().into(), reason.as_str().into(), self.now.0.into()]).await?;
            feed::note(tx, feed::ACCOUNTS).await?;
        }
        Ok(outcomes)
    }
}

impl Apply {
    /// The batch's jobs, locked in id order.
    async fn rows(&self, tx: &DatabaseTransaction) -> Result<BTreeMap<JobId, Row>, DbErr> {
        let ids: BTreeSet<&JobId> = self.batch.iter().filter_map(|status| Some(&status.job.as_ref()?.job)).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sql = format!(
            "SELECT id, phone_number_id, state, attempt, spent, delivery, wamid, due_at, failed_at, delivered_at, read_at,
                attempts FROM jobs WHERE id IN ({}) ORDER BY id{}",
            list(ids.len(), 1),
            for_update(tx)
        );
        let rows = all(tx, &sql, ids.into_iter().map(|id| id.as_str().into()).collect()).await?;
        rows.iter().map(|row| Ok((column::<String>(row, "id")?.into(), read(row)?))).collect()
    }

    fn apply(
        &self,
        status: &StatusUpdate,
        rows: &mut BTreeMap<JobId, Row>,
        paused: &mut BTreeMap<String, String>,
    ) -> StatusOutcome {
        let Some(tag) = &status.job else { return StatusOutcome::NotOurs };
        let Some(row) = rows.get_mut(&tag.job) else { return StatusOutcome::NotOurs };
        if row.phone_number_id != status.phone_number_id.as_str() {
            return StatusOutcome::NotOurs;
        }
        let applied = match status.status {
            DeliveryStatus::Failed => self.fail(status, tag, row, paused),
            _ => rise(status, tag, row),
        };
        if applied { StatusOutcome::Applied } else { StatusOutcome::NothingToDo }
    }

    fn fail(&self, status: &StatusUpdate, tag: &JobTag, row: &mut Row, paused: &mut BTreeMap<String, String>) -> bool {
        let open = matches!(row.state, JobState::Sending | JobState::Unknown | JobState::Sent);
        if tag.attempt != row.attempt || !open || row.delivery >= rank(DeliveryStatus::Delivered) {
            return false;
        }
        let code = status.error.as_ref().map_or(131_000, |error| error.code);
        let message = status.error.as_ref().map_or_else(|| "failed".to_owned(), |error| error.message.clone());
        let failure = Failure { code: Some(code), transient: false, retry_after: None, definite: true };
        let tries = Tries { spent: row.spent, most: self.send_attempts, pair: row.pair_refusals };
        row.changed = true;
        row.failed.push(tag.attempt);
        row.failed_at = Some(status.at.saturating_mul(1000));
        row.error = Some((code, message));
        match fate(&failure, tries, self.now, backoff::dice()) {
            Fate::Dead { reason, alert } => {
                if alert {
                    tracing::error!(
                        number = row.phone_number_id,
                        code,
                        "a message failed for a reason that concerns the account"
                    );
                }
                row.state = JobState::Dead;
                row.dies_of = Some(reason);
            }
            Fate::Retry { due_at, spent } => {
                row.state = JobState::Retrying;
                row.due_at = due_at.0;
                row.spent += i32::from(spent);
                row.wamid = None;
                row.delivery = 0;
            }
            Fate::Pause => {
                row.state = JobState::Retrying;
                row.due_at = self.now.0;
                row.wamid = None;
                row.delivery = 0;
                tracing::error!(number = row.phone_number_id, code, "the number can't send: paused by a failed status");
                paused.insert(row.phone_number_id.clone(), format!("error {code} in a status"));
            }
            // A failed status is definite.
            Fate::Unknown => {}
        }
        true
    }

    /// What only rose, in one statement.
    async fn write_risen(&self, tx: &DatabaseTransaction, rows: Vec<(&JobId, &Row)>) -> Result<(), DbErr> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "UPDATE jobs SET state = v.column2, delivery = v.column3, wamid = v.column4, delivered_at = v.column5,
                read_at = v.column6, sent_at = COALESCE(jobs.sent_at, $1), updated_at = $1
                FROM (VALUES {}) AS v WHERE jobs.id = v.column1",
            placeholders(rows.len(), 6, 2)
        );
        let mut values: Vec<Value> = vec![self.now.0.into()];
        for (job, row) in &rows {
            values.extend([
                Value::from(job.as_str()),
                row.state.as_str().into(),
                row.delivery.into(),
                row.wamid.clone().into(),
                row.delivered_at.into(),
                row.read_at.into(),
            ]);
        }
        execute(tx, &sql, values).await?;
        for (job, _) in rows.iter().filter(|(_, row)| row.settles_letter) {
            dead_letters::settle(tx, job, self.now).await?;
        }
        Ok(())
    }

    /// What failed.
    async fn write(&self, tx: &DatabaseTransaction, job: &JobId, row: &Row) -> Result<(), DbErr> {
        let sql = "UPDATE jobs SET state = $2, delivery = $3, wamid = $4, due_at = $5, spent = $6, failed_at = $7,
            delivered_at = $8, read_at = $9, error_code = COALESCE($10, error_code), error = COALESCE($11, error),
            attempts = CASE WHEN $12 = '' THEN attempts ELSE COALESCE(attempts, '') || $12 END, updated_at = $13,
            rate_failed_at = COALESCE($14, rate_failed_at), rate_failed_code = COALESCE($15, rate_failed_code)
            WHERE id = $1";
        let attempt = row
            .error
            .as_ref()
            .map_or_else(String::new, |(code, message)| letters::failed_line(self.now, row.attempt, *code, message));
        // Whoever sends from the number hears of it from here.
        let rate = row.error.as_ref().map(|(code, _)| *code).filter(|code| [NUMBER_RATE, PAIR_RATE].contains(code));
        let values: Vec<Value> = vec![
            job.as_str().into(),
            row.state.as_str().into(),
            row.delivery.into(),
            row.wamid.clone().into(),
            row.due_at.into(),
            row.spent.into(),
            row.failed_at.into(),
            row.delivered_at.into(),
            row.read_at.into(),
            row.error.as_ref().map(|(code, _)| *code).into(),
            row.error.as_ref().map(|(_, message)| message.as_str()).into(),
            attempt.into(),
            self.now.0.into(),
            rate.map(|_| self.now.0).into(),
            rate.into(),
        ];
        execute(tx, sql, values).await?;
        if row.settles_letter {
            dead_letters::settle(tx, job, self.now).await?;
        }
        if let Some(reason) = row.dies_of {
            let letter = letters::of_job(tx, job, reason).await?;
            dead_letters::write(tx, letter.into_iter().collect(), self.now).await?;
        }
        Ok(())
    }
}

/// `sent`, `delivered`, `read`, `played`.
fn rise(status: &StatusUpdate, tag: &JobTag, row: &mut Row) -> bool {
    let rank = rank(status.status);
    if row.state == JobState::Sent && row.delivery >= rank {
        return false;
    }
    // `sent` may come after the `failed` of its attempt, even once another attempt runs: it says nothing new, and must not
    // cancel that one. `delivered` does.
    if status.status == DeliveryStatus::Sent && row.failed.contains(&tag.attempt) {
        return false;
    }
    let at = status.at.saturating_mul(1000);
    // A letter of this very batch is not even written.
    row.settles_letter |= row.state == JobState::Dead && row.dies_of.take().is_none();
    row.state = JobState::Sent;
    row.delivery = row.delivery.max(rank);
    row.wamid.get_or_insert_with(|| status.wamid.as_str().to_owned());
    match status.status {
        DeliveryStatus::Delivered => row.delivered_at = row.delivered_at.or(Some(at)),
        DeliveryStatus::Read | DeliveryStatus::Played => row.read_at = row.read_at.or(Some(at)),
        DeliveryStatus::Sent | DeliveryStatus::Failed => {}
    }
    row.changed = true;
    true
}

fn rank(status: DeliveryStatus) -> i32 {
    status as i32
}

fn read(row: &QueryResult) -> Result<Row, DbErr> {
    let state: String = column(row, "state")?;
    let attempts = column::<Option<String>>(row, "attempts")?.unwrap_or_default();
    Ok(Row {
        phone_number_id: column(row, "phone_number_id")?,
        state: JobState::parse(&state).ok_or_else(|| crate::sql::rows::corrupt("jobs.state", &state))?,
        attempt: column(row, "attempt")?,
        spent: column(row, "spent")?,
        delivery: column(row, "delivery")?,
        wamid: column(row, "wamid")?,
        due_at: column(row, "due_at")?,
        failed_at: column(row, "failed_at")?,
        delivered_at: column(row, "delivered_at")?,
        read_at: column(row, "read_at")?,
        error: None,
        settles_letter: false,
        dies_of: None,
        failed: letters::failed_attempts(&attempts),
        pair_refusals: letters::last_met(&attempts, PAIR_RATE),
        changed: false,
    })
}
