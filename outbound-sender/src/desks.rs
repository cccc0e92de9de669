//! The desks of a partition, one for each business number that has work.

use crate::desk::{Desk, Shared};
use shared::{ids::PhoneNumberId, job::JobRef};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Bells that a desk has not heard yet; more wait in the queue.
const BELLS: usize = 1024;

/// A desk that works.
struct Open {
    bell: mpsc::Sender<JobRef>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// The desks, by number.
pub(crate) struct Desks {
    shared: Arc<Shared>,
    open: Mutex<HashMap<PhoneNumberId, Open>>,
    stop: CancellationToken,
}

impl Desks {
    pub fn new(shared: Arc<Shared>, stop: CancellationToken) -> Self {
        Self { shared, open: Mutex::default(), stop }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PhoneNumberId, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has every desk finish what is under way, and waits for it. What comes in later opens new ones.
    pub async fn close(&self) {
        let open = std::mem::take(&mut *self.lock());
        open.values().for_each(|desk| desk.stop.cancel());
        for (number, desk) in open {
            if let Err(error) = desk.task.await {
                tracing::error!(%error, %number, "a desk ended badly");
            }
        }
    }

    /// Rings the bell of the job's desk. A desk that ends hears nothing: the ledger keeps the job.
    pub async fn ring(&self, job: JobRef) {
        let bell = self.desk(&job.phone_number_id);
        drop(bell.send(job).await);
    }

    /// The bell of a number's desk, which is opened when there is none.
    pub fn desk(&self, number: &PhoneNumberId) -> mpsc::Sender<JobRef> {
        let mut open = self.lock();
        // A desk whose task ended badly is opened anew; the ledger has all it held.
        if let Some(desk) = open.get(number).filter(|desk| !desk.bell.is_closed()) {
            return desk.bell.clone();
        }
        let (bell, heard) = mpsc::channel(BELLS);
        let stop = self.stop.child_token();
        let desk = Desk::new(number.clone(), self.shared.clone());
        let task = tokio::spawn(desk.run(heard, stop.clone()));
        open.insert(number.clone(), Open { bell: bell.clone(), stop, task });
        bell
    }
}
