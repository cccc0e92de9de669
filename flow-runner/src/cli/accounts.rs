//! `accounts create|rotate-key|list`.

use clap::{Args, Subcommand};
use std::time::Duration;

#[derive(Debug, Args)]
pub struct AccountsArgs {
    #[command(subcommand)]
    pub what: Accounts,
}

#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// Make an account; its API key is shown this once
    Create {
        /// A name for people
        name: String,
    },
    /// Make a new API key; the keys that the account has had stay good for a while
    #[command(
        after_help = "A key that comes from FLOW_RUNNER_API_KEY comes back at the next start: change it there. Example: flow-runner accounts rotate-key default --grace 1h"
    )]
    RotateKey {
        /// The account
        account: String,
        /// How long the keys of before stay good: 0s, 30m, 24h
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
        grace: Duration,
    },
    /// Show the accounts
    List,
}
