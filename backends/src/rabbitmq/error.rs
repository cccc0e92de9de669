//! One way to wait for the broker, one way to say what went wrong.

use shared::ports::queue::QueueError;
use std::{fmt, future::Future, time::Duration};

/// How long a reply of the broker may take where no message is at stake: opening a channel, subscribing, closing.
pub(super) const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the broker did not do it, in its own words where it had any.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// It, or the driver, said no.
    Said(String),
    /// It said nothing in time.
    Silent(Duration),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(what) => f.write_str(what),
            Self::Silent(limit) => write!(f, "no answer within {} s", limit.as_secs_f32()),
        }
    }
}

impl Failure {
    /// As an error of the port.
    pub(super) fn of(self, queue: impl fmt::Display, doing: &'static str) -> QueueError {
        QueueError { queue: queue.to_string(), doing, reason: self.to_string() }
    }
}

/// Waits for the broker, but not for ever: a half-open connection never answers.
pub(super) async fn within<T>(limit: Duration, asking: impl Future<Output = lapin::Result<T>>) -> Result<T, Failure> {
    match tokio::time::timeout(limit, asking).await {
        Ok(answer) => answer.map_err(|error| Failure::Said(error.to_string())),
        Err(_) => Err(Failure::Silent(limit)),
    }
}
