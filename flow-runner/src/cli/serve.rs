//! `serve`.

use clap::{Args, ValueEnum};
use std::net::SocketAddr;

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// What this process does; embedded it must do all
    #[arg(long, value_enum, value_delimiter = ',', default_value = "gateway,worker,sender")]
    pub role: Vec<RoleName>,
    /// Where the gateway listens [FLOW_RUNNER_LISTEN]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Takes callbacks, serves the flow API
    Gateway,
    /// Advances conversations
    Worker,
    /// Sends
    Sender,
}
