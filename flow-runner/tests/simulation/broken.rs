//! How what goes wrong looks to whoever asked.

use crate::world::World;
use shared::ports::{
    StoreError,
    queue::{PublishError, QueueError},
};

/// An error that says nothing of whether anything was done.
pub trait Broken: Send + 'static {
    fn drawn(world: &World, doing: &'static str) -> Self;
}

/// The connection broke, as far as anybody knows.
const REASON: &str = "the connection broke";

impl Broken for StoreError {
    fn drawn(world: &World, doing: &'static str) -> Self {
        if world.roll(4) == 0 { Self::Busy { doing, reason: REASON.into() } } else { away(doing) }
    }
}

impl Broken for QueueError {
    fn drawn(_: &World, doing: &'static str) -> Self {
        Self { queue: "any".into(), doing, reason: REASON.into() }
    }
}

impl Broken for PublishError {
    fn drawn(world: &World, _: &'static str) -> Self {
        if world.roll(2) == 0 { Self::TimedOut } else { Self::Lost(REASON.into()) }
    }
}

/// A store that is away.
pub fn away(doing: &'static str) -> StoreError {
    StoreError::Unavailable { doing, reason: REASON.into() }
}
