//! The record: a file in the data directory, or a PostgreSQL.

use super::ConnectError;
use crate::{
    embedded::{self, DataDirectory, GroupWriter},
    sql::Db,
};
use migrations::Migrator;
use sea_orm::DatabaseConnection;
use sea_orm_migration::MigratorTrait;
use secrecy::{ExposeSecret, SecretString};
use shared::settings::{EncryptionKeys, Settings};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::task::TaskTracker;

/// Where the record is.
pub(crate) enum RecordPlace {
    /// In a file, by default one in the data directory.
    File(Option<PathBuf>),
    /// On a PostgreSQL.
    Server(SecretString),
}

impl RecordPlace {
    /// Reads `DATABASE_URL`. What is wrong with it is said without showing it: there may be a password in it.
    pub fn of(settings: &Settings) -> Result<Self, ConnectError> {
        let Some(url) = &settings.database_url else { return Ok(Self::File(None)) };
        let text = url.expose_secret();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Server(url.clone()));
        }
        match text.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() && !path.contains('?') => Ok(Self::File(Some(path.into()))),
            _ => Err(ConnectError::Settings(
                "DATABASE_URL: not understood; expected postgres://user:password@host:5432/database, or sqlite:// and \
                 the path of a file"
                    .into(),
            )),
        }
    }

    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => path.as_deref(),
            Self::Server(_) => None,
        }
    }
}

/// What this process has in its data directory.
pub(super) struct Embedded {
    pub directory: DataDirectory,
    pub db: Db,
    pub writer: Arc<GroupWriter>,
}

impl Embedded {
    pub async fn open(settings: &Settings, place: &RecordPlace) -> Result<Self, ConnectError> {
        let directory = DataDirectory::own(&settings.data_dir, place.file())?;
        let (db, writer, writing) = embedded::open(&directory).await?;
        bring_up_to_date(&writing, settings.migrate).await?;
        Ok(Self { directory, db, writer })
    }
}

/// Opens the record, with the keys of its access tokens.
pub(super) async fn open(
    settings: &Settings,
    place: &RecordPlace,
    embedded: Option<&Embedded>,
    tasks: &TaskTracker,
) -> Result<(Db, EncryptionKeys), ConnectError> {
    match (place, embedded) {
        (RecordPlace::Server(url), _) => {
            let keys = settings.encryption_key.clone().ok_or_else(|| {
                ConnectError::Settings(
                    "FLOW_RUNNER_ENCRYPTION_KEY is required with a PostgreSQL: access tokens are encrypted with it; \
                     `openssl rand -base64 32` makes one, the same for every process"
                        .into(),
                )
            })?;
            Ok((on_a_server(url, settings, tasks).await?, keys))
        }
        (RecordPlace::File(_), Some(embedded)) => {
            Ok((embedded.db.clone(), embedded.directory.key_ring(settings.encryption_key.clone())?))
        }
        (RecordPlace::File(_), None) => Err(ConnectError::Settings("a record in a file needs a data directory".into())),
    }
}

#[cfg(feature = "postgresql")]
async fn on_a_server(url: &SecretString, settings: &Settings, tasks: &TaskTracker) -> Result<Db, ConnectError> {
    use crate::sql::postgresql;
    let alone = postgresql::alone(url).await.map_err(ConnectError::Database)?;
    let up_to_date = bring_up_to_date(&alone, settings.migrate).await;
    // The lock goes with its session.
    alone.close().await.map_err(ConnectError::Database)?;
    up_to_date?;
    postgresql::open(url, settings.database.connections, tasks).await.map_err(ConnectError::Database)
}

#[cfg(not(feature = "postgresql"))]
async fn on_a_server(_: &SecretString, _: &Settings, _: &TaskTracker) -> Result<Db, ConnectError> {
    Err(ConnectError::Settings(
        "DATABASE_URL names a PostgreSQL, and this program was built without it (feature `postgresql`)".into(),
    ))
}

/// Applies what the schema lacks, or refuses it.
async fn bring_up_to_date(connection: &DatabaseConnection, migrate: bool) -> Result<(), ConnectError> {
    let pending = Migrator::get_pending_migrations(connection).await.map_err(ConnectError::Migrate)?;
    match (pending.len(), migrate) {
        (0, _) => Ok(()),
        (count, false) => Err(ConnectError::OldSchema(count)),
        (_, true) => Migrator::up(connection, None).await.map_err(ConnectError::Migrate),
    }
}
