//! `serve`: the roles of this process, until it is told to end.

use crate::{
    cli::{RoleName, ServeArgs, SettingsArgs},
    roles,
};
use anyhow::Context;
use backends::program;
use clap::ValueEnum;
use shared::{
    settings::{Settings, SettingsError},
    shutdown::Signals,
};

pub async fn run(flags: &SettingsArgs, args: &ServeArgs) -> anyhow::Result<()> {
    let mut overrides = flags.overrides();
    if let Some(listen) = args.listen {
        overrides = overrides.with("listen", listen.to_string(), "--listen");
    }
    let settings = program::settings_and_log(&overrides)?;
    check_roles(&settings, &args.role)?;
    let signals = Signals::listen().context("can't listen for signals")?;
    let listener =
        shared::http::bind(settings.listen).with_context(|| format!("can't listen on {}", settings.listen))?;
    let (process, address) = roles::start(&settings, &args.role, listener).await?;
    let data_dir = process.backends.data_dir.as_ref().map(|path| path.display().to_string());
    tracing::info!(%address, data_dir, "serving");
    program::until_the_end(process, signals).await
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
