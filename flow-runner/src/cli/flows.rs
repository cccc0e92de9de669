//! `flows list|show|import|export|lint|delete`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct FlowsArgs {
    /// Whose flows; may be left out where there is one account
    #[arg(long, global = true, value_name = "ID")]
    pub account: Option<String>,
    #[command(subcommand)]
    pub what: Flows,
}

#[derive(Debug, Subcommand)]
pub enum Flows {
    /// Show the flows
    List,
    /// Print one flow as a document
    Show {
        /// The flow's id
        id: String,
    },
    /// Save flows from files ({id, name, status, triggers, steps}, the form of the API, or an array of either); ids are kept
    Import {
        /// Files; - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Keep who may start a flow; without it everyone may
        #[arg(long)]
        keep_recipients: bool,
    },
    /// Print all flows as an array of documents
    Export,
    /// Check files as a save would, without any data; exit code 1 when a flow could not be made active
    Lint {
        /// Files; - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Delete a flow; running sessions end at their next event
    Delete {
        /// The flow's id
        id: String,
    },
}
