//! Callbacks that the webhook didn't answer with 200: Meta makes them again, with growing pauses.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::poster::Callback;
use crate::world::{World, lock};

/// Meta goes on for seven days; a simulator doesn't run that long, and keeps them in memory.
const MOST_ATTEMPTS: u32 = 100;
/// Callbacks kept for repetition; further ones are given up.
const MOST_WAITING: usize = 20_000;
/// Repeats in flight at once.
const IN_FLIGHT: usize = 16;
/// The longest pause, in first pauses.
const LONGEST: u32 = 60;

/// Callbacks that wait for their next try.
#[derive(Default)]
pub(crate) struct Repeats {
    waiting: Mutex<BinaryHeap<Reverse<Waiting>>>,
    bell: Notify,
}

struct Waiting {
    due: Instant,
    callback: Callback,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Waiting {}

impl Repeats {
    /// Takes a callback that failed. The first repeat follows at once, the others with growing pauses.
    pub(crate) fn add(&self, callback: Callback, first_pause: Duration) {
        let pause = pause(callback.attempts, first_pause);
        let mut waiting = lock(&self.waiting);
        if callback.attempts >= MOST_ATTEMPTS || waiting.len() >= MOST_WAITING {
            tracing::warn!(callback.attempts, waiting.count = waiting.len(), "gave a callback up");
            return;
        }
        waiting.push(Reverse(Waiting { due: Instant::now() + pause, callback }));
        drop(waiting);
        self.bell.notify_one();
    }

    /// Forgets what waits.
    pub(crate) fn clear(&self) {
        lock(&self.waiting).clear();
    }

    fn next(&self) -> Result<Callback, Option<Instant>> {
        let mut waiting = lock(&self.waiting);
        match waiting.peek() {
            None => Err(None),
            Some(Reverse(first)) if first.due > Instant::now() => Err(Some(first.due)),
            Some(_) => waiting.pop().map(|Reverse(first)| first.callback).ok_or(None),
        }
    }
}

/// The pause after so many tries.
fn pause(attempts: u32, first: Duration) -> Duration {
    match attempts {
        0 | 1 => Duration::ZERO,
        more => first * 2_u32.saturating_pow(more - 2).min(LONGEST),
    }
}

/// Makes the repeats, until dropped.
pub(crate) async fn run(world: Arc<World>) {
    let slots = Arc::new(Semaphore::new(IN_FLIGHT));
    // Dropping the set with this future ends the calls under way.
    let mut calls = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        while calls.try_join_next().is_some() {}
        let callback = loop {
            let bell = world.delivery.repeats.bell.notified();
            match world.delivery.repeats.next() {
                Ok(callback) => break callback,
                Err(None) => bell.await,
                Err(Some(due)) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(due) => {}
                        () = bell => {}
                    }
                }
            }
        };
        let world = Arc::clone(&world);
        calls.spawn(async move {
            let _slot = slot;
            world.delivery.try_once(&world, callback).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        let pauses: Vec<u64> = (1..=10).map(|attempts| pause(attempts, Duration::from_secs(1)).as_secs()).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
