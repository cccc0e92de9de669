//! What is fixed once for an installation.

use super::db::{Db, Transaction, execute, one};
use super::rows::{column, corrupt};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr};
use shared::ports::{Stored, installation::Installation};

/// The table `installation`.
#[derive(Debug)]
pub struct SqlInstallation(pub Db);

/// Writes a fact unless it stands there already; gives what stands there.
struct Fix {
    name: &'static str,
    value: String,
}

#[async_trait]
impl Transaction for Fix {
    type Output = String;
    const DOING: &'static str = "reading the installation's facts";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<String, DbErr> {
        let insert = "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        execute(tx, insert, vec![self.name.into(), self.value.clone().into()]).await?;
        let row = one(tx, "SELECT value FROM installation WHERE name = $1", vec![self.name.into()]).await?;
        let row = row.ok_or_else(|| corrupt(self.name, "no row"))?;
        column(&row, "value")
    }
}

#[async_trait]
impl Installation for SqlInstallation {
    async fn partitions(&self, wanted: u16) -> Stored<u16> {
        let value = self.0.write(Fix { name: "partitions", value: wanted.to_string() }).await?;
        value.parse().map_err(|error| super::store_error(Fix::DOING, &corrupt("partitions", error)))
    }

    async fn fixed_partitions(&self) -> Stored<Option<u16>> {
        let sql = "SELECT value FROM installation WHERE name = 'partitions'";
        let Some(row) = self.0.one(Fix::DOING, sql, vec![]).await? else { return Ok(None) };
        let value: String = column(&row, "value").map_err(|error| super::store_error(Fix::DOING, &error))?;
        let fixed = value.parse().map_err(|error| super::store_error(Fix::DOING, &corrupt("partitions", error)))?;
        Ok(Some(fixed))
    }

    async fn recipient_key(&self) -> Stored<[u8; 32]> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| super::store_error(Fix::DOING, &corrupt("random bytes", error)))?;
        let value = self.0.write(Fix { name: "recipient_key", value: hex::encode(key) }).await?;
        hex::decode_to_slice(&value, &mut key)
            .map_err(|error| super::store_error(Fix::DOING, &corrupt("recipient_key", error)))?;
        Ok(key)
    }

    async fn ping(&self) -> Stored<()> {
        self.0.one("asking the database", "SELECT 1 AS one", vec![]).await?;
        Ok(())
    }
}
