//! The command line: one command a file.

mod about;
mod accounts;
mod audit;
mod config;
mod dead_letters;
mod demo;
mod flows;
mod list;
mod messages;
mod migrate;
mod numbers;
mod play;
mod process;
mod queues;
mod serve;
mod sessions;
mod trace;

pub use about::{CompletionsArgs, ManArgs};
pub use accounts::{Accounts, AccountsArgs};
pub use audit::AuditArgs;
pub use config::{ConfigArgs, ConfigCommand};
pub use dead_letters::{ChosenArgs, DeadLetters, DeadLettersArgs};
pub use demo::DemoArgs;
pub use flows::{Flows, FlowsArgs};
pub use list::ListArgs;
pub use messages::{Messages, MessagesArgs};
pub use migrate::{Migrate, MigrateArgs};
pub use numbers::{Numbers, NumbersArgs, Rate};
pub use play::PlayArgs;
pub use process::ProcessArgs;
pub use serve::{RoleName, ServeArgs};
pub use sessions::{Sessions, SessionsArgs, SetArgs};
pub use trace::TraceArgs;

use clap::{Args, Parser, Subcommand};
use queues::QUEUES;
use shared::settings::{Overrides, Settings, SettingsError};
use std::path::PathBuf;

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
    /// Handle a text as if that person had written it
    Process(ProcessArgs),
    /// Where recipients stand: show it, move somebody, end it
    Sessions(SessionsArgs),
    /// What came in: messages, and what could not be read
    Messages(MessagesArgs),
    /// What was given up: look at it, and put it back in motion
    #[command(alias = "dlq")]
    DeadLetters(DeadLettersArgs),
    /// The whole way of a message: callback, event, step, job, attempts, statuses, with times
    Trace(TraceArgs),
    /// Who did what when: pauses, replays, sessions moved by hand
    Audit(AuditArgs),
    /// What waits: in each queue, who serves it, how fast; and what each number still has to send
    #[command(after_help = QUEUES)]
    Queues,
    /// Settings: what they are, whether `serve` could start with them, which there are
    Config(ConfigArgs),
    /// Completions of this command line for a shell
    Completions(CompletionsArgs),
    /// Manual pages of every command
    Man(ManArgs),
    /// Meta's side for tests: takes sends, calls the webhook
    Simulator(Box<whatsapp_simulator::cli::Args>),
}
