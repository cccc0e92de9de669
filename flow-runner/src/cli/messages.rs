//! `messages list|show`.

use super::ListArgs;
use clap::{Args, Subcommand};
use shared::operator::Moment;

#[derive(Debug, Args)]
#[command(after_help = "Example: flow-runner messages list --kind unrecognized --since 24h")]
pub struct MessagesArgs {
    #[command(subcommand)]
    pub what: Messages,
}

#[derive(Debug, Subcommand)]
pub enum Messages {
    /// Show what came in, newest first
    #[command(after_help = "Example: flow-runner messages list --recipient 15550001111 --since 24h")]
    List {
        /// Meta's type (text, interactive, image …); unrecognized: what could not be read; other: fields that are none
        /// of ours
        #[arg(long)]
        kind: Option<String>,
        /// Who wrote it: a phone, a user id (CC.…), or a recipient id
        #[arg(long, value_name = "WHO")]
        recipient: Option<String>,
        /// Whose recipient; may be left out where that is plain
        #[arg(long, value_name = "ID", requires = "recipient")]
        account: Option<String>,
        /// Not before: 2h, 7d, 2026-11-22, 2026-11-22T08:00:00Z
        #[arg(long, value_name = "TIME")]
        since: Option<Moment>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show one of them with its content and what was made of it
    #[command(after_help = "Example: flow-runner messages show wamid.HBgLMTU1NTAwMDExMTE=")]
    Show {
        /// Meta's id (wamid.…) or ours (eventId)
        id: String,
    },
}
