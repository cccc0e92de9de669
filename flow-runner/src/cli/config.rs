//! `config show|check|env`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "Example: flow-runner config env > .env.example")]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub what: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show every setting as it is now; secrets are masked
    #[command(after_help = "Example: flow-runner config show --sources")]
    Show {
        /// Say where each value comes from
        #[arg(long)]
        sources: bool,
    },
    /// Check the settings as `serve` would, and name everything that is wrong; exit code 2 if something is
    #[command(after_help = "Example: flow-runner config check --config production.toml")]
    Check,
    /// Print every environment variable with its default
    #[command(after_help = "Example: flow-runner config env > .env.example")]
    Env,
}
