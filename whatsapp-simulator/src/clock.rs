//! Time as the simulator sees it: limits and timestamps read this clock, so a test can turn it by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the limits and timestamps are measured with.
///
/// Delays (of answers and of statuses) always run on real time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// Real time: the wall clock of the start, moved on by the monotonic clock, so that it never jumps.
    Real {
        /// Time since the Unix epoch when the clock was made.
        wall: Duration,
        /// The same moment on the monotonic clock.
        since: Instant,
    },
    /// Stands still until it is told to move.
    Manual(ManualClock),
}

impl Clock {
    /// Real time, beginning now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock all others are told to use")]
    pub fn real() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::Real { wall, since: Instant::now() }
    }

    /// Time since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> Duration {
        match self {
            Self::Real { wall, since } => *wall + since.elapsed(),
            Self::Manual(clock) => clock.now(),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}

/// A clock that only moves when told to; clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    micros: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows this time since the Unix epoch.
    #[must_use]
    pub fn at(time: Duration) -> Self {
        Self { micros: Arc::new(AtomicU64::new(micros(time))) }
    }

    /// Turns the clock on.
    pub fn advance(&self, by: Duration) {
        self.micros.fetch_add(micros(by), Ordering::SeqCst);
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
