//! Opening the database file.

use super::{directory::DataDirectory, writer::GroupWriter};
use crate::sql::Db;
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use std::{path::Path, sync::Arc, time::Duration};

/// Connections that read while the writer writes.
const READERS: u32 = 4;
/// Only another program on the same file (a backup, a curious person) can make us wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Versions before this one can corrupt a WAL when it is reset (sqlite.org, release notes of 3.51.3).
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// A database that can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite says no.
    #[error("can't open {path}: {source}")]
    Database {
        /// The file.
        path: String,
        /// Why.
        source: DbErr,
    },
    /// Built with the wrong SQLite.
    #[error("built with SQLite {0}, which can corrupt its log; at least 3.51.3 is needed")]
    OldSqlite(String),
}

/// Opens the database of a directory: a writer that groups, and readers beside it. The writer's task ends when every
/// handle on it is gone.
pub async fn open(directory: &DataDirectory) -> Result<(Db, Arc<GroupWriter>, DatabaseConnection), OpenError> {
    let path = directory.database();
    let failed = |source| OpenError::Database { path: path.display().to_string(), source };
    let writing = connect(path, 1).await.map_err(failed)?;
    check_version(&writing).await?;
    let reading = connect(path, READERS).await.map_err(failed)?;
    let writer = Arc::new(GroupWriter::start(writing.clone()));
    Ok((Db::new(reading, writer.clone()), writer, writing))
}

async fn connect(path: &Path, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new("sqlite://database?mode=rwc");
    options.max_connections(connections).min_connections(1).sqlx_logging(false).test_before_acquire(false);
    // Connections to a file don't go stale: closing and opening them again would only empty their caches.
    options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    // Set as it is: in a URL a path with % or ? would be another one.
    let file = path.to_owned();
    options.map_sqlx_sqlite_opts(move |options| {
        options
            .filename(&file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(false)
            .pragma("temp_store", "memory")
    });
    Database::connect(options).await
}

async fn check_version(connection: &DatabaseConnection) -> Result<(), OpenError> {
    use sea_orm::ConnectionTrait;
    let failed = |source| OpenError::Database { path: "sqlite_version()".into(), source };
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, "SELECT sqlite_version() AS version");
    let row = connection.query_one_raw(statement).await.map_err(failed)?;
    let version: String = row.map(|row| row.try_get("", "version")).transpose().map_err(failed)?.unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let number = (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if number < OLDEST_SQLITE { Err(OpenError::OldSqlite(version)) } else { Ok(()) }
}
