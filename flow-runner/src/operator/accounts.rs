//! Tenants.

use backends::Backends;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

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
