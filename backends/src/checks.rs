//! What a process tells of its backends under `/readyz`.

use crate::Backends;
use async_trait::async_trait;
use shared::{
    http::{Check, Need, Readiness},
    ports::{
        installation::Installation,
        members::{Members, Role},
        queue::{Consumer, Publisher, QueueName},
    },
};
use std::sync::Arc;

impl Backends {
    /// The checks of a process that needs its record as much as said. Without queues none can work, without sessions and
    /// members all can.
    #[must_use]
    pub fn readiness(&self, record: Need) -> Readiness {
        let mut readiness = Readiness::default();
        readiness.add(Arc::new(Record(self.installation.clone(), record)));
        // Whoever consumes works on under an alarm, under which nothing can be published.
        let publisher = (record == Need::Useful).then(|| self.publisher.clone());
        readiness.add(Arc::new(Queues(publisher, self.consumer.clone())));
        readiness.add(Arc::new(Sessions(self.members.clone())));
        readiness
    }
}

/// Whether the database answers.
struct Record(Arc<dyn Installation>, Need);

#[async_trait]
impl Check for Record {
    fn name(&self) -> &'static str {
        "database"
    }

    fn need(&self) -> Need {
        self.1
    }

    async fn check(&self) -> Result<(), String> {
        self.0.ping().await.map_err(|error| error.to_string())
    }
}

/// Whether the queues answer, and take messages where that is asked.
struct Queues(Option<Arc<dyn Publisher>>, Arc<dyn Consumer>);

#[async_trait]
impl Check for Queues {
    fn name(&self) -> &'static str {
        "queues"
    }

    fn need(&self) -> Need {
        Need::Required
    }

    async fn check(&self) -> Result<(), String> {
        if let Some(trouble) = self.0.as_ref().and_then(|publisher| publisher.trouble()) {
            return Err(trouble);
        }
        self.1.depth(QueueName::Statuses).await.map(drop).map_err(|error| error.to_string())
    }
}

/// Whether the session cache answers, which also knows who is alive.
struct Sessions(Arc<dyn Members>);

#[async_trait]
impl Check for Sessions {
    fn name(&self) -> &'static str {
        "sessions"
    }

    fn need(&self) -> Need {
        Need::Useful
    }

    async fn check(&self) -> Result<(), String> {
        self.0.alive(Role::Worker).await.map(drop).map_err(|error| error.to_string())
    }
}
