//! Why an act was not done.

use crate::ports::{
    StoreError,
    queue::{PublishError, QueueError},
};

/// Nothing happened, or nothing more; what is said tells people what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OperatorError {
    /// What is meant is not there.
    #[error("{0}")]
    NotFound(String),
    /// It has changed meanwhile.
    #[error("{0}")]
    Conflict(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queues can't be asked.
    #[error(
        "the queues can't be asked; where AMQP_URL is set, see whether that RabbitMQ is up and lets this user in, then try again: {0}"
    )]
    Queue(#[from] QueueError),
    /// The queues take nothing.
    #[error("{0}")]
    Publish(#[from] PublishError),
}

impl OperatorError {
    /// There is no such thing; `shows` is the command that lists those there are.
    #[must_use]
    pub(super) fn no(what: &str, id: &str, shows: &str) -> Self {
        Self::NotFound(format!("there is no {what} {id}; `{shows}` shows those there are"))
    }
}
