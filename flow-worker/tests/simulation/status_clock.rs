//! The statuses' clock: what is written to it must be true.

use crate::{process::Through, world::World};
use async_trait::async_trait;
use shared::{
    Timestamp,
    event::{self, StatusUpdate},
    ports::{
        Stored,
        status_clock::{StatusClock, StatusClockReading},
    },
};
use std::sync::Arc;

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
        unreachable!("only senders read it")
    }

    async fn advance(&self, watermark: Timestamp, _: Timestamp) -> Stored<()> {
        let by = self.0.number();
        let advancing = move |world: &Arc<World>| {
            world.record.answers(world, "advance")?;
            world.watermark_is(by, watermark);
            Ok(())
        };
        self.0.call("advance the clock", advancing).await
    }

    async fn refused(&self, _: Timestamp) -> Stored<()> {
        unreachable!("only gateways refuse")
    }
}
