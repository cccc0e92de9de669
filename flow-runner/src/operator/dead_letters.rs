//! Dead letters.

use super::queues;
use crate::document::iso;
use anyhow::{Context, bail};
use backends::Backends;
use flow_engine::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::{
    event::Event,
    ids::DeadLetterId,
    job::JobRef,
    ports::{
        dead_letters::{Allowed, DeadLetter, LetterFilter, Prospect, Replay},
        listing::Page,
    },
};
use std::collections::BTreeMap;

/// One batch of a replay, so that long ones show how far they are.
#[derive(Debug, Serialize, Deserialize)]
pub struct Batch {
    /// Which letters.
    pub chosen: Chosen,
    /// What may be done with them.
    pub allowed: Allowed,
    /// Whether only to say what would be.
    pub dry_run: bool,
}

/// The letters of a batch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// By name.
    Ids(Vec<DeadLetterId>),
    /// A page of those that there are.
    Page(LetterFilter, Page),
}

pub async fn list(backends: &Backends, filter: &LetterFilter, page: &Page) -> anyhow::Result<Value> {
    let listed = backends.dead_letters.list(filter, page).await?;
    Ok(json!({ "items": listed.items.into_iter().map(shown).collect::<Vec<_>>(), "nextCursor": listed.next }))
}

pub async fn show(backends: &Backends, id: &DeadLetterId) -> anyhow::Result<Value> {
    Ok(shown(letter(backends, id).await?))
}

/// Replays a batch; how many letters had which prospect (`would_send` were replayed, unless only asked), and where the
/// next batch goes on.
pub async fn replay(backends: &Backends, batch: Batch) -> anyhow::Result<Value> {
    let (ids, next) = match batch.chosen {
        Chosen::Ids(ids) => {
            for id in &ids {
                letter(backends, id).await?;
            }
            (ids, None)
        }
        Chosen::Page(filter, page) => {
            let listed = backends.dead_letters.list(&filter, &page).await?;
            (listed.items.into_iter().map(|letter| letter.id).collect(), listed.next)
        }
    };
    let now = backends.clock.now();
    let prospects: Vec<Prospect> = if batch.dry_run {
        let prospects = backends.dead_letters.prospects(&ids, batch.allowed, now).await?;
        prospects.into_iter().map(|(_, prospect)| prospect).collect()
    } else {
        let replays = backends.dead_letters.replay(&ids, batch.allowed, now).await?;
        hand_over(backends, replays, now).await?
    };
    let mut outcomes: BTreeMap<&str, u64> = Prospect::ALL.iter().map(|prospect| (prospect.as_str(), 0)).collect();
    for prospect in prospects {
        *outcomes.entry(prospect.as_str()).or_default() += 1;
    }
    Ok(json!({ "outcomes": outcomes, "nextCursor": next }))
}

/// Publishes events and closes their letters; rings for jobs.
async fn hand_over(
    backends: &Backends,
    replays: Vec<(DeadLetterId, Replay)>,
    now: Timestamp,
) -> anyhow::Result<Vec<Prospect>> {
    let (mut letters, mut events, mut jobs, mut prospects) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, replay) in replays {
        prospects.push(match replay {
            Replay::Left(prospect) => prospect,
            Replay::Job(job) => {
                jobs.push(job);
                Prospect::WouldSend
            }
            Replay::Event(event) => {
                letters.push(id);
                events.push(Event::Message(event));
                Prospect::WouldSend
            }
        });
    }
    if !events.is_empty() {
        publish(backends, events).await.context(
            "events could not be published; nothing is lost, their letters are still open: run the command again",
        )?;
        backends.dead_letters.published(&letters, now).await?;
    }
    if !jobs.is_empty()
        && let Err(error) = ring(backends, &jobs).await
    {
        // The rows are the hand-over: their number's owner reads them by itself.
        tracing::debug!(%error, jobs = jobs.len(), "replayed jobs were not rung for");
    }
    Ok(prospects)
}

async fn publish(backends: &Backends, events: Vec<Event>) -> anyhow::Result<()> {
    let partitions = queues(backends).await?;
    let batch: Result<Vec<_>, _> = events.into_iter().map(|event| event.into_publish(partitions)).collect();
    Ok(backends.publisher.publish(batch?).await?)
}

async fn ring(backends: &Backends, jobs: &[JobRef]) -> anyhow::Result<()> {
    let partitions = queues(backends).await?;
    let batch: Result<Vec<_>, _> = jobs.iter().map(|job| job.to_publish(partitions)).collect();
    Ok(backends.publisher.publish(batch?).await?)
}

async fn letter(backends: &Backends, id: &DeadLetterId) -> anyhow::Result<DeadLetter> {
    match backends.dead_letters.get(id).await? {
        Some(letter) => Ok(letter),
        None => {
            bail!("there is no dead letter {id}; `flow-runner dead-letters list --state all` shows those there are")
        }
    }
}

/// A letter as the contract has it: what is marked there with `?` may be missing.
fn shown(letter: DeadLetter) -> Value {
    let mut shown = Map::new();
    let mut always = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
    always("id", json!(letter.id));
    always("kind", json!(letter.kind));
    always("state", json!(letter.state));
    always("reason", json!(letter.reason));
    always("accountId", json!(letter.account_id));
    always("phoneNumberId", json!(letter.phone_number_id));
    always("recipientId", json!(letter.recipient_id));
    always("recipient", json!(letter.recipient));
    always("attempts", dated(letter.attempts));
    always("body", letter.body);
    always("traceId", json!(letter.trace_id));
    always("createdAt", json!(iso(letter.created_at)));
    let known = [
        ("code", json!(letter.code)),
        ("flowId", json!(letter.flow_id)),
        ("stepId", json!(letter.step_id)),
        ("jobId", json!(letter.job_id)),
        ("eventId", json!(letter.event_id)),
    ];
    shown.extend(known.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)));
    Value::Object(shown)
}

/// Attempts with their times for people.
fn dated(mut attempts: Value) -> Value {
    for attempt in attempts.as_array_mut().into_iter().flatten() {
        if let Some(at) = attempt.get("at").and_then(Value::as_i64) {
            attempt["at"] = json!(iso(Timestamp(at)));
        }
    }
    attempts
}
