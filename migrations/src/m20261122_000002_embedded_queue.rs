//! The queues of embedded mode. On PostgreSQL the queues are RabbitMQ's and this change does nothing.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// The queues' tables.
#[derive(Debug, DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            super::run(manager, &TABLES).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(manager, &["DROP TABLE IF EXISTS queue_messages", "DROP TABLE IF EXISTS queue_cursors"]).await
    }
}

const TABLES: [&str; 3] = [
    // AUTOINCREMENT: an id is never used twice, so a reader's cursor passes over nothing.
    "CREATE TABLE queue_messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, message_id TEXT NOT NULL, kind TEXT NOT NULL,
        version INTEGER NOT NULL, traceparent TEXT, body BLOB NOT NULL, deliveries INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX queue_messages_queue ON queue_messages (queue, id)",
    // Up to which id messages may have been handed out: after a crash those count one delivery more.
    "CREATE TABLE queue_cursors (queue TEXT NOT NULL PRIMARY KEY, handed_out INTEGER NOT NULL)",
];
