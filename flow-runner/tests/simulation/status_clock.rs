//! The statuses' clock: what is written to it must be true.

use crate::{
    process::Through,
    world::{World, lock},
};
use async_trait::async_trait;
use shared::{
    Timestamp,
    event::{self, StatusUpdate},
    ports::{
        Stored,
        status_clock::{StatusClock, StatusClockReading},
    },
};
use std::{sync::Arc, time::Duration};

/// Refusals no further apart are one.
const ONE_REFUSAL: Duration = Duration::from_secs(60);

impl World {
    /// Every status received before the watermark must have been handled.
    fn watermark_is(&self, by: u32, watermark: Timestamp) {
        self.count("watermarks");
        let taken = self.queues.taken();
        let statuses = taken.iter().filter(|publish| publish.message.kind == event::STATUS);
        for status in statuses.filter_map(|publish| serde_json::from_slice::<StatusUpdate>(&publish.message.body).ok())
        {
            let is_handled = self.record.look(|rows| rows.others.contains(&status.event_id));
            if status.received_at < watermark && !is_handled {
                let (received, event) = (status.received_at.0, &status.event_id);
                self.violation(format!(
                    "p{by} writes watermark {}, but {event} of {received} isn't handled",
                    watermark.0
                ));
            }
        }
    }
}

#[async_trait]
impl StatusClock for Through {
    async fn read(&self) -> Stored<StatusClockReading> {
        let reading = |world: &Arc<World>| {
            world.record.answers(world, "read the clock")?;
            Ok(*lock(&world.meta.clock))
        };
        self.0.call("read the clock", reading).await
    }

    async fn advance(&self, watermark: Timestamp, now: Timestamp) -> Stored<()> {
        let by = self.0.number();
        let advancing = move |world: &Arc<World>| {
            world.record.answers(world, "advance")?;
            world.watermark_is(by, watermark);
            let mut clock = lock(&world.meta.clock);
            clock.watermark = clock.watermark.max(Some(watermark));
            clock.written_at = clock.written_at.max(Some(now));
            Ok(())
        };
        self.0.call("advance the clock", advancing).await
    }

    async fn refused(&self, at: Timestamp) -> Stored<()> {
        // As the record has it: refusals that go on are one.
        let mut clock = lock(&self.0.world.meta.clock);
        let goes_on = clock.refused_at.is_some_and(|last| at.since(last) < ONE_REFUSAL);
        clock.refused_since = if goes_on { clock.refused_since } else { Some(at) };
        clock.refused_at = clock.refused_at.max(Some(at));
        Ok(())
    }
}
