//! What an operator can do, by the command line or the ops API: on the ports alone, with answers as the JSON that both show.

mod audit;
mod dead_letters;
mod error;
mod messages;
mod moment;
mod numbers;
mod queues;
mod replays;
mod sessions;
mod trace;

pub use error::OperatorError;
pub use messages::Wanted;
pub use moment::Moment;
pub use replays::Replaying;
pub use sessions::Place;

use crate::{
    Clock, Timestamp,
    ids::AccountId,
    ports::{
        accounts::Accounts,
        audit::Audit,
        dead_letters::DeadLetters,
        flows::FlowStore,
        installation::Installation,
        ledger::Ledger,
        members::Members,
        messages::MessageLog,
        queue::{Consumer, Publish, Publisher},
        recipients::Recipients,
        replays::Replays,
        sessions::SessionCache,
        traces::Traces,
    },
};
use chrono::{DateTime, SecondsFormat};
use serde_json::Value;
use std::sync::Arc;

/// What an act answers, as JSON.
pub type Answer = Result<Value, OperatorError>;

/// Works on an installation.
#[derive(Clone)]
pub struct Operator {
    /// Accounts and numbers.
    pub accounts: Arc<dyn Accounts>,
    /// Flows.
    pub flows: Arc<dyn FlowStore>,
    /// Where recipients stand.
    pub recipients: Arc<dyn Recipients>,
    /// The fast copy of that.
    pub sessions: Arc<dyn SessionCache>,
    /// What came in.
    pub messages: Arc<dyn MessageLog>,
    /// The whole ways of messages.
    pub traces: Arc<dyn Traces>,
    /// What was given up.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// What is done with many of those.
    pub replays: Arc<dyn Replays>,
    /// Who did what when.
    pub audit: Arc<dyn Audit>,
    /// What is to be sent.
    pub ledger: Arc<dyn Ledger>,
    /// Which processes are alive.
    pub members: Arc<dyn Members>,
    /// The queues.
    pub consumer: Arc<dyn Consumer>,
    /// The way into them.
    pub publisher: Arc<dyn Publisher>,
    /// What is fixed once.
    pub installation: Arc<dyn Installation>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Partitions that are set.
    pub partitions: u16,
}

impl Operator {
    /// Publishes what `to_publish` makes for the installation's partitions, their queues declared: an installation that never
    /// served gets those that are set.
    pub async fn publish<T>(
        &self,
        items: Vec<T>,
        to_publish: impl Fn(T, u16) -> serde_json::Result<Publish>,
    ) -> Result<(), OperatorError> {
        let partitions = self.installation.partitions(self.partitions).await?;
        self.consumer.declare(partitions).await?;
        let batch: Result<Vec<_>, _> = items.into_iter().map(|item| to_publish(item, partitions)).collect();
        let batch = batch.map_err(|error| OperatorError::Invalid(error.to_string()))?;
        Ok(self.publisher.publish(batch).await?)
    }

    /// The account that is named, if one is.
    async fn account(&self, named: Option<&str>) -> Result<Option<AccountId>, OperatorError> {
        let Some(id) = named else { return Ok(None) };
        match self.accounts.accounts().await?.into_iter().find(|account| account.id.as_str() == id) {
            Some(account) => Ok(Some(account.id)),
            None => Err(OperatorError::no("account", id, "flow-runner accounts list")),
        }
    }
}

/// ISO 8601 with milliseconds, as the original wrote dates.
#[must_use]
pub fn iso(at: Timestamp) -> String {
    let time = DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
