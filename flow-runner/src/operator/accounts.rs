//! Tenants.

use anyhow::bail;
use backends::Backends;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use shared::ids::AccountId;

pub async fn create(backends: &Backends, name: &str) -> anyhow::Result<Value> {
    let account = backends.accounts.create_account(name).await?;
    Ok(json!({
        "accountId": account.id,
        "name": account.name,
        "apiKey": account.api_key.expose_secret(),
    }))
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
