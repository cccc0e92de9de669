//! The worker on its backends.

use crate::{Ports, Worker, WorkerSettings};
use backends::{Backends, Process};
use shared::{ports::Stored, settings::Settings};

/// Starts the worker.
pub async fn start(process: &mut Process, settings: &Settings) -> Stored<()> {
    let worker = Worker::new(ports(&process.backends), sizes(settings)).await?;
    process.start("the worker", |stop| worker.run(stop));
    Ok(())
}

fn ports(backends: &Backends) -> Ports {
    Ports {
        publisher: backends.publisher.clone(),
        runner: backends.runner.clone(),
        members: backends.members.clone(),
        sessions: backends.sessions.clone(),
        installation: backends.installation.clone(),
        accounts: backends.accounts.clone(),
        flows: backends.flows.clone(),
        conversations: backends.conversations.clone(),
        status_clock: backends.status_clock.clone(),
        burial: backends.burial.clone(),
        clock: backends.clock.clone(),
    }
}

fn sizes(settings: &Settings) -> WorkerSettings {
    WorkerSettings {
        partitions: settings.partitions,
        prefetch: settings.worker.prefetch,
        batch: settings.worker.batch,
        session_ttl: settings.session.ttl,
    }
}
