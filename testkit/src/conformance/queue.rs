//! What every queue backend must do: one function a property, and [`queue_conformance!`](crate::queue_conformance) to
//! make a test of each.

mod consuming;
mod publishing;
mod taking_over;

pub use consuming::*;
pub use publishing::*;
pub use taking_over::*;

use async_trait::async_trait;
use bytes::Bytes;
use shared::ports::queue::{Consumer, Delivery, Message, Publish, Publisher, QueueName, Settle, Subscription, Tag};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Partitions of the installation under test.
pub const PARTITIONS: u16 = 2;
/// The queue most properties use.
pub const QUEUE: QueueName = QueueName::Inbound(0);
/// More than any property publishes to one queue: nothing is held back by it.
const PLENTY: u16 = 2_000;
/// Nothing takes this long on a machine that is merely busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// A property that takes longer hangs.
const PROPERTY: Duration = Duration::from_secs(120);
/// How long nothing must happen to count as "nothing happens".
const QUIET: Duration = Duration::from_millis(200);

/// One installation's queues, and the way to crash them.
#[async_trait]
pub trait QueueHarness: Send + Sync {
    /// The backend.
    type Q: Publisher + Consumer + 'static;

    /// Opens the installation. Called once at the beginning of a property; nothing is declared yet.
    async fn open(&mut self) -> Arc<Self::Q>;

    /// Ends `queues` as a crash would, settling nothing, and opens the same installation again. By then every
    /// subscription has been dropped, and `queues` is the only handle.
    async fn reopen(&mut self, queues: Arc<Self::Q>) -> Arc<Self::Q>;
}

/// Makes a `#[tokio::test]` of each property. The expression is evaluated for each of them, in an async context, and
/// gives a future of a fresh [`QueueHarness`](conformance::queue::QueueHarness): `queue_conformance!(Mine::fresh())`.
#[macro_export]
macro_rules! queue_conformance {
    ($harness:expr) => {
        $crate::queue_conformance!(@each $harness;
            a_batch_arrives_whole_and_in_order
            an_empty_batch_is_published
            a_large_body_arrives_whole
            two_queues_do_not_mix
            a_message_without_a_queue_is_unroutable
            many_publishers_lose_nothing_and_keep_their_order
            what_was_confirmed_survives_a_crash
            declaring_again_changes_nothing
            depth_counts_what_waits_and_what_is_open
            prefetch_bounds_what_is_open
            what_is_open_at_closing_comes_again_in_order_and_is_counted
            what_was_acknowledged_never_comes_again
            acknowledging_out_of_order_leaves_the_rest
            what_is_given_back_comes_first_and_is_counted
            what_is_rejected_goes_to_the_dead_letters
            closing_with_deliveries_on_their_way_loses_none
            a_closed_subscription_settles_nothing
            one_subscriber_is_served_and_the_next_takes_over
            a_subscriber_that_stands_by_may_leave
            a_dropped_subscription_lets_the_next_be_served
            what_is_open_in_a_crash_comes_again_in_order
        );
    };
    (@each $harness:expr; $($property:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $property() {
                $crate::conformance::queue::bounded($crate::conformance::queue::$property($harness.await)).await;
            }
        )*
    };
}

/// Runs a property, but not for ever.
pub async fn bounded(property: impl Future<Output = ()>) {
    timeout(PROPERTY, property).await.expect("the property hangs");
}

/// Opens the harness and declares the installation.
pub async fn declared<H: QueueHarness>(harness: &mut H) -> Arc<H::Q> {
    let queues = harness.open().await;
    queues.declare(PARTITIONS).await.expect("declare");
    queues
}

/// A message whose id and body tell its number.
pub fn message(number: usize) -> Message {
    Message {
        id: format!("id-{number}").into(),
        kind: "conformance".into(),
        schema: 1,
        traceparent: None,
        body: Bytes::from(format!(r#"{{"number":{number}}}"#)),
    }
}

/// A batch with the messages of these numbers to one queue.
pub fn batch(queue: QueueName, numbers: impl IntoIterator<Item = usize>) -> Vec<Publish> {
    numbers.into_iter().map(|number| Publish { queue, message: message(number) }).collect()
}

/// Publishes the messages of these numbers to one queue.
pub async fn publish(queues: &dyn Publisher, queue: QueueName, numbers: impl IntoIterator<Item = usize>) {
    queues.publish(batch(queue, numbers)).await.expect("publish");
}

/// Subscribes.
pub async fn subscribe(queues: &dyn Consumer, queue: QueueName, prefetch: u16) -> Subscription {
    queues.subscribe(queue, prefetch).await.expect("subscribe")
}

/// The next delivery.
pub async fn next(subscription: &mut Subscription) -> Delivery {
    let delivery = timeout(PATIENCE, subscription.deliveries.recv()).await.expect("a delivery is due");
    delivery.expect("the channel is lost")
}

/// The next deliveries, as many as there are numbers, which they must bear.
pub async fn expect(subscription: &mut Subscription, numbers: impl IntoIterator<Item = usize>) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for number in numbers {
        let delivery = next(subscription).await;
        assert_eq!(delivery.message, message(number), "out of order, after {} deliveries", deliveries.len());
        deliveries.push(delivery);
    }
    deliveries
}

/// No delivery comes, and the channel stands.
pub async fn expect_nothing(subscription: &mut Subscription) {
    match timeout(QUIET, subscription.deliveries.recv()).await {
        Err(_) => {}
        Ok(Some(delivery)) => panic!("delivered though it should not be: {delivery:?}"),
        Ok(None) => panic!("the channel is lost"),
    }
}

/// The channel ends, whatever it still delivers before.
pub async fn expect_end(subscription: &mut Subscription) {
    let drained = timeout(PATIENCE, async { while subscription.deliveries.recv().await.is_some() {} });
    drained.await.expect("the channel should have ended");
}

/// The queue's depth becomes `depth`: brokers count a moment behind.
pub async fn expect_depth(queues: &dyn Consumer, queue: QueueName, depth: u64) {
    let mut seen = None;
    let reached = timeout(PATIENCE, async {
        while seen != Some(depth) {
            sleep(Duration::from_millis(20)).await;
            seen = Some(queues.depth(queue).await.expect("depth"));
        }
    });
    assert!(reached.await.is_ok(), "depth should be {depth}, was {seen:?} at last");
}

/// The tags of deliveries.
pub fn tags(deliveries: &[Delivery]) -> Vec<Tag> {
    deliveries.iter().map(|delivery| delivery.tag).collect()
}

/// Acknowledges deliveries.
pub async fn ack(settle: &dyn Settle, deliveries: &[Delivery]) {
    settle.ack(&tags(deliveries)).await.expect("ack");
}
