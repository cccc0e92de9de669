//! The broker under test, and an installation of its own for each test.

use crate::relay::Relay;
use async_trait::async_trait;
use backends::rabbitmq::RabbitMq;
use lapin::{Channel, Connection, ConnectionProperties, uri::AMQPUri};
use std::sync::Arc;
use testkit::conformance::queue::QueueHarness;
use tokio_util::sync::CancellationToken;

/// The broker that `./dev test` started, or the one that was named.
fn url() -> String {
    std::env::var("TEST_AMQP_URL")
        .expect("TEST_AMQP_URL is not set: run `./dev test`, which starts a RabbitMQ of its own")
}

/// A channel past everything that is tested.
pub async fn raw_channel() -> Channel {
    let connection = Connection::connect(&url(), ConnectionProperties::default()).await.unwrap();
    // The channel keeps its connection.
    connection.create_channel().await.unwrap()
}

/// An installation with a prefix of its own.
pub struct Rabbit {
    url: String,
    pub prefix: String,
    pub shutdown: CancellationToken,
}

impl Rabbit {
    pub async fn fresh() -> Self {
        Self { url: url(), prefix: format!("test-{}", shared::ids::fresh()), shutdown: CancellationToken::new() }
    }

    /// One that reaches the broker through a relay.
    pub async fn behind_a_relay() -> (Self, Relay) {
        let mut harness = Self::fresh().await;
        let mut uri: AMQPUri = harness.url.parse().unwrap();
        let relay = Relay::to(format!("{}:{}", uri.authority.host, uri.authority.port)).await;
        uri.authority.host = "127.0.0.1".to_owned();
        uri.authority.port = relay.port;
        harness.url = uri.to_string();
        (harness, relay)
    }

    /// The name of the connection that publishes.
    pub fn publishing_name(&self) -> String {
        format!("{} publish", self.prefix)
    }
}

#[async_trait]
impl QueueHarness for Rabbit {
    type Q = RabbitMq;

    async fn open(&mut self) -> Arc<RabbitMq> {
        let url = self.url.clone().into();
        RabbitMq::connect(&url, &self.prefix, self.shutdown.clone()).await.expect("connect")
    }

    async fn reopen(&mut self, queues: Arc<RabbitMq>) -> Arc<RabbitMq> {
        self.shutdown.cancel();
        queues.ended().await;
        self.shutdown = CancellationToken::new();
        self.open().await
    }
}
