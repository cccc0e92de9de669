//! Finding the whole way of a message by Meta's id of what we sent, and what was given up of an event.

use sea_orm_migration::prelude::*;

/// Two indexes.
#[derive(Debug, DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &[
                "CREATE INDEX jobs_wamid ON jobs (wamid) WHERE wamid IS NOT NULL",
                "CREATE INDEX dead_letters_event ON dead_letters (event_id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(manager, &["DROP INDEX IF EXISTS dead_letters_event", "DROP INDEX IF EXISTS jobs_wamid"]).await
    }
}
