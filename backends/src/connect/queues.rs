//! Queues: tables in the data directory, or a RabbitMQ.

use super::{ConnectError, record::Embedded};
use crate::embedded::EmbeddedQueue;
use secrecy::SecretString;
use shared::{
    ports::queue::{Consumer, Publisher},
    settings::Settings,
};
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Both ends of the queues.
type Queues = (Arc<dyn Publisher>, Arc<dyn Consumer>);

pub(super) async fn open(
    settings: &Settings,
    embedded: Option<&Embedded>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Queues, ConnectError> {
    match (&settings.amqp_url, embedded) {
        (Some(url), _) => at_a_broker(url, settings, tasks, stop).await,
        (None, Some(embedded)) => {
            let queue = EmbeddedQueue::new(embedded.db.clone(), embedded.writer.clone());
            Ok((queue.clone(), queue))
        }
        (None, None) => Err(ConnectError::Settings("embedded queues need a data directory".into())),
    }
}

#[cfg(feature = "rabbitmq")]
async fn at_a_broker(
    url: &SecretString,
    settings: &Settings,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Queues, ConnectError> {
    // A broker that is away is waited for: what fails is what can never work.
    let queue = crate::rabbitmq::RabbitMq::connect(url, &settings.queue_prefix, stop.clone())
        .await
        .map_err(|error| ConnectError::Settings(error.to_string()))?;
    let (ending, stop) = (queue.clone(), stop.clone());
    tasks.spawn(async move {
        stop.cancelled().await;
        ending.ended().await;
    });
    Ok((queue.clone(), queue))
}

#[cfg(not(feature = "rabbitmq"))]
async fn at_a_broker(
    _: &SecretString,
    _: &Settings,
    _: &TaskTracker,
    _: &CancellationToken,
) -> Result<Queues, ConnectError> {
    Err(ConnectError::Settings(
        "AMQP_URL is set, and this program was built without RabbitMQ (feature `rabbitmq`)".into(),
    ))
}
