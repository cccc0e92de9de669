//! What comes in, by number, as the workers tell it: Meta counts it toward what a number may send.

use shared::{
    ids::PhoneNumberId,
    ports::members::{Members, Role},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How often workers are asked.
const ASK: Duration = Duration::from_secs(1);
/// How long they may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Messages a second, by number. `None`: nobody knows, for no worker tells.
pub(crate) type Inbound = Option<Arc<HashMap<PhoneNumberId, f64>>>;

/// Asks what comes in, until `stop`.
pub(crate) async fn ask_workers(members: Arc<dyn Members>, told: watch::Sender<Inbound>, stop: CancellationToken) {
    let mut every = tokio::time::interval(ASK);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        let inbound = ask(&*members).await;
        told.send_if_modified(|before| {
            let changed = *before != inbound;
            *before = inbound;
            changed
        });
    }
}

async fn ask(members: &dyn Members) -> Inbound {
    // Who can't be asked may be away for long, and is reported by whoever shares out the partitions.
    let reports = tokio::time::timeout(PATIENCE, members.reports(Role::Worker)).await.ok()?.ok()?;
    if reports.is_empty() {
        return None;
    }
    let mut inbound: HashMap<PhoneNumberId, f64> = HashMap::new();
    for (number, rate) in reports.into_iter().flat_map(|(_, report)| report.inbound) {
        *inbound.entry(number).or_default() += rate;
    }
    Some(Arc::new(inbound))
}
