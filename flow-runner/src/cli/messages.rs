//! `messages list|show|settle`.

use super::ListArgs;
use clap::{Args, Subcommand, ValueEnum};
use shared::{operator::Moment, ports::ledger::Decision};

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
    /// Settle a send of which nobody knows whether it arrived, as only somebody who asked its recipient can
    #[command(
        after_help = "dead-letters list --reason unknown_outcome shows what waits for this. Example: flow-runner messages settle 0199c1b6-3c1e-7d2a-8f00-000000000000 arrived"
    )]
    Settle {
        /// The job (jobId in dead-letters list and in trace)
        job: String,
        /// What is known, or decided
        #[arg(value_name = "AS")]
        decision: SettleAs,
    },
}

/// How an unknown outcome is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SettleAs {
    /// It is on the recipient's phone: nothing more is sent, its dead letter is closed
    Arrived,
    /// Send it once more now, though it may have arrived
    Resend,
    /// Stop waiting for its status and leave a dead letter
    GiveUp,
}

impl From<SettleAs> for Decision {
    fn from(settle_as: SettleAs) -> Self {
        match settle_as {
            SettleAs::Arrived => Self::Arrived,
            SettleAs::Resend => Self::Resend,
            SettleAs::GiveUp => Self::GiveUp,
        }
    }
}
