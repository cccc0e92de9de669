//! `completions SHELL`, `man DIR`.

use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Example: flow-runner completions bash > /etc/bash_completion.d/flow-runner")]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: flow-runner man /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Where to; it is made where it is missing
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}
