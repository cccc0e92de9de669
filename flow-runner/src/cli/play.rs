//! `play FILE`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct PlayArgs {
    /// A flow document, or an array of them
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Who writes: a phone or user id
    #[arg(long, default_value = "15550001111")]
    pub from: String,
}
