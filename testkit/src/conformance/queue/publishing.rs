//! What publishing promises.

use super::{
    PARTITIONS, PLENTY, QUEUE, QueueHarness, ack, batch, declared, expect, expect_depth, expect_nothing, message, next,
    publish, subscribe,
};
use bytes::Bytes;
use shared::ports::queue::{Consumer, Publish, PublishError, Publisher, QueueName};
use std::collections::HashMap;
use tokio::task::JoinSet;

/// Ids, types, schemas, trace contexts and bodies come out as they went in, in the order of the batch.
pub async fn a_batch_arrives_whole_and_in_order<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    let mut sent = batch(QUEUE, 0..20);
    sent[1].message.schema = u16::MAX;
    sent[2].message.kind = "another.kind".into();
    sent[3].message.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    sent[4].message.body = Bytes::new();
    sent[5].message.body = Bytes::from_static("{\"text\":\"\\u0000 Grüße 👋\"}".as_bytes());
    sent[6].message.body = Bytes::from((0..=255).collect::<Vec<u8>>());
    queues.publish(sent.clone()).await.expect("publish");
    assert!(!queues.is_blocked());

    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let mut last_tag = None;
    for Publish { message, .. } in sent {
        let delivery = next(&mut subscription).await;
        assert_eq!(delivery.message, message);
        assert_eq!(delivery.delivery_count, 0, "it was never delivered before");
        assert!(last_tag < Some(delivery.tag), "tags grow");
        last_tag = Some(delivery.tag);
    }
    expect_nothing(&mut subscription).await;
}

/// A batch of nothing is no error.
pub async fn an_empty_batch_is_published<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    queues.publish(Vec::new()).await.expect("publish");
    expect_depth(&*queues, QUEUE, 0).await;
}

/// One MiB, more than a broker puts into one frame.
pub async fn a_large_body_arrives_whole<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    let mut sent = batch(QUEUE, 0..3);
    sent[1].message.body = (0..1_048_576_u32).map(|byte| (byte % 251) as u8).collect::<Vec<u8>>().into();
    queues.publish(sent.clone()).await.expect("publish");
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    for Publish { message, .. } in sent {
        let delivery = next(&mut subscription).await;
        assert!(delivery.message == message, "{} came out changed", message.id);
    }
}

/// One batch to several queues: each gets its own, in order.
pub async fn two_queues_do_not_mix<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    let places = [QueueName::Inbound(0), QueueName::Inbound(1), QueueName::Outbound(0), QueueName::Statuses];
    let publish_to = |number: usize| Publish { queue: places[number % places.len()], message: message(number) };
    queues.publish((0..40).map(publish_to).collect()).await.expect("publish");
    for (first, queue) in places.into_iter().enumerate() {
        let mut subscription = subscribe(&*queues, queue, PLENTY).await;
        expect(&mut subscription, (first..40).step_by(places.len())).await;
        expect_nothing(&mut subscription).await;
    }
}

/// A message to a queue that isn't there is told to its publisher, also in the middle of good ones; others go on.
pub async fn a_message_without_a_queue_is_unroutable<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    // Of the partitions of another, larger installation; 16 further on, so that it may share a channel with `QUEUE`.
    let missing = QueueName::Inbound(PARTITIONS + 14);
    let refused = queues.publish(batch(missing, [1])).await;
    assert!(matches!(refused, Err(PublishError::Unroutable(queue)) if queue == missing), "{refused:?}");

    let mut mixed = batch(QUEUE, [1, 2, 3]);
    mixed.insert(1, Publish { queue: missing, message: message(9) });
    let refused = queues.publish(mixed).await;
    assert!(matches!(refused, Err(PublishError::Unroutable(queue)) if queue == missing), "{refused:?}");

    // Good and bad publishers at once: the bad ones all hear of it, the good ones don't.
    let mut publishers = JoinSet::new();
    for number in 0..64 {
        let (queues, queue) = (queues.clone(), if number % 2 == 0 { QUEUE } else { missing });
        publishers.spawn(async move { (queue, queues.publish(batch(queue, [number])).await) });
    }
    while let Some(published) = publishers.join_next().await {
        let (queue, published) = published.expect("no panic");
        assert_eq!(published.is_ok(), queue == QUEUE, "{queue}: {published:?}");
    }
}

/// A thousand messages of eight publishers at once, singly and in small batches: each arrives once, and what one
/// publisher sent arrives in its order.
pub async fn many_publishers_lose_nothing_and_keep_their_order<H: QueueHarness>(mut harness: H) {
    const PUBLISHERS: usize = 8;
    const EACH: usize = 125;
    let queues = declared(&mut harness).await;
    let mut subscription = subscribe(&*queues, QUEUE, 100).await;
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let queues = queues.clone();
        publishers.spawn(async move {
            let numbers: Vec<usize> = (0..EACH).map(|number| publisher * EACH + number).collect();
            for some in numbers.chunks(1 + publisher % 4) {
                publish(&*queues, QUEUE, some.iter().copied()).await;
            }
        });
    }
    let mut next_of: HashMap<usize, usize> = HashMap::new();
    for _ in 0..PUBLISHERS * EACH {
        let delivery = next(&mut subscription).await;
        let number: usize = delivery.message.id.trim_start_matches("id-").parse().expect("an id of ours");
        let due = next_of.entry(number / EACH).or_insert(0);
        assert_eq!(number % EACH, *due, "publisher {}", number / EACH);
        *due += 1;
        ack(&*subscription.settle, &[delivery]).await;
    }
    while let Some(publisher) = publishers.join_next().await {
        publisher.expect("no panic");
    }
    expect_nothing(&mut subscription).await;
}

/// Confirmed means: on disk.
pub async fn what_was_confirmed_survives_a_crash<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..50).await;
    let queues = harness.reopen(queues).await;
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    expect(&mut subscription, 0..50).await;
    expect_nothing(&mut subscription).await;
}

/// Every process declares at its start, also while others work.
pub async fn declaring_again_changes_nothing<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..3).await;
    queues.declare(PARTITIONS).await.expect("declare again");
    let mut subscription = subscribe(&*queues, QUEUE, 1).await;
    let first = expect(&mut subscription, [0]).await;
    queues.declare(PARTITIONS).await.expect("declare under a subscriber");
    ack(&*subscription.settle, &first).await;
    expect(&mut subscription, [1]).await;
}

/// What is open counts as waiting until it is settled.
pub async fn depth_counts_what_waits_and_what_is_open<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    expect_depth(&*queues, QUEUE, 0).await;
    publish(&*queues, QUEUE, 0..5).await;
    expect_depth(&*queues, QUEUE, 5).await;
    expect_depth(&*queues, QueueName::Inbound(1), 0).await;
    let mut subscription = subscribe(&*queues, QUEUE, 3).await;
    let open = expect(&mut subscription, 0..3).await;
    expect_depth(&*queues, QUEUE, 5).await;
    ack(&*subscription.settle, &open[..2]).await;
    expect_depth(&*queues, QUEUE, 3).await;
    subscription.settle.close().await;
    expect_depth(&*queues, QUEUE, 3).await;
    assert!(queues.depth(QueueName::Inbound(PARTITIONS)).await.is_err(), "a queue that isn't there has no depth");
}
