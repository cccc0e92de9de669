//! Deliveries that came back so often that they may have killed whoever handled them: the notes that nobody came to strike out.

use sea_orm_migration::prelude::*;

/// Their notes.
#[derive(Debug, DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &["CREATE TABLE suspects (
                queue TEXT NOT NULL, message_id TEXT NOT NULL, notes BIGINT NOT NULL, noted_by TEXT NOT NULL,
                noted_at BIGINT NOT NULL,                given_up_at BIGINT, PRIMARY KEY (queue, message_id))"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(manager, &["DROP TABLE suspects"]).await
    }
}
