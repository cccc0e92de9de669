//! `flow-runner`: everything in one process, and the operator's command line.

mod cli;
mod commands;
mod demo;
mod document;
mod operator;
mod output;
mod roles;

use clap::Parser;
use cli::{Cli, Command};
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    backends::program::run("flow-runner", run(cli))
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
        Command::Trace(args) => commands::trace::run(&cli.settings, args, output).await,
        Command::Audit(args) => commands::audit::run(&cli.settings, &args, output).await,
        Command::Queues => commands::queues::run(&cli.settings, output).await,
        Command::Config(args) => commands::config::run(&cli.settings, &args, output),
        Command::Completions(args) => commands::about::completions(&args),
        Command::Man(args) => commands::about::man(&args, output),
        Command::Simulator(args) => {
            shared::telemetry::install_log("info");
            whatsapp_simulator::cli::run(*args).await
        }
    }
}
