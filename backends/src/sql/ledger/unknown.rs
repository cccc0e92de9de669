//! Unknown outcomes: `sending → unknown` for a dead owner's claim, `unknown → retrying | dead` when no status came.

use super::letters;
use crate::sql::{
    db::{Transaction, execute},
    dead_letters,
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr};
use shared::{Timestamp, ids::JobId, ports::ledger::Verdict};

/// A job is resent once, whoever asks.
pub(super) struct SettleUnknown {
    pub job: JobId,
    pub verdict: Verdict,
    pub now: Timestamp,
}

#[async_trait]
impl Transaction for SettleUnknown {
    type Output = bool;
    const DOING: &'static str = "settling an unknown outcome";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<bool, DbErr> {
        let (sql, what) = match self.verdict {
            Verdict::Resend => (
                "UPDATE jobs SET state = 'retrying', resends = resends + 1, due_at = $2, updated_at = $2,
                    attempts = COALESCE(attempts, '') || $3 WHERE id = $1 AND state = 'unknown' AND resends = 0",
                "no status came: sending it once more",
            ),
            Verdict::GiveUp => (
                "UPDATE jobs SET state = 'dead', due_at = $2, updated_at = $2,
                    attempts = COALESCE(attempts, '') || $3 WHERE id = $1 AND state = 'unknown'",
                "no status came: given up",
            ),
        };
        let line = letters::attempt_line(self.now, None, what);
        if execute(tx, sql, vec![self.job.as_str().into(), self.now.0.into(), line.into()]).await? == 0 {
            return Ok(false);
        }
        if self.verdict == Verdict::GiveUp {
            let letter = letters::of_job(tx, &self.job, "unknown_outcome").await?;
            dead_letters::write(tx, letter.into_iter().collect(), self.now).await?;
        }
        Ok(true)
    }
}

/// A claim that isn't due yet may be one of a process that lives: it stays.
pub(super) struct Inherit {
    pub job: JobId,
    pub due_at: Timestamp,
    pub now: Timestamp,
}

#[async_trait]
impl Transaction for Inherit {
    type Output = bool;
    const DOING: &'static str = "inheriting a claim";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<bool, DbErr> {
        let sql = "UPDATE jobs SET state = 'unknown', due_at = $2, updated_at = $3, spent = spent + 1,
            attempts = COALESCE(attempts, '') || $4 WHERE id = $1 AND state = 'sending' AND due_at <= $3";
        let line = letters::attempt_line(self.now, None, "the sender ended between claim and answer");
        let values = vec![self.job.as_str().into(), self.due_at.0.into(), self.now.0.into(), line.into()];
        Ok(execute(tx, sql, values).await? > 0)
    }
}
