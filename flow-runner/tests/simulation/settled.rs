//! What stands from the beginning: one account with one number and one flow, and the key of its recipients' ids.

use crate::{process::Through, world::World};
use async_trait::async_trait;
use flow_engine::{Catalog, FlowId, FlowVersion, VersionId};
use secrecy::SecretString;
use shared::{
    Timestamp,
    ids::{AccountId, PhoneNumberId},
    ports::{
        Stored,
        accounts::{Account, Accounts, ApiKeys, ConfiguredAccount, CreatedAccount, PhoneNumber},
        flows::{FlowRecord, FlowStore, Saved, SavedVersion},
        installation::Installation,
    },
};
use std::sync::Arc;

const ACCOUNT: &str = "acme";
/// The number that everybody writes to.
pub const NUMBER: &str = "106540352242922";

#[async_trait]
impl Installation for Through {
    async fn partitions(&self, wanted: u16) -> Stored<u16> {
        Ok(wanted)
    }

    async fn fixed_partitions(&self) -> Stored<Option<u16>> {
        Ok(None)
    }

    async fn recipient_key(&self) -> Stored<[u8; 32]> {
        let reading = |world: &Arc<World>| {
            world.record.answers(world, "read the key")?;
            Ok([7; 32])
        };
        self.0.call("read the key", reading).await
    }

    async fn ping(&self) -> Stored<()> {
        self.0.call("ping", |world| world.record.answers(world, "ping")).await
    }
}

#[async_trait]
impl ApiKeys for Through {
    async fn account_of_key(&self, _: &str) -> Stored<Option<AccountId>> {
        unreachable!("workers know no keys")
    }
}

#[async_trait]
impl Accounts for Through {
    async fn create_account(&self, _: &str) -> Stored<CreatedAccount> {
        unreachable!("workers make no accounts")
    }

    async fn accounts(&self) -> Stored<Vec<Account>> {
        unreachable!("workers ask for one number at a time")
    }

    async fn rotate_key(&self, _: &AccountId, _: Timestamp) -> Stored<Option<SecretString>> {
        unreachable!("nothing here makes keys")
    }

    async fn configure_account(&self, _: ConfiguredAccount) -> Stored<()> {
        unreachable!("workers configure nothing")
    }

    async fn phone_number(&self, id: &PhoneNumberId) -> Stored<Option<Arc<PhoneNumber>>> {
        let id = id.clone();
        let reading = move |world: &Arc<World>| {
            world.record.answers(world, "read a number")?;
            let (account_id, access_token) = (ACCOUNT.into(), "token".into());
            Ok(Some(Arc::new(PhoneNumber { id, account_id, access_token, rate: None, paused: None })))
        };
        self.0.call("read a number", reading).await
    }

    async fn phone_numbers(&self) -> Stored<Vec<Arc<PhoneNumber>>> {
        unreachable!("workers ask for one number at a time")
    }

    async fn add_phone_number(&self, _: &AccountId, _: &PhoneNumberId, _: SecretString) -> Stored<()> {
        unreachable!("workers configure nothing")
    }

    async fn set_rate(&self, _: &PhoneNumberId, _: Option<u32>) -> Stored<()> {
        unreachable!("workers configure nothing")
    }

    async fn pause_phone_number(&self, _: &PhoneNumberId, _: Option<&str>) -> Stored<()> {
        unreachable!("nothing here pauses a number")
    }
}

#[async_trait]
impl FlowStore for Through {
    async fn list(&self, _: &AccountId) -> Stored<Vec<FlowRecord>> {
        unreachable!("workers ask for the catalog")
    }

    async fn get(&self, _: &AccountId, _: &FlowId) -> Stored<Option<FlowRecord>> {
        unreachable!("workers ask for the catalog")
    }

    async fn create(&self, _: FlowRecord) -> Stored<Saved> {
        unreachable!("workers save no flows")
    }

    async fn update(&self, _: FlowRecord) -> Stored<Saved> {
        unreachable!("workers save no flows")
    }

    async fn delete(&self, _: &AccountId, _: &FlowId) -> Stored<bool> {
        unreachable!("workers delete no flows")
    }

    async fn saved(&self, _: &AccountId, _: &FlowId, _: i64) -> Stored<Option<SavedVersion>> {
        unreachable!("workers ask for the catalog")
    }

    async fn catalog(&self, _: &AccountId) -> Stored<Arc<Catalog>> {
        let reading = |world: &Arc<World>| {
            world.record.answers(world, "read the flows")?;
            Ok(world.catalog.clone())
        };
        self.0.call("read the flows", reading).await
    }

    async fn version(&self, _: &AccountId, _: VersionId) -> Stored<Option<Arc<FlowVersion>>> {
        unreachable!("the only version is the newest")
    }
}
