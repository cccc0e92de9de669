//! Replays and discards of many letters: begun here, and gone on with by whoever is up.

use super::{Answer, Operator, OperatorError, iso};
use crate::{
    event::Event,
    failpoint,
    ids::{self, ReplayId},
    ports::{
        StoreError,
        dead_letters::Prospect,
        replays::{Chosen, Order, Run, RunState, Step},
    },
};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Letters in one step at most.
const BATCH: u32 = 200;
/// Whoever goes on with a replay has it for so long from each step on; then somebody else does.
const LEASE: Duration = Duration::from_secs(15);
/// Replays that one process goes on with at a time.
const AT_A_TIME: usize = 8;
/// How often it is looked for replays that nobody goes on with, and how long one waits whose step failed.
const LOOK: Duration = Duration::from_secs(1);

impl Operator {
    /// Begins a replay or discard, which `owner` goes on with; nobody in particular where that is empty.
    pub async fn begin_replay(&self, order: &Order, owner: &str) -> Answer {
        if let Chosen::Ids(ids) = &order.chosen {
            self.are_there(ids).await?;
        }
        let lease = if owner.is_empty() { Duration::ZERO } else { LEASE };
        Ok(shown(&self.replays.begin(order, owner, self.clock.now(), lease).await?))
    }

    /// How far one is.
    pub async fn replay(&self, id: &ReplayId) -> Answer {
        match self.replays.get(id).await? {
            Some(run) => Ok(shown(&run)),
            None => Err(OperatorError::NotFound(format!("there is no replay {id}"))),
        }
    }

    /// Does the next letters of a replay that `owner` goes on with. How far it is then, and `waitMillis` until its next step;
    /// what it answers where it is somebody else's by now is no more than how far it is.
    pub async fn replay_step(&self, id: &ReplayId, owner: &str) -> Answer {
        let wait = self.step(id, owner).await?;
        let mut shown = self.replay(id).await?;
        shown["waitMillis"] = json!(wait.unwrap_or(LOOK).as_millis());
        Ok(shown)
    }

    /// One step; how long to wait until the next one. `None`: the replay is through, or somebody else's.
    async fn step(&self, id: &ReplayId, owner: &str) -> Result<Option<Duration>, OperatorError> {
        let Some(before) = self.replays.get(id).await? else { return Ok(None) };
        let limit = before.rate.clamp(1, BATCH);
        let now = self.clock.now();
        let step = match self.replays.step(id, owner, limit, now, LEASE).await {
            Err(StoreError::Refused { reason, .. }) => {
                tracing::error!(replay = %id, reason, "a replay meets letters that the database refuses; it is given up");
                self.replays.fail(id, &reason, now).await?;
                return Ok(None);
            }
            step => step?,
        };
        let Some(Step { run, jobs, events }) = step else { return Ok(None) };
        failpoint::reached("replay.after_step");
        if !events.is_empty() {
            let letters: Vec<_> = events.iter().map(|(letter, _)| letter.clone()).collect();
            let events = events.into_iter().map(|(_, event)| event).collect();
            self.publish(events, Event::into_publish).await?;
            failpoint::reached("replay.after_publish");
            self.dead_letters.published(&letters, self.clock.now()).await?;
        }
        if !jobs.is_empty()
            && let Err(error) = self.publish(jobs, |job, partitions| job.to_publish(partitions)).await
        {
            // The rows are the hand-over: their number's owner reads them by itself.
            tracing::debug!(%error, "replayed jobs were not rung for");
        }
        let pause = Duration::from_secs_f64((looked_at(&run) - looked_at(&before)) as f64 / f64::from(run.rate.max(1)));
        Ok((run.state == RunState::Running).then_some(pause))
    }
}

/// Goes on with replays that nobody else goes on with, several at a time: a slow one holds up no other.
pub struct Replaying {
    operator: Operator,
    owner: Arc<str>,
}

impl Replaying {
    /// For this process.
    #[must_use]
    pub fn new(operator: Operator) -> Self {
        Self { operator, owner: ids::fresh() }
    }

    /// Until `stop`. What is under way then another process goes on with, or this one after its restart.
    pub async fn run(self, stop: CancellationToken) {
        let mut under_way = JoinSet::new();
        while !stop.is_cancelled() {
            while under_way.try_join_next().is_some() {}
            let taken = if under_way.len() < AT_A_TIME { self.take().await } else { None };
            let wait = if taken.is_some() { Duration::ZERO } else { LOOK };
            if let Some(id) = taken {
                under_way.spawn(go_through(self.operator.clone(), id, self.owner.clone(), stop.clone()));
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn take(&self) -> Option<ReplayId> {
        match self.operator.replays.take(&self.owner, self.operator.clock.now(), LEASE).await {
            Ok(run) => run.map(|run| run.id),
            Err(error) => {
                tracing::warn!(%error, "can't look for replays");
                None
            }
        }
    }
}

/// Step by step, until it is through.
async fn go_through(operator: Operator, id: ReplayId, owner: Arc<str>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let wait = match operator.step(&id, &owner).await {
            Ok(Some(wait)) => wait,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, replay = %id, "a step of a replay was not done; trying again");
                LOOK
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Letters that are through, whatever was done with them.
fn looked_at(run: &Run) -> u64 {
    run.replayed + run.skipped.values().sum::<u64>()
}

/// A replay as the contract has it, with what it does and who asked.
fn shown(run: &Run) -> Value {
    let skipped: Map<String, Value> = Prospect::ALL[1..]
        .iter()
        .map(|prospect| (prospect.as_str().to_owned(), json!(run.skipped.get(prospect).copied().unwrap_or_default())))
        .collect();
    let mut shown = json!({
        "id": run.id,
        "act": run.act,
        "state": run.state,
        "total": run.total,
        "replayed": run.replayed,
        "skipped": skipped,
        "rate": run.rate,
        "by": run.by,
        "startedAt": iso(run.started_at),
    });
    if let Some(at) = run.finished_at {
        shown["finishedAt"] = iso(at).into();
    }
    if let Some(error) = &run.error {
        shown["error"] = error.as_str().into();
    }
    shown
}
