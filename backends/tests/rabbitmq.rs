//! RabbitMQ: the conformance suite of queues, and what only a broker on the network can do to us.

#[cfg(test)]
#[path = "rabbitmq/broker.rs"]
mod broker;
#[cfg(test)]
#[path = "rabbitmq/relay.rs"]
mod relay;

use broker::{Rabbit, raw_channel};
use lapin::{
    ExchangeKind,
    options::{
        ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use shared::ports::queue::{Consumer, Delivery, PublishError, Publisher, QueueName};
use std::{collections::BTreeSet, time::Duration};
use testkit::conformance::queue::{
    QUEUE, QueueHarness, ack, batch, declared, expect, expect_depth, expect_end, message, next, publish, subscribe,
};
use tokio::time::{Instant, sleep, timeout};

testkit::queue_conformance!(Rabbit::fresh());

/// Publishes until it works, as its callers do.
async fn publish_until_taken(queues: &dyn Publisher, number: usize) {
    let trying = async {
        while queues.publish(batch(QUEUE, [number])).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), trying).await.expect("flowing again within 10 s");
}

#[tokio::test]
async fn a_cut_connection_comes_back_and_what_was_open_comes_again() {
    let (mut harness, relay) = Rabbit::behind_a_relay().await;
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..5).await;
    let mut subscription = subscribe(&*queues, QUEUE, 100).await;
    let open = expect(&mut subscription, 0..5).await;

    relay.cut();
    expect_end(&mut subscription).await;
    assert!(subscription.settle.ack(&[open[0].tag]).await.is_err());
    publish_until_taken(&*queues, 5).await;
    let mut subscription = subscribe(&*queues, QUEUE, 100).await;
    let again = expect(&mut subscription, 0..6).await;
    assert!(again[..5].iter().all(|delivery| delivery.delivery_count == 1), "{again:?}");
    assert!(queues.is_connected());
}

#[tokio::test]
async fn nothing_confirmed_is_lost_while_connections_are_cut() {
    let (mut harness, relay) = Rabbit::behind_a_relay().await;
    let queues = declared(&mut harness).await;
    let cutting = async {
        for _ in 0..8 {
            sleep(Duration::from_millis(150)).await;
            relay.cut();
        }
    };
    let publishing = async {
        let mut confirmed = BTreeSet::new();
        for number in 0..4_000 {
            if queues.publish(batch(QUEUE, [number])).await.is_ok() {
                confirmed.insert(message(number).id);
            }
        }
        confirmed
    };
    let (confirmed, ()) = tokio::join!(publishing, cutting);
    assert!(confirmed.len() > 100, "only {} went through", confirmed.len());

    let mut missing = confirmed;
    let collecting = async {
        while !missing.is_empty() {
            let mut subscription = subscribe(&*queues, QUEUE, 500).await;
            while let Ok(Some(delivery)) = timeout(Duration::from_secs(2), subscription.deliveries.recv()).await {
                missing.remove(&delivery.message.id);
                if subscription.settle.ack(&[delivery.tag]).await.is_err() || missing.is_empty() {
                    break;
                }
            }
        }
    };
    let collected = timeout(Duration::from_secs(30), collecting).await;
    assert!(collected.is_ok(), "{} confirmed messages are missing", missing.len());
}

#[tokio::test]
async fn a_broker_that_is_down_is_told_within_a_second_and_found_again() {
    let (mut harness, relay) = Rabbit::behind_a_relay().await;
    let queues = declared(&mut harness).await;
    relay.down(true);
    sleep(Duration::from_millis(300)).await;
    for _ in 0..3 {
        let began = Instant::now();
        let refused = queues.publish(batch(QUEUE, [1])).await;
        assert!(matches!(refused, Err(PublishError::Lost(_))), "{refused:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    assert!(!queues.is_connected());
    relay.down(false);
    publish_until_taken(&*queues, 1).await;
}

#[tokio::test]
async fn a_broker_that_is_down_at_the_start_is_waited_for() {
    let (mut harness, relay) = Rabbit::behind_a_relay().await;
    relay.down(true);
    let queues = harness.open().await;
    assert!(queues.declare(1).await.is_err());
    relay.down(false);
    let declaring = async { while queues.declare(1).await.is_err() {} };
    timeout(Duration::from_secs(10), declaring).await.expect("declared within 10 s");
}

#[tokio::test]
async fn a_confirm_that_does_not_come_times_out_and_the_next_publish_is_not_confused_by_it() {
    let (mut harness, relay) = Rabbit::behind_a_relay().await;
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, [0]).await;
    relay.stall(true);
    let began = Instant::now();
    let refused = queues.publish(batch(QueueName::Inbound(7), [1])).await;
    assert!(matches!(refused, Err(PublishError::TimedOut)), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    // The return and the confirm of that message come in now.
    relay.stall(false);
    publish_until_taken(&*queues, 2).await;
    expect_depth(&*queues, QUEUE, 2).await;
}

#[tokio::test]
async fn a_blocked_broker_is_told_at_once_and_acknowledging_goes_on() {
    let (mut harness, relay) = Rabbit::behind_a_relay().await;
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..5).await;
    let mut subscription = subscribe(&*queues, QUEUE, 3).await;
    let mut open = expect(&mut subscription, 0..3).await;

    relay.block(Some(&harness.publishing_name()));
    let blocked = async {
        while !queues.is_blocked() {
            sleep(Duration::from_millis(5)).await
        }
    };
    timeout(Duration::from_secs(5), blocked).await.expect("blocked");
    for _ in 0..3 {
        let began = Instant::now();
        let refused = queues.publish(batch(QUEUE, [9])).await;
        assert!(matches!(&refused, Err(PublishError::Blocked(_))), "{refused:?}");
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    }
    // The backlog drains while the alarm lasts.
    for number in 3..5 {
        ack(&*subscription.settle, &[open.remove(0)]).await;
        open.extend(expect(&mut subscription, [number]).await);
    }
    relay.block(None);
    publish_until_taken(&*queues, 6).await;
    assert!(!queues.is_blocked());
}

/// Waits, past the relay, until the queue has as many messages.
async fn expect_depth_behind(harness: &Rabbit, depth: u32) {
    let raw = raw_channel().await;
    let name = format!("{}.{QUEUE}", harness.prefix);
    let counting = async {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        while raw
            .queue_declare(name.as_str().into(), passive, FieldTable::default())
            .await
            .expect("declared")
            .message_count()
            != depth
        {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), counting).await.expect("the depth at the broker");
}

#[tokio::test]
async fn who_is_publishing_when_the_broker_blocks_is_told_at_once() {
    let (mut harness, relay) = Rabbit::behind_a_relay().await;
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, [0]).await;
    // Nothing of what the broker says arrives but that it is blocked: the confirm is held back.
    relay.stall(true);
    let publishing = tokio::spawn({
        let queues = queues.clone();
        async move { queues.publish(batch(QUEUE, [1])).await }
    });
    expect_depth_behind(&harness, 2).await;
    relay.block(Some(&harness.publishing_name()));
    let told = timeout(Duration::from_secs(1), publishing).await.expect("told at once").unwrap();
    assert!(matches!(told, Err(PublishError::Blocked(_))), "{told:?}");
    relay.stall(false);
    relay.block(None);
    publish_until_taken(&*queues, 2).await;
}

#[tokio::test]
async fn what_came_back_too_often_is_dead_and_says_so() {
    let mut harness = Rabbit::fresh().await;
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, [0]).await;
    let mut subscription = subscribe(&*queues, QUEUE, 1).await;
    let mut letters = subscribe(&*queues, QueueName::DeadLetters, 1).await;
    let back_and_forth = async {
        while let Some(delivery) = subscription.deliveries.recv().await {
            subscription.settle.give_back(&[delivery.tag]).await.expect("given back");
        }
    };
    let letter = tokio::select! {
        letter = next(&mut letters) => letter,
        () = back_and_forth => panic!("the channel is lost"),
    };
    assert_eq!(letter.message, message(0));
    let death = letter.death.expect("how it came there");
    assert_eq!(death.reason, "delivery_limit");
    assert!(death.queue.ends_with(&QUEUE.to_string()), "{death:?}");
}

#[tokio::test]
async fn what_somebody_deleted_is_made_again() {
    let mut harness = Rabbit::fresh().await;
    let queues = declared(&mut harness).await;
    let mut subscription = subscribe(&*queues, QUEUE, 10).await;
    let raw = raw_channel().await;
    let name = format!("{}.{QUEUE}", harness.prefix);
    raw.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
    expect_end(&mut subscription).await;
    let refused = queues.publish(batch(QUEUE, [1])).await;
    assert!(matches!(refused, Err(PublishError::Unroutable(QUEUE))), "{refused:?}");
    publish_until_taken(&*queues, 2).await;
    let mut subscription = subscribe(&*queues, QUEUE, 10).await;
    expect(&mut subscription, [2]).await;

    raw.exchange_delete(harness.prefix.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    let refused = queues.publish(batch(QUEUE, [3])).await;
    assert!(matches!(&refused, Err(PublishError::Lost(why)) if why.contains("exchange")), "{refused:?}");
    publish_until_taken(&*queues, 4).await;
    expect(&mut subscription, [4]).await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_one_with_other_arguments_is_explained() {
    let mut harness = Rabbit::fresh().await;
    let queues = harness.open().await;
    let raw = raw_channel().await;
    let (exchange, name) = (harness.prefix.as_str(), format!("{}.{QUEUE}", harness.prefix));
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(3));
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    raw.exchange_declare(exchange.into(), ExchangeKind::Direct, durable, FieldTable::default()).await.unwrap();
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    raw.queue_declare(name.as_str().into(), durable, arguments).await.unwrap();
    let options = QueueBindOptions::default();
    raw.queue_bind(name.as_str().into(), exchange.into(), name.as_str().into(), options, FieldTable::default())
        .await
        .unwrap();

    let filling = async {
        for number in 0.. {
            if let Err(error) = queues.publish(batch(QUEUE, [number])).await {
                return error;
            }
        }
        unreachable!()
    };
    let refused = timeout(Duration::from_secs(10), filling).await.expect("full soon");
    assert!(matches!(refused, PublishError::Refused(QUEUE)), "{refused:?}");

    let error = queues.declare(1).await.unwrap_err().to_string();
    assert!(error.contains(&name) && error.contains("FLOW_RUNNER_QUEUE_PREFIX"), "{error}");
}

#[tokio::test]
async fn who_drops_the_deliveries_lets_the_queue_go() {
    let mut harness = Rabbit::fresh().await;
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..3).await;
    let mut first = subscribe(&*queues, QUEUE, 10).await;
    let open: Vec<Delivery> = expect(&mut first, 0..3).await;
    let mut second = subscribe(&*queues, QUEUE, 10).await;
    drop(first.deliveries);
    expect(&mut second, 0..3).await;
    assert!(first.settle.ack(&[open[0].tag]).await.is_err());
}

#[tokio::test]
async fn what_is_settled_twice_is_refused_here_and_the_channel_stands() {
    let mut harness = Rabbit::fresh().await;
    let queues = declared(&mut harness).await;
    publish(&*queues, QUEUE, 0..2).await;
    let mut subscription = subscribe(&*queues, QUEUE, 1).await;
    let first = expect(&mut subscription, [0]).await;
    ack(&*subscription.settle, &first).await;
    let twice = subscription.settle.ack(&[first[0].tag]).await.unwrap_err();
    assert!(twice.to_string().contains("not open"), "{twice}");
    let second = next(&mut subscription).await;
    ack(&*subscription.settle, &[second]).await;
}

#[tokio::test]
async fn the_end_closes_everything() {
    let mut harness = Rabbit::fresh().await;
    let queues = declared(&mut harness).await;
    let mut subscription = subscribe(&*queues, QUEUE, 1).await;
    harness.shutdown.cancel();
    timeout(Duration::from_secs(5), queues.ended()).await.expect("ended in time");
    expect_end(&mut subscription).await;
    let refused = queues.publish(batch(QUEUE, [1])).await;
    assert!(matches!(refused, Err(PublishError::Lost(_))), "{refused:?}");
}
