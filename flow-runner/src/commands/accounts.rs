//! `accounts create|rotate-key|list`.

use crate::{
    cli::{Accounts, AccountsArgs, SettingsArgs},
    operator::{Operation, operate},
    output::{Output, field, table},
};

pub async fn run(settings: &SettingsArgs, args: &AccountsArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    match &args.what {
        Accounts::Create { name } => {
            let created = operate(&settings, Operation::AccountsCreate { name: name.clone() }).await?;
            output.print(&created, |created| {
                format!(
                    "Account   {}\nName      {}\nAPI key   {}\n\nThe key is shown this once: keep it where the web app finds it.",
                    field(created, "accountId"),
                    field(created, "name"),
                    field(created, "apiKey")
                )
            })
        }
        Accounts::RotateKey { account, grace } => {
            let operation = Operation::AccountsRotateKey { account: account.clone(), grace: *grace };
            let rotated = operate(&settings, operation).await?;
            output.print(&rotated, |rotated| {
                format!(
                    "Account   {}\nAPI key   {}\n\nThe key is shown this once. The keys of before end at {}.",
                    field(rotated, "accountId"),
                    field(rotated, "apiKey"),
                    field(rotated, "oldKeysEndAt")
                )
            })
        }
        Accounts::List => {
            let accounts = operate(&settings, Operation::AccountsList).await?;
            output.print(&accounts, |accounts| table(accounts, &["accountId", "name"]))
        }
    }
}
