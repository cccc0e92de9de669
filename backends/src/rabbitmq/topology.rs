//! The exchange and the queues of an installation: names, arguments, declaration.
//!
//! Everything here works on RabbitMQ 3.10 and on 4.x without plugins: no per-message expiry, no priorities.

use super::error::{Failure, within};
use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use shared::ports::queue::{QueueError, QueueName};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// Deliveries after which the broker itself dead-letters. It counts prefetched neighbours of a crash too, hence far more
/// than the worker's own three tries; 4.0 would default to 20. Without any limit a requeue goes to the queue's back.
const DELIVERY_LIMIT: i32 = 100;
/// Making a quorum queue elects a leader: slower than other replies, above all on a cluster that has just started.
const DECLARE_TIMEOUT: Duration = Duration::from_secs(10);
/// No installation has been declared yet.
const UNDECLARED: u32 = u32::MAX;
/// AMQP's names have 255 bytes; the longest of ours takes 20 of them.
const PREFIX_BYTES: usize = 200;

/// Names and declares what an installation has at the broker.
#[derive(Debug)]
pub(super) struct Topology {
    prefix: String,
    partitions: AtomicU32,
}

impl Topology {
    pub(super) fn new(prefix: &str) -> Result<Self, Failure> {
        if prefix.is_empty() || prefix.len() > PREFIX_BYTES || prefix.starts_with("amq.") {
            let limits =
                format!("1 to {PREFIX_BYTES} bytes are needed, and not `amq.` at the front: that is the broker's own");
            return Err(Failure::Said(format!("the prefix {prefix:?} can't name an exchange: {limits}")));
        }
        Ok(Self { prefix: prefix.to_owned(), partitions: AtomicU32::new(UNDECLARED) })
    }

    /// The one exchange. Routing keys are the full names of queues.
    pub(super) fn exchange(&self) -> ShortString {
        self.prefix.as_str().into()
    }

    /// A queue's full name.
    pub(super) fn queue(&self, queue: QueueName) -> ShortString {
        format!("{}.{queue}", self.prefix).into()
    }

    /// Whether the queue belongs to the installation that was declared: only such a queue is made again when it is gone.
    pub(super) fn has(&self, queue: QueueName) -> bool {
        let partitions = self.partitions.load(Ordering::Acquire);
        partitions != UNDECLARED
            && match queue {
                QueueName::Inbound(partition) | QueueName::Outbound(partition) => u32::from(partition) < partitions,
                QueueName::Statuses | QueueName::DeadLetters => true,
            }
    }

    /// Declares the whole installation and remembers it. Says nothing new to a broker that has it already.
    pub(super) async fn declare(&self, channel: &Channel, partitions: u16) -> Result<(), QueueError> {
        self.declare_exchange(channel).await?;
        // Dead letters first: a queue whose dead-letter target is missing would hold on to what it gives up.
        self.declare_queue(channel, QueueName::DeadLetters).await?;
        for queue in QueueName::all(partitions).filter(|queue| *queue != QueueName::DeadLetters) {
            self.declare_queue(channel, queue).await?;
        }
        self.partitions.store(partitions.into(), Ordering::Release);
        Ok(())
    }

    /// Makes one queue, and what it leans on, again after somebody deleted it or the broker lost everything.
    pub(super) async fn restore(&self, channel: &Channel, queue: QueueName) -> Result<(), QueueError> {
        self.declare_exchange(channel).await?;
        self.declare_queue(channel, QueueName::DeadLetters).await?;
        self.declare_queue(channel, queue).await
    }

    async fn declare_exchange(&self, channel: &Channel) -> Result<(), QueueError> {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let asking = channel.exchange_declare(self.exchange(), ExchangeKind::Direct, options, FieldTable::default());
        within(DECLARE_TIMEOUT, asking)
            .await
            .map_err(|failure| explained(failure).of(&self.prefix, "declaring the exchange"))
    }

    async fn declare_queue(&self, channel: &Channel, queue: QueueName) -> Result<(), QueueError> {
        let name = self.queue(queue);
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        let asking = channel.queue_declare(name.clone(), options, self.arguments(queue));
        within(DECLARE_TIMEOUT, asking).await.map_err(|failure| explained(failure).of(&name, "declaring"))?;
        let asking = channel.queue_bind(
            name.clone(),
            self.exchange(),
            name.clone(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        within(DECLARE_TIMEOUT, asking).await.map_err(|failure| failure.of(&name, "binding"))
    }

    fn arguments(&self, queue: QueueName) -> FieldTable {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let mut arguments = FieldTable::default();
        // Replicated, and on disk before it is confirmed.
        arguments.insert("x-queue-type".into(), text("quorum"));
        // A full queue refuses the newcomer instead of dropping the oldest; at-least-once dead-lettering needs it too.
        arguments.insert("x-overflow".into(), text("reject-publish"));
        if queue == QueueName::DeadLetters {
            // The end of the line: no dead letters of dead letters.
            return arguments;
        }
        // One consumer at a time keeps a conversation in order even while two processes disagree on who serves it.
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        arguments.insert("x-dead-letter-exchange".into(), text(&self.prefix));
        arguments.insert("x-dead-letter-routing-key".into(), text(self.queue(QueueName::DeadLetters).as_str()));
        // A dead letter leaves its queue only when the other one has confirmed it.
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments
    }
}

/// Says what to do about the one refusal an operator can mend.
fn explained(failure: Failure) -> Failure {
    match failure {
        Failure::Said(what) if what.contains("PRECONDITION") || what.contains("inequivalent") => {
            Failure::Said(format!(
                "{what}; it is there with other arguments: drain and delete it, or choose another FLOW_RUNNER_QUEUE_PREFIX"
            ))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_prefix_and_the_queue() {
        let topology = Topology::new("whatsapp").unwrap();
        assert_eq!(topology.exchange().as_str(), "whatsapp");
        assert_eq!(topology.queue(QueueName::Inbound(3)).as_str(), "whatsapp.inbound.03");
        assert_eq!(topology.queue(QueueName::DeadLetters).as_str(), "whatsapp.dead-letters");
    }

    #[test]
    fn a_prefix_the_broker_would_refuse_is_refused_before() {
        for prefix in ["", "amq.mine", &"x".repeat(PREFIX_BYTES + 1)] {
            assert!(Topology::new(prefix).is_err(), "{prefix}");
        }
    }

    #[test]
    fn nothing_belongs_to_an_installation_before_it_is_declared() {
        let topology = Topology::new("whatsapp").unwrap();
        assert!(!topology.has(QueueName::Statuses));
        topology.partitions.store(2, Ordering::Release);
        assert!(topology.has(QueueName::Statuses) && topology.has(QueueName::Outbound(1)));
        assert!(!topology.has(QueueName::Outbound(2)));
    }

    #[test]
    fn only_the_dead_letters_have_no_dead_letters() {
        let topology = Topology::new("whatsapp").unwrap();
        let of = |queue| topology.arguments(queue);
        assert!(of(QueueName::Statuses).contains_key("x-dead-letter-exchange"));
        assert!(of(QueueName::Statuses).contains_key("x-single-active-consumer"));
        assert!(!of(QueueName::DeadLetters).contains_key("x-dead-letter-exchange"));
        assert!(!of(QueueName::DeadLetters).contains_key("x-single-active-consumer"));
        assert!(of(QueueName::DeadLetters).contains_key("x-overflow"));
    }
}
