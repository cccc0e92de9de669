//! The outbound queues: they only ring a desk's bell. The ledger holds the jobs, so a message is done once it is heard.

use crate::desks::Desks;
use async_trait::async_trait;
use shared::{
    job::{self, JobRef},
    ports::queue::Delivery,
    runner::{Handler, Unreadable, Verdict},
};
use std::sync::Arc;

/// Handles the outbound queues.
pub(crate) struct Bell {
    pub desks: Arc<Desks>,
}

#[async_trait]
impl Handler for Bell {
    type Item = JobRef;

    fn decode(&self, delivery: &Delivery) -> Result<(String, JobRef), Unreadable> {
        let message = &delivery.message;
        if message.schema > job::SCHEMA {
            return Err(Unreadable::NewerSchema(message.schema));
        }
        let job: JobRef =
            serde_json::from_slice(&message.body).map_err(|error| Unreadable::Undecodable(error.to_string()))?;
        // In the order of the queue, so that a lane's first job is heard first.
        Ok((format!("{}/{}", job.phone_number_id, job.recipient_id), job))
    }

    async fn handle(&self, job: &JobRef) -> Verdict {
        self.desks.ring(job.clone()).await;
        Verdict::Done
    }

    /// Two desks of one number would keep its limits each for itself.
    async fn lets_go(&self) {
        self.desks.close().await;
    }
}
