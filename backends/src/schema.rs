//! The schema by hand: `migrate up|down|status`.

use crate::{
    connect::{ConnectError, RecordPlace},
    embedded::{self, DataDirectory},
};
use migrations::Migrator;
use sea_orm::DatabaseConnection;
use sea_orm_migration::{MigrationStatus, MigratorTrait};
use secrecy::SecretString;
use serde::Serialize;
use shared::settings::Settings;

/// One change of the schema.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// A database that nobody else writes to meanwhile.
#[derive(Debug)]
pub struct Schema {
    connection: DatabaseConnection,
    _directory: Option<DataDirectory>,
}

impl Schema {
    /// Opens the database that the settings name, alone.
    pub async fn open(settings: &Settings) -> Result<Self, ConnectError> {
        let place = RecordPlace::of(settings)?;
        if let RecordPlace::Server(url) = &place {
            return Ok(Self { connection: on_a_server(url).await?, _directory: None });
        }
        let directory = DataDirectory::own(&settings.data_dir, place.file())?;
        let (_, _, connection) = embedded::open(&directory).await?;
        Ok(Self { connection, _directory: Some(directory) })
    }

    /// Applies what is missing.
    pub async fn up(&self) -> Result<(), ConnectError> {
        Migrator::up(&self.connection, None).await.map_err(ConnectError::Migrate)
    }

    /// Takes the newest changes back.
    pub async fn down(&self, steps: u32) -> Result<(), ConnectError> {
        Migrator::down(&self.connection, Some(steps)).await.map_err(ConnectError::Migrate)
    }

    /// All changes, oldest first.
    pub async fn status(&self) -> Result<Vec<Change>, ConnectError> {
        let changes = Migrator::get_migration_with_status(&self.connection).await.map_err(ConnectError::Migrate)?;
        let change = |migration: &sea_orm_migration::Migration| Change {
            name: migration.name().to_owned(),
            applied: migration.status() == MigrationStatus::Applied,
        };
        Ok(changes.iter().map(change).collect())
    }
}

#[cfg(feature = "postgresql")]
async fn on_a_server(url: &SecretString) -> Result<DatabaseConnection, ConnectError> {
    crate::sql::postgresql::alone(url).await.map_err(ConnectError::Database)
}

#[cfg(not(feature = "postgresql"))]
async fn on_a_server(_: &SecretString) -> Result<DatabaseConnection, ConnectError> {
    Err(ConnectError::Settings("this program was built without PostgreSQL (feature `postgresql`)".into()))
}
