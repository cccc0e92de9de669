//! Tenants.

use anyhow::bail;
use backends::Backends;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use shared::{ids::AccountId, operator::iso};
use std::time::Duration;

pub async fn create(backends: &Backends, name: &str) -> anyhow::Result<Value> {
    let account = backends.accounts.create_account(name).await?;
    Ok(json!({
        "accountId": account.id,
        "name": account.name,
        "apiKey": account.api_key.expose_secret(),
    }))
}

/// A new key; those of before end after `grace`.
pub async fn rotate_key(backends: &Backends, who: &str, account: &str, grace: Duration) -> anyhow::Result<Value> {
    let (id, now) = (AccountId::from(account), backends.clock.now());
    let old_end = now.plus(grace);
    backends.operator().note(who, "accounts.rotate_key", account, json!({ "oldKeysEndAt": old_end })).await?;
    let Some(key) = backends.accounts.rotate_key(&id, old_end).await? else {
        bail!("there is no account {account}; `flow-runner accounts list` shows those there are");
    };
    Ok(json!({ "accountId": id, "apiKey": key.expose_secret(), "oldKeysEndAt": iso(old_end) }))
}

pub async fn list(backends: &Backends) -> anyhow::Result<Value> {
    let accounts = backends.accounts.accounts().await?;
    let items: Vec<Value> = accounts
        .iter()
        .map(|account| json!({ "accountId": account.id, "name": account.name, "createdAt": account.created_at }))
        .collect();
    Ok(json!({ "items": items }))
}

/// The account that is named, if one is.
pub async fn if_named(backends: &Backends, named: Option<&str>) -> anyhow::Result<Option<AccountId>> {
    let Some(id) = named else { return Ok(None) };
    match backends.accounts.accounts().await?.into_iter().find(|account| account.id.as_str() == id) {
        Some(account) => Ok(Some(account.id)),
        None => bail!("there is no account {id}; `flow-runner accounts list` shows those there are"),
    }
}
