//! Recipients that turned out to be one person: the row that was absorbed points to the one that stands for both.

use sea_orm_migration::prelude::*;

/// Where a recipient went.
#[derive(Debug, DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &[
                "ALTER TABLE recipients ADD COLUMN merged_into TEXT",
                // What leads to a recipient, and what was given up for it, go over with it.
                "CREATE INDEX identities_recipient ON identities (recipient_id)",
                "CREATE INDEX dead_letters_recipient ON dead_letters (recipient_id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &[
                "DROP INDEX IF EXISTS dead_letters_recipient",
                "DROP INDEX IF EXISTS identities_recipient",
                "ALTER TABLE recipients DROP COLUMN merged_into",
            ],
        )
        .await
    }
}
