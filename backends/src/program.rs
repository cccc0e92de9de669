//! A program that does one thing: its command line, its life from start to SIGTERM, its exit code.

use crate::{ConnectError, Process, embeds_anything};
use anyhow::{Context, bail};
use clap::Parser;
use shared::{
    settings::{self, Overrides, Settings, SettingsError},
    shutdown::Signals,
};
use std::{path::PathBuf, process::ExitCode};

/// Exit codes of the contract.
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

const SETTINGS: &str = "Settings come from the environment, or from flow-runner.toml where there is one; \
                        `flow-runner config env` lists them all.";

#[derive(Debug, Parser)]
struct Flags {
    /// Settings file; without it flow-runner.toml is read where there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A program with one role, which lives on servers together with those of the other roles.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// As it is called.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
}

impl Program {
    /// Runs it. `start` starts its role.
    pub fn main(self, start: impl AsyncFnOnce(&mut Process, &Settings) -> anyhow::Result<()>) -> ExitCode {
        let mut command = <Flags as clap::CommandFactory>::command().name(self.name).about(self.about);
        command = command.version(env!("CARGO_PKG_VERSION")).after_help(SETTINGS);
        let flags = match <Flags as clap::FromArgMatches>::from_arg_matches(&command.get_matches()) {
            Ok(flags) => flags,
            Err(error) => error.exit(),
        };
        run(self.name, async {
            let settings = self.settings(flags)?;
            let signals = Signals::listen().context("can't listen for signals")?;
            let mut process = Process::begin(&settings).await?;
            match start(&mut process, &settings).await {
                Ok(()) => until_the_end(process, signals).await,
                Err(error) => {
                    process.stop().await;
                    Err(error)
                }
            }
        })
    }

    fn settings(self, flags: Flags) -> Result<Settings, SettingsError> {
        let settings = settings_and_log(&Overrides { file: flags.config, ..Overrides::default() })?;
        if embeds_anything(&settings) {
            return Err(SettingsError::Wrong(format!(
                "{} works on servers: without AMQP_URL, or without a PostgreSQL in DATABASE_URL, queues or record are embedded \
                 and live in one process, which must do everything; set both, or run `flow-runner serve`",
                self.name
            )));
        }
        Ok(settings)
    }
}

/// The settings of a process that serves, with its log begun: what was probably meant as a setting stands there.
pub fn settings_and_log(overrides: &Overrides) -> Result<Settings, SettingsError> {
    let settings = Settings::load(overrides)?;
    shared::telemetry::install_log("info");
    for near in settings::near_misses(overrides) {
        tracing::warn!("{near}");
    }
    Ok(settings)
}

/// Runs to the end, and says what went wrong and how badly.
pub fn run(name: &str, life: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{name}: can't start: {error}");
            return ExitCode::from(FAILED);
        }
    };
    match runtime.block_on(life) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Waits for SIGTERM or SIGINT, then ends in order. A role that ends by itself ends the process too, with a failure.
pub async fn until_the_end(mut process: Process, mut signals: Signals) -> anyhow::Result<()> {
    let ended = tokio::select! {
        () = signals.received() => None,
        role = process.a_role_ended() => Some(role),
    };
    process.stop().await;
    if let Some(role) = ended {
        bail!("{role} ended by itself, which is a bug; start again, and nothing is lost");
    }
    tracing::info!("ended");
    Ok(())
}

/// Wrong usage that only shows once a command runs; says what to do instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(pub String);

/// Wrong settings are wrong usage; everything else failed.
fn exit_code(error: &anyhow::Error) -> u8 {
    let wrong = error.chain().any(|cause| {
        cause.is::<SettingsError>()
            || cause.is::<WrongUsage>()
            || matches!(cause.downcast_ref(), Some(ConnectError::Settings(_)))
    });
    if wrong { WRONG_USAGE } else { FAILED }
}
