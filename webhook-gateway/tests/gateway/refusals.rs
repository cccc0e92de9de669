//! Callbacks that can't be kept now.

use crate::{
    fixtures::{messages, text},
    ports::Broker,
    world::World,
};
use axum::body::Body;
use futures_util::{StreamExt, stream};
use http::Request;
use http::StatusCode;
use shared::ports::queue::{PublishError, QueueName};
use std::{sync::atomic::Ordering, time::Duration};
use webhook_gateway::CALLBACK_PATH;

fn body() -> String {
    messages(&[text("wamid.A", "Hi")]).to_string()
}

async fn refused(world: &World, code: &str) {
    let answer = world.callback(body()).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, code));
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(world.taken().is_empty());
}

#[tokio::test]
async fn every_no_of_the_broker_is_a_503() {
    let world = World::new();
    for (error, code) in [
        (PublishError::Blocked("alarm".into()), "blocked"),
        (PublishError::Unroutable(QueueName::Statuses), "unconfirmed"),
        (PublishError::Refused(QueueName::Statuses), "unconfirmed"),
        (PublishError::Lost("gone".into()), "unconfirmed"),
        (PublishError::TimedOut, "timed_out"),
    ] {
        world.broker(Broker::Fails(error));
        refused(&world, code).await;
    }
}

#[tokio::test]
async fn a_blocked_broker_is_not_even_asked() {
    let world = World::new();
    world.broker(Broker::Blocked);
    let begun = tokio::time::Instant::now();
    refused(&world, "blocked").await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(world.publisher.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_confirm_that_does_not_come_is_waited_for_five_seconds() {
    let world = World::new();
    world.broker(Broker::NeverConfirms);
    let begun = tokio::time::Instant::now();
    refused(&world, "timed_out").await;
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(5) && waited < Duration::from_secs(6), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_noted_once_a_second_and_the_last_one_counts() {
    let world = World::new();
    world.broker(Broker::Blocked);
    for _ in 0..50 {
        refused(&world, "blocked").await;
    }
    world.gateway.finish().await;
    let noted = world.status_clock.refused.lock().unwrap().clone();
    assert!((1..=2).contains(&noted.len()), "{noted:?}");
    assert!(noted.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_note_that_fails_is_repeated_and_delays_nobody() {
    let world = World::new();
    world.broker(Broker::Blocked);
    world.status_clock.failures.store(3, Ordering::SeqCst);
    let begun = tokio::time::Instant::now();
    refused(&world, "blocked").await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    world.status_clock.written.notified().await;
    assert_eq!(world.status_clock.refused.lock().unwrap().len(), 1);
    // Once it is over nothing more is written.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.status_clock.refused.lock().unwrap().len(), 1);
    refused(&world, "blocked").await;
    world.status_clock.written.notified().await;
}

#[tokio::test]
async fn a_forgery_is_noted_nowhere() {
    let world = World::new();
    world.broker(Broker::Blocked);
    assert_eq!(world.post(body(), &[]).await.status, StatusCode::UNAUTHORIZED);
    world.gateway.finish().await;
    assert!(world.status_clock.refused.lock().unwrap().is_empty());
}

#[tokio::test]
async fn when_memory_is_used_up_callbacks_are_refused_until_it_is_free_again() {
    let world = World::new();
    // Beginnings of bodies that never end, each as large as a small body may be.
    let begun = (0..1024).map(|_| {
        let chunk = Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]);
        let body = Body::from_stream(stream::iter([chunk]).chain(stream::pending()));
        Box::pin(world.ask(Request::post(CALLBACK_PATH).body(body).unwrap()))
    });
    let mut begun: Vec<_> = begun.collect();
    for request in &mut begun {
        assert!(futures_util::poll!(request).is_pending());
    }
    refused(&world, "overloaded").await;
    drop(begun);
    assert_eq!(world.callback(body()).await.status, StatusCode::OK);
}
