//! Where what lies in the queue `dead-letters` of embedded mode came from. On PostgreSQL this change does nothing.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Two columns.
#[derive(Debug, DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
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
        Ok(())
    }
}
