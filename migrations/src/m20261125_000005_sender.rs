//! What the sender asks of jobs before it sends: what goes out instead outside the 24-hour window, how much one recipient was
//! sent within an hour, and which pairs Meta refused for their pace.

use sea_orm_migration::prelude::*;

/// A column and two indexes of `jobs`.
#[derive(Debug, DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &[
                "ALTER TABLE jobs ADD COLUMN outside_window TEXT",
                "CREATE INDEX jobs_recipient ON jobs (recipient_id, claimed_at) WHERE claimed_at IS NOT NULL",
                "CREATE INDEX jobs_pair_refused ON jobs (phone_number_id, claimed_at) WHERE error_code = 131056",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &[
                "DROP INDEX IF EXISTS jobs_pair_refused",
                "DROP INDEX IF EXISTS jobs_recipient",
                "ALTER TABLE jobs DROP COLUMN outside_window",
            ],
        )
        .await
    }
}
