//! Step 4: the rows are the hand-over, the messages make it fast.

use shared::{
    failpoint,
    job::JobRef,
    ports::queue::{Publish, Publisher},
};
use std::{sync::Arc, time::Duration};

/// How long the confirms are waited for; after that the number's owner finds the rows by itself.
const PATIENCE: Duration = Duration::from_secs(1);

const BETWEEN_JOBS: &str = "worker.between_jobs";

/// Publishes jobs.
pub(crate) struct HandOver {
    pub publisher: Arc<dyn Publisher>,
    pub partitions: u16,
}

impl HandOver {
    pub async fn publish(&self, jobs: &[JobRef]) {
        if jobs.is_empty() || self.publisher.is_blocked() {
            return;
        }
        let batch: Result<Vec<_>, _> = jobs.iter().map(|job| job.to_publish(self.partitions)).collect();
        let failed = match batch {
            Ok(batch) if failpoint::is_set(BETWEEN_JOBS) => return self.publish_one_by_one(batch).await,
            Ok(batch) => match tokio::time::timeout(PATIENCE, self.publisher.publish(batch)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no confirm within {PATIENCE:?}"),
            },
            Err(error) => error.to_string(),
        };
        metrics::counter!("flow_runner_hand_over_failures_total").increment(1);
        tracing::debug!(failed, jobs = jobs.len(), "jobs not handed over; their owner reads them from SQL");
    }

    /// So that a test can have the process killed between two jobs of one event.
    async fn publish_one_by_one(&self, batch: Vec<Publish>) {
        let jobs = batch.len();
        for (at, publish) in batch.into_iter().enumerate() {
            drop(self.publisher.publish(vec![publish]).await);
            if at + 1 < jobs {
                failpoint::reached(BETWEEN_JOBS);
            }
        }
    }
}
