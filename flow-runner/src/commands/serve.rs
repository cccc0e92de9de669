//! `serve`: the roles of this process, until it is told to end.

use crate::{
    cli::{RoleName, ServeArgs, SettingsArgs},
    roles::{self, Running},
};
use anyhow::{Context, bail};
use clap::ValueEnum;
use shared::{
    settings::{self, Settings, SettingsError},
    shutdown::Signals,
};

pub async fn run(flags: &SettingsArgs, args: &ServeArgs) -> anyhow::Result<()> {
    let mut overrides = flags.overrides();
    if let Some(listen) = args.listen {
        overrides = overrides.with("listen", listen.to_string(), "--listen");
    }
    let settings = Settings::load(&overrides)?;
    check_roles(&settings, &args.role)?;
    shared::telemetry::install_log("info");
    for near in settings::near_misses(&overrides) {
        tracing::warn!("{near}");
    }
    let signals = Signals::listen().context("can't listen for signals")?;
    let listener =
        shared::http::bind(settings.listen).with_context(|| format!("can't listen on {}", settings.listen))?;
    let running = roles::start(&settings, &args.role, listener).await?;
    let data_dir = running.backends.data_dir.as_ref().map(|path| path.display().to_string());
    tracing::info!(address = %running.address, data_dir, "serving");
    wait_for_end(running, signals).await
}

/// Waits for SIGTERM or SIGINT, then ends in order. A role that ends by itself ends the process too, with a failure.
async fn wait_for_end(mut running: Running, mut signals: Signals) -> anyhow::Result<()> {
    let ended = tokio::select! {
        () = signals.received() => None,
        role = running.a_role_ended() => Some(role),
    };
    running.stop().await;
    if let Some(role) = ended {
        bail!("{role} ended by itself, which is a bug; start again, and nothing is lost");
    }
    tracing::info!("ended");
    Ok(())
}

/// What is embedded lives in one process: a role alone would wait for others for ever.
fn check_roles(settings: &Settings, roles: &[RoleName]) -> Result<(), SettingsError> {
    if RoleName::value_variants().iter().all(|role| roles.contains(role)) || !backends::embeds_anything(settings) {
        return Ok(());
    }
    Err(SettingsError::Wrong(
        "--role: without AMQP_URL, or without a PostgreSQL in DATABASE_URL, queues or record are embedded and live in one \
         process, which must do everything; leave --role out"
            .into(),
    ))
}
