//! `accounts create`.

use crate::{
    cli::{Accounts, AccountsArgs, SettingsArgs},
    output::Output,
};
use secrecy::ExposeSecret;
use serde::Serialize;
use shared::SystemClock;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    account_id: String,
    name: String,
    api_key: String,
}

pub async fn run(settings: &SettingsArgs, args: &AccountsArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    let stop = CancellationToken::new();
    let backends = backends::connect(&settings, Arc::new(SystemClock::default()), stop.clone()).await?;
    let Accounts::Create { name } = &args.what;
    let account = backends.accounts.create_account(name).await?;
    let created = Created {
        account_id: account.id.to_string(),
        name: account.name,
        api_key: account.api_key.expose_secret().to_owned(),
    };
    stop.cancel();
    backends.tasks.close();
    backends.tasks.wait().await;
    output.print(&created, |created| {
        format!(
            "Account   {}\nName      {}\nAPI key   {}\n\nThe key is shown this once: keep it where the web app finds it.",
            created.account_id, created.name, created.api_key
        )
    })
}
