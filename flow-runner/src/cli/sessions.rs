//! `sessions list|show|set|delete`.

use super::ListArgs;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "Example: flow-runner sessions set 15550001111 --flow menu --step hello")]
pub struct SessionsArgs {
    /// Whose recipients; may be left out where that is plain
    #[arg(long, global = true, value_name = "ID")]
    pub account: Option<String>,
    #[command(subcommand)]
    pub what: Sessions,
}

#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// Show who is in a session
    #[command(after_help = "Example: flow-runner sessions list --account default --limit 20")]
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show where somebody stands
    #[command(after_help = "Example: flow-runner sessions show +15550001111")]
    Show {
        /// A phone, a user id (CC.…), or a recipient id
        recipient: String,
    },
    /// Put somebody at a step; the next reply is taken as an answer to it
    ///
    /// Without --flow and --step, a session is read from standard input: JSON with flowId and currentStepId, as
    /// `sessions show --json` prints it. With its rowVersion it is only taken when nothing has moved since.
    #[command(after_help = "Example: flow-runner sessions set 15550001111 --flow menu --step hello")]
    Set(SetArgs),
    /// End somebody's session
    #[command(after_help = "Example: flow-runner sessions delete 15550001111")]
    Delete {
        /// A phone, a user id (CC.…), or a recipient id
        recipient: String,
    },
}

#[derive(Debug, Args)]
pub struct SetArgs {
    /// A phone, a user id (CC.…), or a recipient id
    pub recipient: String,
    /// The flow, in its newest version
    #[arg(long, value_name = "ID", requires = "step")]
    pub flow: Option<String>,
    /// The step whose answer is awaited
    #[arg(long, value_name = "ID", requires = "flow")]
    pub step: Option<String>,
    /// The business number that the conversation runs on; the session's own or the account's only one without it
    #[arg(long, value_name = "ID", requires = "flow")]
    pub number: Option<String>,
    /// Only when the row is still in this version (rowVersion)
    #[arg(long, value_name = "N", requires = "flow")]
    pub row_version: Option<i64>,
}
