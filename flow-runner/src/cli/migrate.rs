//! `migrate up|down|status`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(subcommand)]
    pub what: Migrate,
}

#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Apply all changes that are missing
    Up,
    /// Take changes back, newest first
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Changes that are taken back lose their data: say that this is meant
        #[arg(long)]
        yes: bool,
    },
    /// Show which changes are applied
    Status,
}
