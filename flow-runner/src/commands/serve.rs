//! `serve`: the roles of this process, until it is told to end.

use crate::{
    cli::{RoleName, ServeArgs, SettingsArgs},
    roles::{self, Running},
};
use anyhow::Context;
use shared::settings::{Settings, SettingsError};
use tokio_util::sync::CancellationToken;

pub async fn run(settings: &SettingsArgs, args: &ServeArgs) -> anyhow::Result<()> {
    let mut overrides = settings.overrides();
    if let Some(listen) = args.listen {
        overrides = overrides.with("listen", listen.to_string(), "--listen");
    }
    let settings = Settings::load(&overrides)?;
    check_roles(&settings, &args.role)?;
    shared::telemetry::install_log("info");
    let listener =
        shared::http::bind(settings.listen).with_context(|| format!("can't listen on {}", settings.listen))?;
    let running = roles::start(&settings, listener).await?;
    tracing::info!(address = %running.address, data_dir = %settings.data_dir.display(), "serving");
    wait_for_end(running).await
}

/// Waits for SIGTERM or SIGINT, then ends in order.
async fn wait_for_end(running: Running) -> anyhow::Result<()> {
    let end = CancellationToken::new();
    shared::shutdown::on_signal(end).await.context("can't listen for signals")?;
    running.stop().await;
    tracing::info!("ended");
    Ok(())
}

/// Embedded queues live in one process: a role alone would wait for events for ever.
fn check_roles(settings: &Settings, roles: &[RoleName]) -> Result<(), SettingsError> {
    let all = [RoleName::Gateway, RoleName::Worker, RoleName::Sender].iter().all(|role| roles.contains(role));
    if !all && settings.amqp_url.is_none() {
        return Err(SettingsError::Wrong(
            "--role: without AMQP_URL the queues are embedded and live in one process, which must do everything; \
             leave --role out"
                .into(),
        ));
    }
    Ok(())
}
