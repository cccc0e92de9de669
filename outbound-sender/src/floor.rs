//! The partitions that this process has, each with its desks.

use crate::desks::Desks;
use shared::{ids::PhoneNumberId, partition, ports::ledger::Ledger, sharing::Duty};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often numbers with work that nobody rang for are looked up.
const FIND_NUMBERS: Duration = Duration::from_secs(5);

/// Desks, and what their partition is to this process.
type Taken = (Arc<Desks>, watch::Receiver<Duty>);

/// Where the desks stand, by partition.
pub(crate) struct Floor {
    partitions: u16,
    desks: Mutex<BTreeMap<u16, Taken>>,
}

impl Floor {
    pub fn new(partitions: u16) -> Self {
        Self { partitions, desks: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, Taken>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take(&self, partition: u16, desks: Arc<Desks>, duty: watch::Receiver<Duty>) {
        self.lock().insert(partition, (desks, duty));
    }

    pub fn leave(&self, partition: u16) {
        self.lock().remove(&partition);
    }

    /// Opens the desk of a number that is this process's own. Who stands by waits until a bell rings here: then the broker
    /// serves this process.
    fn open(&self, number: &PhoneNumberId) -> bool {
        let desks = self.lock();
        let own = desks.get(&partition::of(number.as_str(), self.partitions));
        let Some((desks, _)) = own.filter(|(_, duty)| *duty.borrow() == Duty::Owner) else { return false };
        drop(desks.desk(number));
        true
    }
}

/// Opens desks for numbers that have work nobody rang for.
pub(crate) async fn find_numbers(floor: Arc<Floor>, ledger: Arc<dyn Ledger>, stop: CancellationToken) {
    let mut every = tokio::time::interval(FIND_NUMBERS);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        match ledger.numbers_with_open_jobs().await {
            Ok(numbers) => {
                let open = numbers.iter().filter(|number| floor.open(number)).count();
                metrics::gauge!("flow_runner_active_numbers").set(open as f64);
            }
            Err(error) => tracing::warn!(%error, "can't look up which numbers have work"),
        }
    }
}
