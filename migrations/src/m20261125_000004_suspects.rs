//! Deliveries that came back so often that they may have killed whoever handled them: the notes that nobody came to strike out.

use sea_orm_migration::prelude::*;

/// Their notes.
#[derive(Debug, DeriveMigrationName)]
pub struct Migration;

/// One of each process; that of nobody says that the delivery was given up.
const SUSPECTS: &str = "CREATE TABLE suspects (
    queue TEXT NOT NULL, message_id TEXT NOT NULL, process TEXT NOT NULL, noted_at BIGINT NOT NULL,
    PRIMARY KEY (queue, message_id, process))";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(manager, &[SUSPECTS]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(manager, &["DROP TABLE suspects"]).await
    }
}
