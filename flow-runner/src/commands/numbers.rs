//! `numbers add|list|set|pause|resume`.

use crate::{
    cli::{Numbers, NumbersArgs, Rate, SettingsArgs},
    operator::{Operation, operate},
    output::{Output, table},
};
use anyhow::{Context, bail};
use std::io::Read as _;

const COLUMNS: [&str; 7] = ["phoneNumberId", "accountId", "rate", "rateNow", "breaker", "backlog", "paused"];

pub async fn run(settings: &SettingsArgs, args: &NumbersArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    let operation = match &args.what {
        Numbers::Add { id, account } => {
            Operation::NumbersAdd { id: id.clone(), account: account.clone(), token: access_token()? }
        }
        Numbers::List => Operation::NumbersList,
        Numbers::Set { id, rate: Rate(rate) } => Operation::NumbersSet { id: id.clone(), rate: *rate },
        Numbers::Pause { id } => Operation::NumbersPause { id: id.clone() },
        Numbers::Resume { id } => Operation::NumbersResume { id: id.clone() },
    };
    let numbers = operate(&settings, operation).await?;
    output.print(&numbers, |numbers| table(numbers, &COLUMNS))
}

/// From standard input: a token on the command line would stand in every process list.
fn access_token() -> anyhow::Result<String> {
    let mut token = String::new();
    std::io::stdin().read_to_string(&mut token).context("can't read the access token from standard input")?;
    let token = token.trim();
    if token.is_empty() {
        bail!("no access token on standard input; try: flow-runner numbers add ID --account ID < token-file");
    }
    Ok(token.to_owned())
}
