//! What several subscriptions to one queue promise.

use super::{PLENTY, QUEUE, QueueHarness, ack, declared, expect, expect_nothing, publish, subscribe};

/// The second subscriber gets nothing until the first is gone, then what that one left open, then the rest.
pub async fn one_subscriber_is_served_and_the_next_takes_over<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    let mut first = subscribe(&*queues, QUEUE, 5).await;
    let mut second = subscribe(&*queues, QUEUE, PLENTY).await;
    let mut third = subscribe(&*queues, QUEUE, PLENTY).await;
    publish(&*queues, QUEUE, 0..20).await;
    let open = expect(&mut first, 0..5).await;
    expect_nothing(&mut second).await;
    expect_nothing(&mut third).await;
    ack(&*first.settle, &[open[0].clone(), open[3].clone()]).await;
    expect(&mut first, [5, 6]).await;

    first.settle.close().await;
    let taken_over = expect(&mut second, [1, 2].into_iter().chain(4..20)).await;
    assert!(taken_over[..5].iter().all(|delivery| delivery.delivery_count > 0), "{taken_over:?}");
    assert_eq!(taken_over[5].delivery_count, 0, "the first never had it");
    expect_nothing(&mut third).await;
    ack(&*second.settle, &taken_over).await;
    second.settle.close().await;

    publish(&*queues, QUEUE, 20..25).await;
    expect(&mut third, 20..25).await;
}

/// Who only stood by changes nothing by leaving.
pub async fn a_subscriber_that_stands_by_may_leave<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..4).await;
    let mut first = subscribe(&*queues, QUEUE, 2).await;
    let open = expect(&mut first, 0..2).await;
    let second = subscribe(&*queues, QUEUE, 2).await;
    second.settle.close().await;
    drop(second);
    expect_nothing(&mut first).await;
    ack(&*first.settle, &open).await;
    let open = expect(&mut first, 2..4).await;
    assert!(open.iter().all(|delivery| delivery.delivery_count == 0), "{open:?}");
}

/// A task that panics or is cancelled drops its subscription without closing it.
pub async fn a_dropped_subscription_lets_the_next_be_served<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..10).await;
    let mut first = subscribe(&*queues, QUEUE, 5).await;
    expect(&mut first, 0..5).await;
    let mut second = subscribe(&*queues, QUEUE, PLENTY).await;
    drop(first);
    expect(&mut second, 0..10).await;
}

/// A restart hands out again what was not acknowledged, in order, before the rest.
pub async fn what_is_open_in_a_crash_comes_again_in_order<H: QueueHarness>(mut harness: H) {
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..10).await;
    let mut subscription = subscribe(&*queues, QUEUE, 5).await;
    let open = expect(&mut subscription, 0..5).await;
    // Closed in order for what is acknowledged to be certain: brokers don't confirm acknowledgements.
    ack(&*subscription.settle, &open[1..2]).await;
    subscription.settle.close().await;
    let mut subscription = subscribe(&*queues, QUEUE, 5).await;
    expect(&mut subscription, [0, 2, 3, 4, 5]).await;
    drop(subscription);
    let queues = harness.reopen(queues).await;
    let mut subscription = subscribe(&*queues, QUEUE, PLENTY).await;
    let again = expect(&mut subscription, [0].into_iter().chain(2..10)).await;
    // What killed its consumer must be told by its count; what merely lay beside it may be counted with it.
    assert!(again[..5].iter().all(|delivery| delivery.delivery_count >= 1), "not counted: {:?}", &again[..5]);
    expect_nothing(&mut subscription).await;
}
