//! Replays and discards of many dead letters, which whoever is up goes on with; and who did what when.

use sea_orm_migration::prelude::*;

/// Two tables, and which replay an event's letter waits in.
#[derive(Debug, DeriveMigrationName)]
pub struct Migration;

/// `chosen` and `skipped` are JSON. `after_at` and `after_id` are the place of the last letter that was looked at.
const REPLAYS: &str = "CREATE TABLE replays (
    id TEXT NOT NULL PRIMARY KEY, act TEXT NOT NULL, chosen TEXT NOT NULL,
    may_duplicate INTEGER NOT NULL, force INTEGER NOT NULL, rate INTEGER NOT NULL,
    state TEXT NOT NULL, total BIGINT NOT NULL, replayed BIGINT NOT NULL, skipped TEXT NOT NULL,
    after_at BIGINT, after_id TEXT, asked_by TEXT NOT NULL, owner TEXT NOT NULL, lease_until BIGINT NOT NULL,
    error TEXT, started_at BIGINT NOT NULL, finished_at BIGINT)";
const AUDIT: &str = "CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL, subject TEXT NOT NULL,
    details TEXT NOT NULL)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &[
                REPLAYS,
                "CREATE INDEX replays_running ON replays (started_at) WHERE state = 'running'",
                AUDIT,
                "ALTER TABLE dead_letters ADD COLUMN replay_id TEXT",
                "CREATE INDEX dead_letters_replay ON dead_letters (replay_id) WHERE replay_id IS NOT NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &[
                "DROP INDEX IF EXISTS dead_letters_replay",
                "ALTER TABLE dead_letters DROP COLUMN replay_id",
                "DROP TABLE audit",
                "DROP TABLE replays",
            ],
        )
        .await
    }
}
