//! Unknown outcomes, settled by somebody who knows or decides.

use super::letters;
use crate::sql::{
    db::{Transaction, execute, for_update, one},
    dead_letters,
    rows::{column, corrupt},
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr};
use shared::{
    Timestamp,
    ids::JobId,
    job::JobState,
    ports::ledger::{Decided, Decision},
};

pub(super) struct Decide {
    pub job: JobId,
    pub decision: Decision,
    pub now: Timestamp,
}

#[async_trait]
impl Transaction for Decide {
    type Output = Decided;
    const DOING: &'static str = "settling an unknown outcome by hand";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Decided, DbErr> {
        let Some((state, given_up)) = self.found(tx).await? else { return Ok(Decided::NoSuchJob) };
        let unknown = state == JobState::Unknown || (given_up && self.decision == Decision::Arrived);
        if !unknown {
            return Ok(Decided::Stands(state));
        }
        // Whoever waits for a status meanwhile finds the job changed, and its lane goes on.
        let (change, what) = match self.decision {
            Decision::Arrived => {
                ("state = 'sent', sent_at = COALESCE(sent_at, $2)", "an operator knows that it arrived")
            }
            Decision::Resend => {
                ("state = 'retrying', resends = resends + 1, due_at = $2", "an operator has it sent once more")
            }
            Decision::GiveUp => ("state = 'dead', due_at = $2", "an operator gave it up"),
        };
        let sql =
            format!("UPDATE jobs SET {change}, updated_at = $2, attempts = COALESCE(attempts, '') || $3 WHERE id = $1");
        let line = letters::attempt_line(self.now, None, what);
        execute(tx, &sql, vec![self.job.as_str().into(), self.now.0.into(), line.into()]).await?;
        match self.decision {
            Decision::Arrived => dead_letters::settle(tx, &self.job, self.now).await?,
            Decision::Resend => {}
            Decision::GiveUp => {
                let letter = letters::of_job(tx, &self.job, "unknown_outcome").await?;
                dead_letters::write(tx, letter.into_iter().collect(), self.now).await?;
            }
        }
        Ok(Decided::Done)
    }
}

impl Decide {
    /// Where the job stands, and whether it was given up because nobody knows its outcome.
    async fn found(&self, tx: &DatabaseTransaction) -> Result<Option<(JobState, bool)>, DbErr> {
        let job = || vec![self.job.as_str().into()];
        let sql = format!("SELECT state FROM jobs WHERE id = $1{}", for_update(tx));
        let Some(row) = one(tx, &sql, job()).await? else { return Ok(None) };
        let word: String = column(&row, "state")?;
        let state = JobState::parse(&word).ok_or_else(|| corrupt("jobs.state", &word))?;
        let sql =
            "SELECT 1 AS one FROM dead_letters WHERE job_id = $1 AND state = 'open' AND reason = 'unknown_outcome'";
        let given_up = state == JobState::Dead && one(tx, sql, job()).await?.is_some();
        Ok(Some((state, given_up)))
    }
}
