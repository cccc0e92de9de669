//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::settings::{Overrides, Settings, SettingsError};
use std::{net::SocketAddr, path::PathBuf};

/// Runs WhatsApp flows: takes Meta's callbacks, advances conversations, sends the replies.
///
/// Try `flow-runner demo` first: it needs no settings and no network.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Print results as one JSON document on stdout
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that stand for settings.
#[derive(Debug, Default, Args)]
pub struct SettingsArgs {
    /// Settings file; without it flow-runner.toml is read where there is one
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory of the embedded database and queues [FLOW_RUNNER_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl SettingsArgs {
    /// These flags as settings' highest source.
    pub fn overrides(&self) -> Overrides {
        let overrides = Overrides { file: self.config.clone(), ..Overrides::default() };
        match &self.data_dir {
            Some(dir) => overrides.with("data_dir", dir.to_string_lossy(), "--data-dir"),
            None => overrides,
        }
    }

    /// The settings of a command that has no further flags.
    pub fn load(&self) -> Result<Settings, SettingsError> {
        Settings::load(&self.overrides())
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// A whole installation with a simulated WhatsApp: shows a conversation, then stays up to be tried
    Demo(DemoArgs),
    /// Run gateway, worker and sender in this process
    Serve(ServeArgs),
    /// Bring the database schema up to date, back, or show where it stands
    Migrate(MigrateArgs),
    /// Tenants and their API keys
    Accounts(AccountsArgs),
    /// Business numbers: add them, stop and resume sending from them
    Numbers(NumbersArgs),
    /// Flows of an account: show, import, export, check, delete
    Flows(FlowsArgs),
    /// A conversation with a flow in the terminal; nothing is sent
    Play(PlayArgs),
    /// Meta's side for tests: takes sends, calls the webhook
    Simulator(Box<whatsapp_simulator::cli::Args>),
}

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

#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(subcommand)]
    pub what: Migrate,
}

#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Apply all changes that are missing
    Up,
    /// Take changes back, newest first
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Changes that are taken back lose their data: say that this is meant
        #[arg(long)]
        yes: bool,
    },
    /// Show which changes are applied
    Status,
}

#[derive(Debug, Args)]
pub struct AccountsArgs {
    #[command(subcommand)]
    pub what: Accounts,
}

#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// Make an account; its API key is shown this once
    Create {
        /// A name for people
        name: String,
    },
    /// Show the accounts
    List,
}

#[derive(Debug, Args)]
pub struct NumbersArgs {
    #[command(subcommand)]
    pub what: Numbers,
}

#[derive(Debug, Subcommand)]
pub enum Numbers {
    /// Add a number, or give it a new access token; the token is read from standard input
    Add {
        /// Meta's phone_number_id
        id: String,
        /// The account it belongs to
        #[arg(long, value_name = "ID")]
        account: String,
    },
    /// Show the numbers
    List,
    /// Stop sending from a number; its jobs wait
    Pause {
        /// Meta's phone_number_id
        id: String,
    },
    /// Go on sending
    Resume {
        /// Meta's phone_number_id
        id: String,
    },
}

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
    /// Save flows from files ({id, name, status, triggers, steps}, or an array of them); ids are kept
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

#[derive(Debug, Args)]
pub struct PlayArgs {
    /// A flow document, or an array of them
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Who writes: a phone or user id
    #[arg(long, default_value = "15550001111")]
    pub from: String,
}
