//! What a lane publishes at a time: batches of several publishers, their confirms, and who must be told what.

use super::{message, topology::Topology};
use futures_util::future::{Either, join_all, ready};
use lapin::{Channel, Confirmation, options::BasicPublishOptions, types::ShortString};
use shared::ports::queue::{Message, Publish, PublishError, QueueName};
use std::{collections::HashSet, future::poll_fn, ops::Range, task::Poll};
use tokio::sync::{mpsc, oneshot};

/// Messages of a round at most, but for a single larger batch: enough to hide the wait for confirms, few enough for the
/// confirms of a slow queue to come in time.
const ROUND_MESSAGES: usize = 1024;
/// Bytes of a round at most, but for a single larger batch.
const ROUND_BYTES: usize = 8 * 1024 * 1024;

/// How one message fared.
pub(super) type Verdict = Result<(), PublishError>;

/// A batch for one lane.
pub(super) struct Job {
    messages: Vec<Publish>,
    reply: oneshot::Sender<Verdict>,
}

impl Job {
    /// A batch, and where its verdict comes out.
    pub(super) fn new(messages: Vec<Publish>) -> (Self, oneshot::Receiver<Verdict>) {
        let (reply, verdict) = oneshot::channel();
        (Self { messages, reply }, verdict)
    }
}

/// The publishers of a round.
#[derive(Default)]
pub(super) struct Callers(Vec<(Range<usize>, oneshot::Sender<Verdict>)>);

impl Callers {
    /// Tells everybody who has not been told yet that it failed.
    pub(super) fn fail(&mut self, error: &PublishError) {
        for (_, reply) in self.0.drain(..) {
            // A publisher who no longer listens has given up: nobody is left to tell.
            let _ = reply.send(Err(error.clone()));
        }
    }

    /// Tells each publisher how its own messages fared: one failure fails its batch.
    pub(super) fn tell(&mut self, verdicts: &[Verdict]) {
        for (messages, reply) in self.0.drain(..) {
            let failed = verdicts[messages].iter().find(|verdict| verdict.is_err());
            let _ = reply.send(failed.cloned().unwrap_or(Ok(())));
        }
    }
}

/// What is published at a time.
#[derive(Default)]
pub(super) struct Round {
    /// In the order in which they came.
    pub(super) messages: Vec<Publish>,
    /// Whose they are.
    pub(super) callers: Callers,
}

impl Round {
    /// Takes what waits, in order. Leaves out whoever has given up: nothing of theirs is written.
    pub(super) fn gather(first: Job, jobs: &mut mpsc::Receiver<Job>) -> Self {
        let mut round = Self::default();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(job) = next {
            if !job.reply.is_closed() {
                bytes += job.messages.iter().map(|publish| publish.message.body.len()).sum::<usize>();
                let from = round.messages.len();
                round.messages.extend(job.messages);
                round.callers.0.push((from..round.messages.len(), job.reply));
            }
            if round.messages.len() >= ROUND_MESSAGES || bytes >= ROUND_BYTES {
                break;
            }
            next = jobs.try_recv().ok();
        }
        round
    }

    /// The queues it goes to.
    pub(super) fn queues(&self) -> HashSet<QueueName> {
        self.messages.iter().map(|publish| publish.queue).collect()
    }
}

/// Writes all messages, then awaits all confirms; one verdict for each message.
pub(super) async fn publish(channel: &Channel, topology: &Topology, messages: &[Publish]) -> Vec<Verdict> {
    let mut confirming = Vec::with_capacity(messages.len());
    for Publish { queue, message } in messages {
        let mut publishing = Box::pin(publish_one(channel, topology, *queue, message));
        // The first poll hands the frames to the driver: polled here, one after the other, they keep their order.
        confirming.push(match poll_fn(|context| Poll::Ready(publishing.as_mut().poll(context))).await {
            Poll::Ready(outcome) => Either::Left(ready(outcome)),
            Poll::Pending => Either::Right(publishing),
        });
    }
    judge(topology, messages, join_all(confirming).await)
}

/// What came back for one message.
struct Answer {
    verdict: Verdict,
    /// The routing key of a returned message that came with it: not necessarily this one.
    returned: Option<ShortString>,
}

async fn publish_one(channel: &Channel, topology: &Topology, queue: QueueName, message: &Message) -> Answer {
    match confirmation(channel, topology, queue, message).await {
        Err(error) => Answer { verdict: Err(error), returned: None },
        Ok(confirmation) => {
            let verdict = match &confirmation {
                Confirmation::Ack(_) => Ok(()),
                Confirmation::Nack(_) => Err(PublishError::Refused(queue)),
                Confirmation::NotRequested => Err(PublishError::Lost("the channel does not confirm".to_owned())),
            };
            Answer { verdict, returned: confirmation.take_message().map(|back| back.delivery.routing_key) }
        }
    }
}

async fn confirmation(
    channel: &Channel,
    topology: &Topology,
    queue: QueueName,
    message: &Message,
) -> Result<Confirmation, PublishError> {
    let properties = message::properties(message).map_err(|why| {
        tracing::error!(%queue, why, "a message that AMQP can't carry");
        PublishError::Refused(queue)
    })?;
    let lost = |error: lapin::Error| PublishError::Lost(error.to_string());
    // Mandatory: a message without a queue comes back instead of being dropped in silence.
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    channel
        .basic_publish(topology.exchange(), topology.queue(queue), options, &message.body, properties)
        .await
        .map_err(lost)?
        .await
        .map_err(lost)
}

/// Judges a whole round at once, because a returned message may hang on another message's confirm. When one message to a
/// queue came back, none to that queue counts as taken: some may be there all the same, which the port allows.
fn judge(topology: &Topology, messages: &[Publish], answers: Vec<Answer>) -> Vec<Verdict> {
    let returned: HashSet<ShortString> = answers.iter().filter_map(|answer| answer.returned.clone()).collect();
    let mut verdicts: Vec<Verdict> = answers.into_iter().map(|answer| answer.verdict).collect();
    if returned.is_empty() {
        return verdicts;
    }
    let ours: HashSet<ShortString> = messages.iter().map(|publish| topology.queue(publish.queue)).collect();
    let all_ours = returned.iter().all(|key| ours.contains(key));
    for (Publish { queue, .. }, verdict) in messages.iter().zip(&mut verdicts) {
        if returned.contains(&topology.queue(*queue)) {
            *verdict = Err(PublishError::Unroutable(*queue));
        } else if !all_ours && verdict.is_ok() {
            // Can't be, but what came back must have been somebody's: nobody is told that all is well.
            *verdict = Err(PublishError::Lost("a message came back that nobody had sent".to_owned()));
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn publish_to(queue: QueueName) -> Publish {
        let message = Message {
            id: "id".into(),
            kind: "k".into(),
            schema: 1,
            traceparent: None,
            body: Bytes::from_static(b"{}"),
        };
        Publish { queue, message }
    }

    #[test]
    fn a_round_takes_what_waits_and_leaves_out_who_gave_up() {
        let (sender, mut jobs) = mpsc::channel(8);
        let (first, _first) = Job::new(vec![publish_to(QueueName::Statuses)]);
        let (given_up, verdict) = Job::new(vec![publish_to(QueueName::Inbound(1))]);
        drop(verdict);
        let (last, _last) = Job::new(vec![publish_to(QueueName::Inbound(2)), publish_to(QueueName::Inbound(3))]);
        for job in [given_up, last] {
            assert!(sender.try_send(job).is_ok());
        }
        let round = Round::gather(first, &mut jobs);
        let queues: Vec<QueueName> = round.messages.iter().map(|publish| publish.queue).collect();
        assert_eq!(queues, [QueueName::Statuses, QueueName::Inbound(2), QueueName::Inbound(3)]);
    }

    #[test]
    fn each_publisher_hears_of_its_own_messages() {
        let (sender, mut jobs) = mpsc::channel(8);
        let (first, mut good) = Job::new(vec![publish_to(QueueName::Statuses)]);
        let (second, mut bad) = Job::new(vec![publish_to(QueueName::Inbound(1)), publish_to(QueueName::Inbound(2))]);
        assert!(sender.try_send(second).is_ok());
        let mut round = Round::gather(first, &mut jobs);
        round.callers.tell(&[Ok(()), Ok(()), Err(PublishError::Refused(QueueName::Inbound(2)))]);
        assert!(matches!(good.try_recv(), Ok(Ok(()))));
        assert!(matches!(bad.try_recv(), Ok(Err(PublishError::Refused(QueueName::Inbound(2))))));
    }

    fn answer(verdict: Verdict, returned: Option<QueueName>, topology: &Topology) -> Answer {
        Answer { verdict, returned: returned.map(|queue| topology.queue(queue)) }
    }

    #[test]
    fn a_returned_message_fails_its_own_queue_whichever_confirm_brought_it() {
        let topology = Topology::new("p").unwrap();
        let (good, missing) = (QueueName::Inbound(0), QueueName::Inbound(16));
        let messages = [publish_to(good), publish_to(missing), publish_to(good)];
        let answers = vec![
            answer(Ok(()), Some(missing), &topology),
            answer(Ok(()), None, &topology),
            answer(Err(PublishError::Refused(good)), None, &topology),
        ];
        let verdicts = judge(&topology, &messages, answers);
        assert!(verdicts[0].is_ok());
        assert!(matches!(verdicts[1], Err(PublishError::Unroutable(queue)) if queue == missing));
        assert!(matches!(verdicts[2], Err(PublishError::Refused(queue)) if queue == good));
    }

    #[test]
    fn when_a_strange_message_comes_back_nobody_is_told_that_all_is_well() {
        let topology = Topology::new("p").unwrap();
        let messages = [publish_to(QueueName::Statuses)];
        let answers = vec![answer(Ok(()), Some(QueueName::Inbound(0)), &topology)];
        assert!(matches!(judge(&topology, &messages, answers)[..], [Err(PublishError::Lost(_))]));
    }
}
