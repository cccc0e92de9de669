//! `accounts create|list`.

use clap::{Args, Subcommand};

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
    /// Show the accounts
    List,
}
