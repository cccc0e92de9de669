//! The database schema, one file a change, for SQLite and PostgreSQL alike.
//!
//! Times are milliseconds since 1970 as BIGINT, except in `"WhatsAppFlow"`, whose columns are the original system's.

mod m20261122_000001_initial;
mod m20261122_000002_embedded_queue;
mod m20261122_000003_merged_recipients;
mod m20261125_000004_suspects;
mod m20261125_000005_sender;
mod m20261125_000006_replays;
mod m20261125_000007_trace;
mod m20261125_000008_deaths;

use sea_orm_migration::prelude::*;

/// All changes, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_initial::Migration),
            Box::new(m20261122_000002_embedded_queue::Migration),
            Box::new(m20261122_000003_merged_recipients::Migration),
            Box::new(m20261125_000004_suspects::Migration),
            Box::new(m20261125_000005_sender::Migration),
            Box::new(m20261125_000006_replays::Migration),
            Box::new(m20261125_000007_trace::Migration),
            Box::new(m20261125_000008_deaths::Migration),
        ]
    }
}

/// Runs statements one by one.
async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for statement in statements {
        connection.execute_unprepared(statement).await?;
    }
    Ok(())
}
