//! What one subscription promises.

use super::{
    PATIENCE, PLENTY, QUEUE, QueueHarness, ack, batch, declared, expect, expect_end, expect_nothing, message, next,
    publish, subscribe, tags,
};
use shared::{
    Clock as _, SystemClock,
    ports::queue::{Publisher, QueueName},
};

/// No more than `prefetch` deliveries are open; each one settled makes room for one.
pub async fn prefetch_bounds_what_is_open<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..10).await;
    let mut subscription = subscribe(&*queues, QUEUE, 3).await;
    let open = expect(&mut subscription, 0..3).await;
    expect_nothing(&mut subscription).await;
    ack(&*subscription.settle, &open[1..2]).await;
    expect(&mut subscription, [3]).await;
    expect_nothing(&mut subscription).await;
    subscription.settle.reject(&tags(&open[..1])).await.expect("reject");
    ack(&*subscription.settle, &open[2..]).await;
    expect(&mut subscription, [4, 5]).await;
    expect_nothing(&mut subscription).await;
}

/// Closing gives back what is open, in its order; how often that happened is counted.
pub async fn what_is_open_at_closing_comes_again_in_order_and_is_counted<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..10).await;
    for round in 0..3 {
        let mut subscription = subscribe(&*queues, QUEUE, 6).await;
        let open = expect(&mut subscription, 0..6).await;
        let counts: Vec<u32> = open.iter().map(|delivery| delivery.delivery_count).collect();
        assert_eq!(counts, [round; 6]);
        subscription.settle.close().await;
        expect_end(&mut subscription).await;
    }
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let open = expect(&mut subscription, 0..10).await;
    assert_eq!(open[6].delivery_count, 0, "it was never delivered before");
}

/// Neither on the next channel nor after a crash.
pub async fn what_was_acknowledged_never_comes_again<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..10).await;
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let open = expect(&mut subscription, 0..10).await;
    ack(&*subscription.settle, &open[..4]).await;
    subscription.settle.close().await;

    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let open = expect(&mut subscription, 4..10).await;
    ack(&*subscription.settle, &open[..2]).await;
    subscription.settle.close().await;
    drop(subscription);

    let queues = harness.reopen(queues).await;
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let open = expect(&mut subscription, 6..10).await;
    ack(&*subscription.settle, &open).await;
    expect_nothing(&mut subscription).await;
}

/// Lanes finish in any order: each acknowledgement stands for its own delivery only.
pub async fn acknowledging_out_of_order_leaves_the_rest<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..12).await;
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let open = expect(&mut subscription, 0..12).await;
    let tag = |number: usize| open[number].tag;
    subscription.settle.ack(&[tag(7), tag(1), tag(0)]).await.expect("ack");
    subscription.settle.ack(&[tag(11), tag(5)]).await.expect("ack");
    subscription.settle.ack(&[]).await.expect("ack of nothing");
    subscription.settle.ack(&[tag(2)]).await.expect("ack");
    subscription.settle.close().await;

    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let open = expect(&mut subscription, [3, 4, 6, 8, 9, 10]).await;
    ack(&*subscription.settle, &open).await;
    expect_nothing(&mut subscription).await;
}

/// Given back, a message stands at the queue's front again.
pub async fn what_is_given_back_comes_first_and_is_counted<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..10).await;
    let mut subscription = subscribe(&*queues, QUEUE, 3).await;
    let open = expect(&mut subscription, 0..3).await;
    subscription.settle.give_back(&[open[1].tag, open[0].tag]).await.expect("give back");
    let again = expect(&mut subscription, [0, 1]).await;
    assert!(again.iter().all(|delivery| delivery.delivery_count == 1), "{again:?}");
    ack(&*subscription.settle, &again).await;
    ack(&*subscription.settle, &open[2..]).await;
    let rest = expect(&mut subscription, [3, 4, 5]).await;
    assert!(rest.iter().all(|delivery| delivery.delivery_count == 0), "{rest:?}");
}

/// A dead letter is the message as it was published, and knows where it died.
pub async fn what_is_rejected_goes_to_the_dead_letters<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    let mut sent = batch(QUEUE, 0..3);
    sent[1].message.kind = "undecodable".into();
    sent[1].message.schema = 7;
    sent[1].message.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    sent[1].message.body = vec![0, 159, 146, 150].into();
    queues.publish(sent.clone()).await.expect("publish");
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(next(&mut subscription).await);
    }
    subscription.settle.reject(&[open[1].tag]).await.expect("reject");

    let mut letters = subscribe(&*queues, QueueName::DeadLetters, PLENTY).await;
    let letter = next(&mut letters).await;
    assert_eq!(letter.message, sent[1].message);
    let death = letter.death.clone().expect("how it came there");
    assert!(death.queue.ends_with(&QUEUE.to_string()), "{death:?}");
    assert_eq!(death.reason, "rejected");
    let age = SystemClock::default().now().since(death.at);
    assert!(age < PATIENCE, "{death:?}");
    ack(&*letters.settle, &[letter]).await;
    expect_nothing(&mut letters).await;

    subscription.settle.close().await;
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    expect(&mut subscription, [0, 2]).await;
    expect_nothing(&mut subscription).await;
}

/// However many deliveries were on their way: the next channel has them all, in order.
pub async fn closing_with_deliveries_on_their_way_loses_none<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..200).await;
    for _ in 0..5 {
        let mut subscription = subscribe(&*queues, QUEUE, 150).await;
        assert_eq!(next(&mut subscription).await.message, message(0));
        subscription.settle.close().await;
        expect_end(&mut subscription).await;
    }
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    expect(&mut subscription, 0..200).await;
    expect_nothing(&mut subscription).await;
}

/// Who settles on a channel that is gone hears of it, and nothing happens.
pub async fn a_closed_subscription_settles_nothing<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..3).await;
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let open = tags(&expect(&mut subscription, 0..3).await);
    subscription.settle.close().await;
    subscription.settle.close().await;
    assert!(subscription.settle.ack(&open).await.is_err());
    assert!(subscription.settle.give_back(&open).await.is_err());
    assert!(subscription.settle.reject(&open).await.is_err());
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    expect(&mut subscription, 0..3).await;
}
