//! Gateway, worker and sender in one process, or some of them.

use crate::{cli::RoleName, operator::OperatorSocket};
use backends::Process;
use shared::settings::Settings;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Starts these roles; where they listen. Without a gateway that is for health and metrics.
pub async fn start(
    settings: &Settings,
    roles: &[RoleName],
    listener: TcpListener,
) -> anyhow::Result<(Process, SocketAddr)> {
    let address = listener.local_addr()?;
    let mut process = Process::begin(settings).await?;
    match start_roles(&mut process, settings, roles, listener).await {
        Ok(()) => Ok((process, address)),
        Err(error) => {
            process.stop().await;
            Err(error)
        }
    }
}

async fn start_roles(
    process: &mut Process,
    settings: &Settings,
    roles: &[RoleName],
    listener: TcpListener,
) -> anyhow::Result<()> {
    // Operators are served before anything says that it is ready. Where nothing is embedded they work on the servers.
    let data_dir = process.backends.data_dir.clone();
    let operators = data_dir.map(|directory| OperatorSocket::open(&directory, process.backends.clone())).transpose()?;
    let mut health = Some(listener);
    if roles.contains(&RoleName::Gateway)
        && let Some(listener) = health.take()
    {
        webhook_gateway::start(process, settings, listener)?;
    }
    if roles.contains(&RoleName::Worker) {
        flow_worker::start(process, settings).await?;
    }
    if roles.contains(&RoleName::Sender) {
        outbound_sender::start(process, settings)?;
    }
    if let Some(listener) = health {
        process.start_ops_on(listener);
    }
    if let Some(operators) = operators {
        process.start("the operators' socket", |stop| async move {
            stop.cancelled().await;
            operators.close().await;
        });
    }
    Ok(())
}
