//! Meta's limits, kept before Meta refuses: GCRA as one pure function, and the buckets of one business number.
//!
//! Source: Meta's throughput page (80 messages per second and number; one message every 6 s to one user, bursts up to
//! 45). GCRA: ITU-T I.371, the generic cell rate algorithm.

use shared::{ids::RecipientId, settings::PairRate};
use std::{collections::HashMap, time::Duration};

/// A bucket: one message per `spacing`, `burst` of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Between two messages in the long run.
    pub spacing: Duration,
    /// Messages at once.
    pub burst: u32,
}

/// Messages of one number at once: a small burst, so that a second's worth is spread over the second.
const NUMBER_BURST: u32 = 4;
/// Meta: one message every 6 seconds to one user, bursts of up to 45.
const PAIR: Rate = Rate { spacing: Duration::from_secs(6), burst: 45 };
/// A pair at rest this long has a full bucket again and need not be remembered.
pub const PAIR_MEMORY: Duration = Duration::from_secs(270);

/// When the next message may go, given the theoretical arrival time `tat` that the last one left; and the one that this
/// message leaves. All are moments of one clock that never goes back.
#[must_use]
pub fn next_slot(rate: Rate, tat: Duration, now: Duration) -> (Duration, Duration) {
    let tolerance = rate.spacing * rate.burst.saturating_sub(1);
    let slot = now.max(tat.saturating_sub(tolerance));
    (slot, tat.max(slot) + rate.spacing)
}

/// The buckets of one business number.
#[derive(Debug)]
pub struct NumberLimits {
    number: Option<Rate>,
    number_tat: Duration,
    pair: PairRate,
    pairs: HashMap<RecipientId, Pair>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    tat: Duration,
    /// The strict reading: messages of the running burst, and when it began.
    burst: u32,
    burst_began: Duration,
    last: Duration,
}

impl NumberLimits {
    /// Limits of a number that may send `rate` messages a second (0 = no limit).
    #[must_use]
    pub fn new(rate: u32, pair: PairRate) -> Self {
        let number = (rate > 0).then(|| Rate { spacing: Duration::from_secs(1) / rate, burst: NUMBER_BURST.min(rate) });
        Self { number, number_tat: Duration::ZERO, pair, pairs: HashMap::new() }
    }

    /// When the next message to `to` may go. Takes nothing.
    #[must_use]
    pub fn earliest(&self, to: &RecipientId, now: Duration) -> Duration {
        let pair = self.pair_slot(to, now);
        match self.number {
            Some(rate) => next_slot(rate, self.number_tat, now).0.max(pair),
            None => pair,
        }
    }

    /// Takes the slot at `at`, which [`Self::earliest`] gave.
    pub fn take(&mut self, to: &RecipientId, at: Duration) {
        if let Some(rate) = self.number {
            self.number_tat = next_slot(rate, self.number_tat, at).1;
        }
        if self.pair == PairRate::Off {
            return;
        }
        let pair = self.pairs.entry(to.clone()).or_default();
        pair.tat = next_slot(PAIR, pair.tat, at).1;
        if at > strict_silence_end(*pair) {
            (pair.burst, pair.burst_began) = (0, at);
        }
        pair.burst += 1;
        pair.last = at;
    }

    /// A POST to `to` has ended at `at`. Meta counts it from when it arrived, which may be well after its slot, and never
    /// is after this: a burst's first message that was slow on its way must not make the one after the burst too early.
    pub fn posted(&mut self, to: &RecipientId, at: Duration) {
        if let Some(pair) = self.pairs.get_mut(to) {
            pair.tat = pair.tat.max(at + PAIR.spacing);
            pair.last = pair.last.max(at);
        }
    }

    /// Gives back a slot that was taken for `to` and not used: no request was made.
    pub fn return_slot(&mut self, to: &RecipientId) {
        if let Some(rate) = self.number {
            self.number_tat = self.number_tat.saturating_sub(rate.spacing);
        }
        self.return_pair_slot(to);
    }

    /// Gives back the pair's part of a slot alone: a request was made and did not reach Meta. The number's part is kept,
    /// so that an outage isn't met with more requests a second than its end.
    pub fn return_pair_slot(&mut self, to: &RecipientId) {
        if let Some(pair) = self.pairs.get_mut(to) {
            pair.tat = pair.tat.saturating_sub(PAIR.spacing);
            pair.burst = pair.burst.saturating_sub(1);
        }
    }

    /// Forgets pairs whose buckets are full again.
    pub fn forget(&mut self, now: Duration) {
        self.pairs.retain(|_, pair| now.saturating_sub(pair.last) < PAIR_MEMORY);
    }

    fn pair_slot(&self, to: &RecipientId, now: Duration) -> Duration {
        let Some(pair) = self.pairs.get(to) else { return now };
        match self.pair {
            PairRate::Off => now,
            PairRate::On => next_slot(PAIR, pair.tat, now).0,
            // Within 6 s of the burst's beginning it goes on, up to 45; then silence.
            PairRate::Strict if pair.burst < PAIR.burst && now < pair.burst_began + PAIR.spacing => now,
            PairRate::Strict => now.max(strict_silence_end(*pair)),
        }
    }
}

/// Meta's words, read strictly: after a burst of N within 6 s nothing for 6N s.
fn strict_silence_end(pair: Pair) -> Duration {
    if pair.burst == 0 { Duration::ZERO } else { pair.last + PAIR.spacing * pair.burst }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_number_sends_its_rate_after_a_small_burst() {
        let mut limits = NumberLimits::new(80, PairRate::Off);
        let mut now = SECOND * 100;
        let mut sent = Vec::new();
        while now < SECOND * 102 {
            let to = RecipientId::from(format!("r{}", sent.len()));
            now = limits.earliest(&to, now);
            limits.take(&to, now);
            sent.push(now);
        }
        let in_first_second = sent.iter().filter(|at| **at < SECOND * 101).count();
        assert_eq!(in_first_second, 80 + 3, "the rate, and the burst on top of it once");
        assert!(sent.windows(5).all(|five| five[4] - five[0] >= SECOND / 80), "no more than 4 at once");
    }

    #[test]
    fn a_pair_gets_45_at_once_and_then_one_every_six_seconds() {
        let mut limits = NumberLimits::new(0, PairRate::On);
        let to = RecipientId::from("r");
        let start = SECOND * 1000;
        let mut now = start;
        let mut sent = Vec::new();
        for _ in 0..50 {
            now = limits.earliest(&to, now);
            limits.take(&to, now);
            sent.push((now - start).as_secs());
        }
        assert_eq!(sent[..45], [0; 45]);
        assert_eq!(sent[45..], [6, 12, 18, 24, 30]);
        assert_eq!(limits.earliest(&"other".into(), now), now, "other pairs are not held up");
    }

    #[test]
    fn after_a_burst_whose_first_message_was_slow_the_wait_counts_from_its_arrival() {
        let mut limits = NumberLimits::new(0, PairRate::On);
        let to = RecipientId::from("r");
        let (start, slow) = (SECOND * 1000, SECOND / 2);
        for nth in 0..45 {
            let at = if nth == 0 { start } else { start + slow };
            assert_eq!(limits.earliest(&to, at), at);
            limits.take(&to, at);
            limits.posted(&to, start + slow);
        }
        assert_eq!(limits.earliest(&to, start + slow), start + slow + SECOND * 6);
    }

    #[test]
    fn a_slot_that_was_not_used_is_there_again() {
        let to = RecipientId::from("r");
        let start = SECOND * 1000;
        for (pair, silence) in [(PairRate::On, 6), (PairRate::Strict, 45 * 6)] {
            let mut limits = NumberLimits::new(80, pair);
            let mut now = start;
            for _ in 0..45 {
                now = limits.earliest(&to, now);
                limits.take(&to, now);
                limits.return_slot(&to);
                now = limits.earliest(&to, now);
                limits.take(&to, now);
            }
            assert!(now < start + SECOND, "{pair:?}");
            assert!(limits.earliest(&to, now) >= start + SECOND * silence, "{pair:?}");
        }
    }

    #[test]
    fn strictly_read_a_burst_of_n_is_followed_by_6n_seconds_of_silence() {
        let mut limits = NumberLimits::new(0, PairRate::Strict);
        let to = RecipientId::from("r");
        let start = SECOND * 1000;
        for _ in 0..3 {
            assert_eq!(limits.earliest(&to, start), start);
            limits.take(&to, start);
        }
        assert_eq!(limits.earliest(&to, start + SECOND * 6), start + SECOND * 18);
    }

    #[test]
    fn pairs_at_rest_are_forgotten() {
        let mut limits = NumberLimits::new(0, PairRate::On);
        limits.take(&"r".into(), SECOND);
        limits.forget(SECOND * 200);
        assert_eq!(limits.pairs.len(), 1);
        limits.forget(SECOND * 272);
        assert!(limits.pairs.is_empty());
    }
}
