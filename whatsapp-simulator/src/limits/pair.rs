//! The pair limit: how fast one number may write to one user.
//!
//! Meta: one message each 6 s; bursts of up to 45 within 6 s are possible, after which the pair must be left alone for
//! as long as the messages of the burst would have taken. How that is meant is open, so both readings are here.

use std::time::Duration;

use crate::config::PairLimit;

/// Time a message stands for.
const SPACING: Duration = Duration::from_secs(6);
/// Most messages of a burst.
const BURST: u32 = 45;
/// Forgiven to messages that come a little early: two requests sent a fixed time apart don't arrive exactly so.
const JITTER: Duration = Duration::from_millis(100);

/// What is remembered of one pair; serves both readings, so that the reading can be changed while running.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pair {
    /// Mild reading: when the bucket will be full again (GCRA's theoretical arrival time).
    full_at: Duration,
    /// Strict reading: first and last message of the last burst, and its length.
    burst: Option<Burst>,
}

#[derive(Clone, Copy, Debug)]
struct Burst {
    first: Duration,
    last: Duration,
    length: u32,
}

impl Burst {
    fn is_running(&self, now: Duration) -> bool {
        now + JITTER < self.first + SPACING
    }

    fn silence_ends(&self) -> Duration {
        self.last + SPACING * self.length
    }
}

impl Pair {
    /// Whether a message may be sent now.
    pub(crate) fn allows(&self, now: Duration, reading: PairLimit) -> bool {
        match (reading, &self.burst) {
            (PairLimit::Off, _) | (PairLimit::Strict, None) => true,
            (PairLimit::Mild, _) => self.full_at.saturating_sub(now) <= SPACING * (BURST - 1) + JITTER,
            (PairLimit::Strict, Some(burst)) if burst.is_running(now) => burst.length < BURST,
            (PairLimit::Strict, Some(burst)) => now + JITTER >= burst.silence_ends(),
        }
    }

    /// Counts a message that was allowed.
    pub(crate) fn take(&mut self, now: Duration, reading: PairLimit) {
        match reading {
            PairLimit::Off => {}
            PairLimit::Mild => self.full_at = self.full_at.max(now) + SPACING,
            PairLimit::Strict => {
                self.burst = Some(match self.burst {
                    Some(burst) if burst.is_running(now) => Burst { last: now, length: burst.length + 1, ..burst },
                    _ => Burst { first: now, last: now, length: 1 },
                });
            }
        }
    }

    /// Whether forgetting this pair changes nothing.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        self.full_at <= now && self.burst.is_none_or(|burst| !burst.is_running(now) && burst.silence_ends() <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    fn seconds(after: f64) -> Duration {
        START + Duration::from_secs_f64(after)
    }

    /// Sends at each of the times and says which were taken.
    fn play(reading: PairLimit, times: impl IntoIterator<Item = f64>) -> Vec<bool> {
        let mut pair = Pair::default();
        times
            .into_iter()
            .map(|time| {
                let allowed = pair.allows(seconds(time), reading);
                if allowed {
                    pair.take(seconds(time), reading);
                }
                allowed
            })
            .collect()
    }

    #[test]
    fn mild_is_a_bucket_of_45_refilled_each_six_seconds() {
        let mut times = vec![0.0; 46];
        times.extend([5.0, 5.95, 6.0, 12.0, 13.0]);
        let taken = play(PairLimit::Mild, times);
        assert!(taken[..45].iter().all(|taken| *taken));
        assert_eq!(taken[45..], [false, false, true, false, true, false]);
    }

    #[test]
    fn strict_is_silent_for_six_seconds_a_message_of_the_burst() {
        let mut times = vec![0.0; 10];
        times.extend([6.0, 30.0, 59.0, 60.0, 65.0, 66.0]);
        let taken = play(PairLimit::Strict, times);
        assert!(taken[..10].iter().all(|taken| *taken));
        // The message at 60 s begins a new burst, to which that at 65 s belongs.
        assert_eq!(taken[10..], [false, false, false, true, true, false]);
    }

    #[test]
    fn strict_takes_no_more_than_45_in_a_burst() {
        let taken = play(PairLimit::Strict, vec![0.0; 50]);
        assert_eq!(taken.iter().filter(|taken| **taken).count(), 45);
    }

    #[test]
    fn one_message_each_six_seconds_is_fine_in_both_readings_even_when_one_comes_early() {
        for reading in [PairLimit::Mild, PairLimit::Strict] {
            let times = (0..100).map(|nth| f64::from(nth) * 6.0 - if nth % 3 == 1 { 0.04 } else { 0.0 });
            assert!(play(reading, times).iter().all(|taken| *taken), "{reading:?}");
        }
    }

    #[test]
    fn a_pair_is_idle_once_its_burst_is_paid_for() {
        for reading in [PairLimit::Mild, PairLimit::Strict] {
            let mut pair = Pair::default();
            for _ in 0..3 {
                pair.take(START, reading);
            }
            assert!(!pair.is_idle(seconds(17.0)), "{reading:?}");
            assert!(pair.is_idle(seconds(18.0)), "{reading:?}");
        }
    }
}
