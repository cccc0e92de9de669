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

/// How often numbers with work that nobody rang for are looked up. An owner opens their desks at its second look: by then
/// whoever owned before has let go.
const FIND_NUMBERS: Duration = Duration::from_millis(2_500);

/// Desks, and what their partition is to this process.
struct Taken {
    desks: Arc<Desks>,
    duty: watch::Receiver<Duty>,
    /// Whether it was this process's own at the last look too. Who owned it before lets go a few seconds later.
    owned_before: bool,
}

/// Where the desks stand, by partition.
pub(crate) struct Floor {
    partitions: u16,
    /// Whether no other process can own anything.
    exclusive: bool,
    taken: Mutex<BTreeMap<u16, Taken>>,
}

impl Taken {
    fn is_owned(&self) -> bool {
        *self.duty.borrow() == Duty::Owner
    }
}

impl Floor {
    pub fn new(partitions: u16, exclusive: bool) -> Self {
        Self { partitions, exclusive, taken: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take(&self, partition: u16, desks: Arc<Desks>, duty: watch::Receiver<Duty>) {
        self.lock().insert(partition, Taken { desks, duty, owned_before: self.exclusive });
    }

    pub fn leave(&self, partition: u16) {
        self.lock().remove(&partition);
    }

    /// Opens the desks of those numbers that are this process's own, and were at the last look; how many. Who stands by waits
    /// until a bell rings here: then the broker serves this process.
    fn open(&self, numbers: &[PhoneNumberId]) -> usize {
        let mut taken = self.lock();
        let own = numbers.iter().filter(|number| {
            let own = taken.get(&partition::of(number.as_str(), self.partitions));
            own.filter(|own| own.is_owned() && own.owned_before).map(|own| drop(own.desks.desk(number))).is_some()
        });
        let open = own.count();
        for own in taken.values_mut() {
            own.owned_before = own.is_owned() || self.exclusive;
        }
        open
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
                let open = floor.open(&numbers);
                metrics::gauge!("flow_runner_active_numbers").set(open as f64);
            }
            Err(error) => tracing::warn!(%error, "can't look up which numbers have work"),
        }
    }
}
