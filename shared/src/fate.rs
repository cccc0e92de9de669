//! What an error makes of a job: the error table, applied.

use crate::{
    backoff::Backoff,
    error_table::{Action, action},
};
use flow_engine::Timestamp;
use std::time::Duration;

/// Transient failures: 1 s doubling to 5 min.
const TRANSIENT: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(300) };
/// After a refusal for a rate: the limiter knows better, this only keeps from asking at once.
const RATE_WAIT: Duration = Duration::from_secs(1);
/// Meta's words for the pair rate: wait 4^X seconds, X = 0, 1, 2 … until it succeeds. Past an hour nothing is gained.
const PAIR_WAIT_MOST: Duration = Duration::from_secs(3600);

/// An error that a try of a job met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Meta's code; `None` where nothing was sent at all (connection refused, DNS, TLS).
    pub code: Option<i64>,
    /// Meta's `is_transient`.
    pub transient: bool,
    /// What `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// Whether the outcome is definite: a failed status is, an answer to a POST may not be.
    pub definite: bool,
}

/// The tries so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// Spent before this one.
    pub spent: i32,
    /// `SEND_ATTEMPTS`.
    pub most: u32,
    /// Refusals for the pair rate in a row, before this one.
    pub pair: u32,
}

/// What becomes of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Tried again at `due_at`.
    Retry {
        /// Not before.
        due_at: Timestamp,
        /// Whether this try counts.
        spent: bool,
    },
    /// The number is to be paused; the pause holds the job, which may go as soon as it ends.
    Pause,
    /// Nobody knows: wait for the status.
    Unknown,
    /// Given up.
    Dead {
        /// A reason of the contract.
        reason: &'static str,
        /// Somebody must look at the account.
        alert: bool,
    },
}

/// The fate of a job that met `failure`. `dice` in `0.0..1.0` is the jitter.
#[must_use]
pub fn fate(failure: &Failure, tries: Tries, now: Timestamp, dice: f64) -> Fate {
    let asked = failure.retry_after.unwrap_or_default();
    let wait = |at_least: Duration, spent| Fate::Retry { due_at: now.plus(at_least.max(asked)), spent };
    let Some(code) = failure.code else {
        // Never sent: waits behind a growing back-off, but spends nothing.
        return wait(TRANSIENT.jittered(4, dice).max(RATE_WAIT), false);
    };
    match action(code, failure.transient) {
        Action::RateLimited(_) => wait(RATE_WAIT + RATE_WAIT.mul_f64(dice), false),
        Action::Pair => {
            let seconds = 4_u64.checked_pow(tries.pair).map_or(PAIR_WAIT_MOST, Duration::from_secs);
            wait(seconds.min(PAIR_WAIT_MOST), false)
        }
        Action::Ambiguous if !failure.definite => Fate::Unknown,
        Action::Ambiguous => transient(Duration::ZERO, None, tries, now, dice, asked),
        Action::Transient { at_least, tries: most } => transient(at_least, most, tries, now, dice, asked),
        Action::Permanent => Fate::Dead { reason: "permanent_error", alert: false },
        Action::FailAndAlert => Fate::Dead { reason: "permanent_error", alert: true },
        Action::WindowClosed => Fate::Dead { reason: "window_closed", alert: false },
        Action::Pause => Fate::Pause,
    }
}

fn transient(at_least: Duration, most: Option<u32>, tries: Tries, now: Timestamp, dice: f64, asked: Duration) -> Fate {
    let spent = u32::try_from(tries.spent).unwrap_or(0) + 1;
    if spent >= most.unwrap_or(tries.most) {
        return Fate::Dead { reason: "attempts_exhausted", alert: false };
    }
    let wait = TRANSIENT.jittered(spent, dice).max(at_least).max(asked);
    Fate::Retry { due_at: now.plus(wait), spent: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn met(code: i64, spent: i32, pair: u32) -> Fate {
        let failure = Failure { code: Some(code), transient: false, retry_after: None, definite: false };
        fate(&failure, Tries { spent, most: 8, pair }, NOW, 1.0)
    }

    #[test]
    fn the_pair_rate_waits_four_to_the_x() {
        let waits: Vec<i64> = (0..5)
            .map(|pair| match met(131_056, 0, pair) {
                Fate::Retry { due_at, spent: false } => (due_at.0 - NOW.0) / 1000,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits, [1, 4, 16, 64, 256]);
    }

    #[test]
    fn transient_failures_end_after_so_many_tries() {
        assert_eq!(met(133_004, 0, 0), Fate::Retry { due_at: Timestamp(1_001_000), spent: true });
        assert_eq!(met(133_004, 7, 0), Fate::Dead { reason: "attempts_exhausted", alert: false });
        // A medium that Meta can't fetch is tried twice.
        assert_eq!(met(131_053, 1, 0), Fate::Dead { reason: "attempts_exhausted", alert: false });
    }

    #[test]
    fn an_ambiguous_answer_is_unknown_but_an_ambiguous_status_is_a_failure() {
        assert_eq!(met(131_000, 0, 0), Fate::Unknown);
        let status = Failure { code: Some(131_000), transient: false, retry_after: None, definite: true };
        let tries = Tries { spent: 0, most: 8, pair: 0 };
        assert!(matches!(fate(&status, tries, NOW, 0.5), Fate::Retry { spent: true, .. }));
    }

    #[test]
    fn retry_after_is_obeyed() {
        let failure = Failure {
            code: Some(130_429),
            transient: false,
            retry_after: Some(Duration::from_secs(30)),
            definite: false,
        };
        let tries = Tries { spent: 0, most: 8, pair: 0 };
        assert_eq!(fate(&failure, tries, NOW, 0.0), Fate::Retry { due_at: Timestamp(1_030_000), spent: false });
    }
}
