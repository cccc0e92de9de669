//! Consuming: one channel a subscription, one task that forwards its deliveries.

use super::{
    error::{Failure, REPLY_TIMEOUT, within},
    link::Up,
    message,
    settle::{Open, Settler},
};
use futures_util::StreamExt;
use lapin::{
    Channel, Consumer,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use shared::ports::queue::{Delivery, QueueName, Subscription};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Why a subscription ends whose connection stands: somebody should know.
const CANCELLED: &str =
    "the broker cancelled the consumer: the queue was deleted, moved, or its delivery took too long";

/// Subscribes on a channel that has nothing else to do.
pub(super) async fn subscribe(
    up: Arc<Up>,
    channel: Channel,
    queue: QueueName,
    name: ShortString,
    prefetch: u16,
    open: Open,
    tasks: &TaskTracker,
) -> Result<Subscription, Failure> {
    // Zero would mean "no limit" to the broker.
    let prefetch = prefetch.max(1);
    within(REPLY_TIMEOUT, channel.basic_qos(prefetch, BasicQosOptions { global: false })).await?;
    let consuming = channel.basic_consume(name, "".into(), BasicConsumeOptions::default(), FieldTable::default());
    let consumer = within(REPLY_TIMEOUT, consuming).await?;
    // The broker keeps at most `prefetch` deliveries open, so this never holds the forwarder up.
    let (sender, deliveries) = mpsc::channel(prefetch.into());
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let open = Arc::new(open);
    let settle = Settler::new(queue, channel.clone(), open.clone(), stop.clone(), ended.clone());
    let forwarder = Forwarder { queue, up, channel, consumer, sender, open, stop, ended };
    tasks.spawn(forwarder.run());
    Ok(Subscription { deliveries, settle: Arc::new(settle) })
}

/// Forwards deliveries until the channel is lost, the receiver is dropped or the subscription is closed.
struct Forwarder {
    queue: QueueName,
    up: Arc<Up>,
    channel: Channel,
    consumer: Consumer,
    sender: mpsc::Sender<Delivery>,
    open: Arc<Open>,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Forwarder {
    async fn run(mut self) {
        let why = tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            () = self.up.lost().cancelled() => Some("the connection was lost".to_owned()),
            () = self.sender.closed() => None,
            why = forward(&mut self.consumer, &self.sender, &self.open) => Some(why),
        };
        match why {
            Some(why) if why == CANCELLED => {
                tracing::error!(queue = %self.queue, why, "the channel of a subscription is lost");
            }
            Some(why) => tracing::info!(queue = %self.queue, why, "the channel of a subscription is lost"),
            None => {}
        }
        self.open.close();
        // The whole channel is closed, and only then the consumer dropped: cancelling first would let the next consumer
        // begin behind what is still open here.
        if let Err(failure) = within(REPLY_TIMEOUT, self.channel.close(200, "OK".into())).await {
            tracing::debug!(queue = %self.queue, error = %failure, "channel not closed in order");
        }
        self.ended.cancel();
    }
}

async fn forward(consumer: &mut Consumer, sender: &mpsc::Sender<Delivery>, open: &Open) -> String {
    while let Some(arrived) = consumer.next().await {
        let delivery = match arrived {
            Ok(arrived) => message::delivery(arrived),
            Err(error) => return error.to_string(),
        };
        open.insert(delivery.tag);
        if sender.send(delivery).await.is_err() {
            return "nobody takes its deliveries".to_owned();
        }
    }
    CANCELLED.to_owned()
}
