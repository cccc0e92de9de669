//! The queue `dead-letters`: what the broker gave up on, and what nobody could decode, becomes a row that operators see.

use async_trait::async_trait;
use shared::{
    Clock, Timestamp,
    event::{self, Event, Tick},
    group_commit::Committer,
    ids::DeadLetterId,
    job::{self, JobRef},
    ports::{
        StoreError,
        dead_letters::{Burial, Buried},
        queue::{Death, Delivery, Message},
    },
    runner::{Handler, Unreadable, Verdict},
};
use std::sync::Arc;
use uuid::Uuid;

/// The word of RabbitMQ for a message that came back too often.
const DELIVERY_LIMIT: &str = "delivery_limit";

/// Handles the queue `dead-letters`.
pub(crate) struct Sink {
    pub committer: Committer<Buried, bool>,
    /// What the database refuses of a batch is written alone, so that it holds up no other.
    pub burial: Arc<dyn Burial>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for Sink {
    /// `None`: nothing is lost with it.
    type Item = Option<Buried>;

    /// Everything can be read here: at worst as bytes.
    fn decode(&self, delivery: &Delivery) -> Result<(String, Option<Buried>), Unreadable> {
        let buried = bury(&delivery.message, delivery.death.as_ref());
        let lane = buried.as_ref().map_or_else(String::new, |buried| buried.letter.to_string());
        Ok((lane, buried))
    }

    async fn handle(&self, item: &Option<Buried>) -> Verdict {
        let Some(buried) = item else { return Verdict::Done };
        let written = match self.committer.commit(buried.clone()).await {
            Err(StoreError::Refused { .. }) => {
                let alone = self.burial.bury(std::slice::from_ref(buried), self.clock.now()).await;
                alone.map(|written| written.contains(&true))
            }
            written => written,
        };
        match written {
            Ok(false) => Verdict::Done,
            Ok(true) => {
                tracing::error!(
                    queue = buried.queue, message.id = %buried.message.id, reason = buried.reason, error = buried.error,
                    "a queue gave a message up: it is a dead letter"
                );
                Verdict::Done
            }
            Err(error) => {
                tracing::warn!(%error, message.id = %buried.message.id, "a dead letter could not be written; holding it");
                Verdict::Hold
            }
        }
    }
}

/// What there is to be written of a message. Nothing of a job's bell, since the ledger has the job, and nothing of a tick.
fn bury(message: &Message, death: Option<&Death>) -> Option<Buried> {
    let (event, trouble) = match (message.kind.as_ref(), &message.body) {
        (job::JOB, body) if serde_json::from_slice::<JobRef>(body).is_ok() => return None,
        (event::TICK, body) if serde_json::from_slice::<Tick>(body).is_ok() => return None,
        (kind, body) => match Event::read(kind, body) {
            Ok(event) => (Some(event), None),
            Err(trouble) => (None, Some(trouble)),
        },
    };
    let unknown = Death { queue: String::new(), reason: String::new(), at: Timestamp(0) };
    let death = death.unwrap_or(&unknown);
    let (reason, error) = match trouble {
        _ if death.reason == DELIVERY_LIMIT => {
            (DELIVERY_LIMIT, "the broker gave it up: it came back too often".to_owned())
        }
        Some(trouble) => ("undecodable", trouble),
        // A program before this one could not read it, or had no use for it.
        None => ("undecodable", "whoever consumed its queue rejected it".to_owned()),
    };
    Some(Buried {
        letter: letter_id(message, death),
        reason,
        error,
        queue: death.queue.clone(),
        died_at: death.at,
        message: message.clone(),
        event,
    })
}

/// The same for each delivery of one death, whoever takes it.
fn letter_id(message: &Message, death: &Death) -> DeadLetterId {
    let mut name = format!("{}\0{}\0{}\0", death.queue, death.at.0, message.id).into_bytes();
    name.extend_from_slice(&message.body);
    Arc::<str>::from(Uuid::new_v5(&Uuid::NAMESPACE_OID, &name).to_string()).into()
}
