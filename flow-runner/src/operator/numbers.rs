//! Business numbers.

use anyhow::bail;
use backends::Backends;
use serde_json::{Value, json};
use shared::{
    ids::{AccountId, PhoneNumberId},
    ports::accounts::PhoneNumber,
};

pub async fn add(backends: &Backends, id: &str, account: &str, token: String) -> anyhow::Result<Value> {
    let account = AccountId::from(account);
    if !backends.accounts.accounts().await?.iter().any(|known| known.id == account) {
        bail!("there is no account {account}; `flow-runner accounts list` shows those there are");
    }
    let id = PhoneNumberId::from(id);
    backends.accounts.add_phone_number(&account, &id, token.into()).await?;
    show(backends, &id).await
}

pub async fn list(backends: &Backends) -> anyhow::Result<Value> {
    let numbers = backends.accounts.phone_numbers().await?;
    Ok(json!({ "items": numbers.iter().map(|number| shown(number)).collect::<Vec<_>>() }))
}

/// Pauses with a reason, or goes on without one.
pub async fn pause(backends: &Backends, id: &str, reason: Option<&str>) -> anyhow::Result<Value> {
    let id = PhoneNumberId::from(id);
    show(backends, &id).await?;
    backends.accounts.pause_phone_number(&id, reason).await?;
    show(backends, &id).await
}

async fn show(backends: &Backends, id: &PhoneNumberId) -> anyhow::Result<Value> {
    match backends.accounts.phone_number(id).await? {
        Some(number) => Ok(shown(&number)),
        None => bail!("there is no number {id}; `flow-runner numbers list` shows those there are"),
    }
}

/// Never its token.
fn shown(number: &PhoneNumber) -> Value {
    json!({
        "phoneNumberId": number.id,
        "accountId": number.account_id,
        "rate": number.rate,
        "paused": number.paused,
    })
}
