//! `trace`.

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "Example: flow-runner trace wamid.HBgLMTU1NTAwMDExMTE=")]
pub struct TraceArgs {
    /// Meta's id (wamid.…) of what came in or was sent, or our id of an event, job or dead letter
    pub id: String,
}
