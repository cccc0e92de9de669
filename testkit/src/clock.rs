//! A clock that stands until it is moved.

use shared::{Clock, Timestamp};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// Wall and boot time that move together, and only when told to.
#[derive(Debug)]
pub struct StandingClock {
    started: Timestamp,
    now: AtomicI64,
}

impl StandingClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { started: now, now: AtomicI64::new(now.0) }
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.now.store(self.now().plus(time).0, Ordering::Relaxed);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    fn boot(&self) -> Duration {
        self.now().since(self.started)
    }
}
