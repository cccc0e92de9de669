//! `demo`.

use clap::Args;
use std::{net::SocketAddr, path::PathBuf};

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where the gateway listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where the simulated WhatsApp listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub simulator_listen: SocketAddr,
    /// Keep the data there; without it a fresh temporary directory is used and removed at the end
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// End after the scripted conversation
    #[arg(long)]
    pub once: bool,
}
