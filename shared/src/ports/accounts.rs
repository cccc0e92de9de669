//! Accounts, their API keys and their business numbers.

use super::Stored;
use crate::ids::{AccountId, PhoneNumberId};
use async_trait::async_trait;
use flow_engine::Timestamp;
use secrecy::SecretString;
use std::sync::Arc;

/// The reason of a pause that an operator made; only an operator ends it.
pub const PAUSED_BY_HAND: &str = "paused by hand";

/// A business number with what it takes to send from it.
#[derive(Debug)]
pub struct PhoneNumber {
    /// Meta's id of it.
    pub id: PhoneNumberId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Decrypted; never logged.
    pub access_token: SecretString,
    /// Messages per second; `None` = the installation's default.
    pub rate: Option<u32>,
    /// Why nothing is sent from it, if so.
    pub paused: Option<String>,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// For people.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A new account; the key is shown this once, the database holds its hash.
#[derive(Debug)]
pub struct CreatedAccount {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its first API key.
    pub api_key: SecretString,
}

/// An account with its id, key and number given in the settings.
#[derive(Debug)]
pub struct ConfiguredAccount {
    /// Its id and name.
    pub id: AccountId,
    /// Its API key.
    pub api_key: SecretString,
    /// Its number.
    pub phone_number_id: PhoneNumberId,
    /// That number's access token.
    pub access_token: SecretString,
}

/// Whose a key is: all that the flow API asks of accounts. As fresh as [`Accounts`].
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// The account that this API key belongs to; `None` for a wrong, revoked or expired one.
    async fn account_of_key(&self, api_key: &str) -> Stored<Option<AccountId>>;
}

/// Who may do what. What is read here is at most 2 seconds old, and at once true of what this process changed.
#[async_trait]
pub trait Accounts: ApiKeys {
    /// Makes an account and its first key.
    async fn create_account(&self, name: &str) -> Stored<CreatedAccount>;
    /// Makes a new key for an account; the keys that it has had end at `old_end`, if they don't end sooner. `None`: there is
    /// no such account.
    async fn rotate_key(&self, account: &AccountId, old_end: Timestamp) -> Stored<Option<SecretString>>;
    /// All accounts, oldest first.
    async fn accounts(&self) -> Stored<Vec<Account>>;
    /// Makes an account with given id, key and number, or brings it up to date; ends a pause of that number.
    async fn configure_account(&self, account: ConfiguredAccount) -> Stored<()>;
    /// A configured number.
    async fn phone_number(&self, id: &PhoneNumberId) -> Stored<Option<Arc<PhoneNumber>>>;
    /// All configured numbers.
    async fn phone_numbers(&self) -> Stored<Vec<Arc<PhoneNumber>>>;
    /// Adds a number to an account, or brings it up to date.
    async fn add_phone_number(&self, account: &AccountId, id: &PhoneNumberId, token: SecretString) -> Stored<()>;
    /// Messages a second that Meta grants a number; `None` = as set for the installation.
    async fn set_rate(&self, id: &PhoneNumberId, rate: Option<u32>) -> Stored<()>;
    /// Stops sending from a number, with the reason that is shown; or goes on with it (`None`).
    async fn pause_phone_number(&self, id: &PhoneNumberId, reason: Option<&str>) -> Stored<()>;
}
