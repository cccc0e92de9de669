//! The sender on its backends.

use crate::{
    Ports, Sender, SenderSettings,
    whatsapp::{Client, ClientError},
};
use backends::{Backends, Process};
use shared::{backoff, settings::Settings};
use std::sync::Arc;

/// Deliveries open at a time per outbound queue: each only rings a bell.
const BELL_PREFETCH: u16 = 256;

/// Starts the sender.
pub fn start(process: &mut Process, settings: &Settings) -> Result<(), ClientError> {
    let client =
        Client::new(&settings.whatsapp.api_base_url, &settings.whatsapp.api_version, process.backends.clock.clone())?;
    let ports = ports(&process.backends, client);
    let sender = Sender::new(ports, sender_settings(settings, process.backends.exclusive));
    process.start("the sender", |stop| sender.run(stop));
    Ok(())
}

fn ports(backends: &Backends, client: Client) -> Ports {
    Ports {
        runner: backends.runner.clone(),
        members: backends.members.clone(),
        accounts: backends.accounts.clone(),
        ledger: backends.ledger.clone(),
        status_clock: backends.status_clock.clone(),
        api: Arc::new(client),
        clock: backends.clock.clone(),
        dice: backoff::dice,
    }
}

fn sender_settings(settings: &Settings, exclusive: bool) -> SenderSettings {
    SenderSettings {
        partitions: settings.partitions,
        prefetch: BELL_PREFETCH,
        number_rate: settings.whatsapp.number_rate,
        pair_rate: settings.whatsapp.pair_rate,
        attempts: settings.send.attempts,
        max_age: settings.send.max_age,
        cap_per_hour: settings.send.cap_per_hour,
        pacing: settings.send.pacing,
        unknown_outcome_policy: settings.send.unknown_outcome_policy,
        unknown_wait: settings.send.unknown_wait,
        unknown_wait_after_refusal: settings.send.unknown_wait_after_refusal,
        concurrency: settings.send.concurrency as usize,
        exclusive,
    }
}
