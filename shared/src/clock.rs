//! Time as a parameter.

use flow_engine::Timestamp;
use std::{
    fmt,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Reads the time. Wall time is for records and people; boot time for leases and waits, because it never jumps.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall time.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment of this process; never goes back.
    fn boot(&self) -> Duration;
}

/// Boot time at the start of a process, so that moments before it have a place too.
const BEFORE_START: Duration = Duration::from_secs(3600);

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn boot(&self) -> Duration {
        self.started.elapsed() + BEFORE_START
    }
}
