//! `flow-runner`: everything in one process, and the operator's command line.

mod cli;
mod commands;
mod demo;
mod document;
mod operator;
mod output;
mod roles;
mod usage;

use clap::Parser;
use cli::{Cli, Command};
use output::Output;
use shared::settings::SettingsError;
use std::process::ExitCode;
use usage::WrongUsage;

/// Exit codes of the contract.
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("flow-runner: can't start: {error}");
            return ExitCode::from(FAILED);
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flow-runner: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let output = Output { json: cli.json };
    match cli.command {
        Command::Demo(args) => demo::run(args).await,
        Command::Serve(args) => commands::serve::run(&cli.settings, &args).await,
        Command::Migrate(args) => commands::migrate::run(&cli.settings, &args, output).await,
        Command::Accounts(args) => commands::accounts::run(&cli.settings, &args, output).await,
        Command::Numbers(args) => commands::numbers::run(&cli.settings, &args, output).await,
        Command::Flows(args) => commands::flows::run(&cli.settings, &args, output).await,
        Command::Play(args) => commands::play::run(&args),
        Command::Process(args) => commands::process::run(&cli.settings, args, output).await,
        Command::Sessions(args) => commands::sessions::run(&cli.settings, args, output).await,
        Command::Messages(args) => commands::messages::run(&cli.settings, args, output).await,
        Command::DeadLetters(args) => commands::dead_letters::run(&cli.settings, args, output).await,
        Command::Config(args) => commands::config::run(&cli.settings, &args, output),
        Command::Simulator(args) => {
            shared::telemetry::install_log("info");
            whatsapp_simulator::cli::run(*args).await
        }
    }
}

/// Wrong settings are wrong usage; everything else failed.
fn exit_code(error: &anyhow::Error) -> u8 {
    let settings = error.chain().any(|cause| {
        cause.is::<SettingsError>()
            || cause.is::<WrongUsage>()
            || matches!(cause.downcast_ref(), Some(backends::ConnectError::Settings(_)))
    });
    if settings { WRONG_USAGE } else { FAILED }
}
