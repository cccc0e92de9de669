//! The desks of a sender, one for each business number that has work.

use crate::desk::{Desk, Shared};
use shared::{ids::PhoneNumberId, job::JobRef, ports::ledger::Ledger};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Bells that a desk has not heard yet; more wait in the queue.
const BELLS: usize = 1024;
/// How often numbers with work that nobody rang for are looked up.
const FIND_NUMBERS: Duration = Duration::from_secs(5);

/// The desks, by number.
pub(crate) struct Desks {
    shared: Arc<Shared>,
    bells: Mutex<HashMap<PhoneNumberId, mpsc::Sender<JobRef>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Desks {
    pub fn new(shared: Arc<Shared>, stop: CancellationToken) -> Self {
        Self { shared, bells: Mutex::default(), tasks: TaskTracker::new(), stop }
    }

    /// Waits until every desk has finished; they do once they are told to stop.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Rings the bell of the job's desk. A desk that ends hears nothing: the ledger keeps the job.
    pub async fn ring(&self, job: JobRef) {
        let bell = self.desk(&job.phone_number_id);
        drop(bell.send(job).await);
    }

    /// The bell of a number's desk, which is opened when there is none.
    fn desk(&self, number: &PhoneNumberId) -> mpsc::Sender<JobRef> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        // A desk whose task ended badly is opened anew; the ledger has all it held.
        if let Some(bell) = bells.get(number).filter(|bell| !bell.is_closed()) {
            return bell.clone();
        }
        let (bell, heard) = mpsc::channel(BELLS);
        let desk = Desk::new(number.clone(), self.shared.clone());
        self.tasks.spawn(desk.run(heard, self.stop.clone()));
        bells.insert(number.clone(), bell.clone());
        metrics::gauge!("flow_runner_active_numbers").set(bells.len() as f64);
        bell
    }
}

/// Opens desks for numbers that have work nobody rang for.
pub(crate) async fn find_numbers(desks: Arc<Desks>, ledger: Arc<dyn Ledger>, stop: CancellationToken) {
    let mut every = tokio::time::interval(FIND_NUMBERS);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        match ledger.numbers_with_open_jobs().await {
            Ok(numbers) => numbers.iter().for_each(|number| drop(desks.desk(number))),
            Err(error) => tracing::warn!(%error, "can't look up which numbers have work"),
        }
    }
}
