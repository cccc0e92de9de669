//! `audit`.

use super::ListArgs;
use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "Example: flow-runner audit --limit 20")]
pub struct AuditArgs {
    #[command(flatten)]
    pub list: ListArgs,
}
