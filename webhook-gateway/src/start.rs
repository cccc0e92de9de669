//! The gateway on its backends.

use crate::{Gateway, Ports};
use backends::{Backends, Process};
use shared::{
    http::Need,
    operator::Replaying,
    settings::{Settings, SettingsError},
};
use tokio::net::TcpListener;

/// Starts the gateway on this listener. It takes callbacks without a database; flows can't be saved meanwhile.
pub fn start(process: &mut Process, settings: &Settings, listener: TcpListener) -> Result<(), SettingsError> {
    let gateway = Gateway::new(ports(&process.backends), settings)?;
    let limits = settings.gateway.clone();
    process.start("the gateway", |stop| async move { crate::run(gateway, listener, &limits, stop).await });
    let replaying = Replaying::new(process.backends.operator());
    process.start("replays", |stop| replaying.run(stop));
    Ok(())
}

fn ports(backends: &Backends) -> Ports {
    Ports {
        publisher: backends.publisher.clone(),
        status_clock: backends.status_clock.clone(),
        flows: backends.flows.clone(),
        api_keys: backends.accounts.clone(),
        clock: backends.clock.clone(),
        readiness: backends.readiness(Need::Useful),
        operator: Some(backends.operator()),
    }
}
