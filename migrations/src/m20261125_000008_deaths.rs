//! Where what lies in the queue `dead-letters` of embedded mode came from; and finding what failed in a status for its rate.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Two columns of jobs, and two of the queues of embedded mode.
#[derive(Debug, DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &[
                "ALTER TABLE jobs ADD COLUMN rate_failed_at BIGINT",
                "ALTER TABLE jobs ADD COLUMN rate_failed_code BIGINT",
                "CREATE INDEX jobs_rate_failed ON jobs (phone_number_id, rate_failed_at) WHERE rate_failed_at IS NOT NULL",
            ],
        )
        .await?;
        if manager.get_database_backend() == DbBackend::Sqlite {
            super::run(
                manager,
                &[
                    "ALTER TABLE queue_messages ADD COLUMN died_in TEXT",
                    "ALTER TABLE queue_messages ADD COLUMN died_at BIGINT",
                ],
            )
            .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            super::run(
                manager,
                &["ALTER TABLE queue_messages DROP COLUMN died_in", "ALTER TABLE queue_messages DROP COLUMN died_at"],
            )
            .await?;
        }
        super::run(
            manager,
            &[
                "DROP INDEX IF EXISTS jobs_rate_failed",
                "ALTER TABLE jobs DROP COLUMN rate_failed_code",
                "ALTER TABLE jobs DROP COLUMN rate_failed_at",
            ],
        )
        .await
    }
}
