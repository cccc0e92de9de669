//! The desks of a partition, one for each business number that has work.

use crate::desk::{Desk, Shared};
use shared::{ids::PhoneNumberId, job::JobRef};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Bells that a desk has not heard yet; more wait in the queue.
const BELLS: usize = 1024;

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
    pub fn desk(&self, number: &PhoneNumberId) -> mpsc::Sender<JobRef> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        // A desk whose task ended badly is opened anew; the ledger has all it held.
        if let Some(bell) = bells.get(number).filter(|bell| !bell.is_closed()) {
            return bell.clone();
        }
        let (bell, heard) = mpsc::channel(BELLS);
        let desk = Desk::new(number.clone(), self.shared.clone());
        self.tasks.spawn(desk.run(heard, self.stop.clone()));
        bells.insert(number.clone(), bell.clone());
        bell
    }
}
