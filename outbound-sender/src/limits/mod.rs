//! Meta's limits, kept before Meta refuses: GCRA as one pure function, and the buckets of one business number.
//!
//! Source: Meta's throughput page (80 messages per second and number; one message every 6 s to one user, bursts up to
//! 45). GCRA: ITU-T I.371, the generic cell rate algorithm.

mod pair;
mod throughput;

pub use pair::{PAIR_MEMORY, STRICT_FOR};

use pair::Pair;
use shared::{ids::RecipientId, settings::PairRate};
use std::{collections::HashMap, time::Duration};
use throughput::Throughput;

/// A bucket: one message per `spacing`, `burst` of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Between two messages in the long run.
    pub spacing: Duration,
    /// Messages at once.
    pub burst: u32,
}

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
    number: Throughput,
    reading: PairRate,
    pairs: HashMap<RecipientId, Pair>,
}

impl NumberLimits {
    /// Limits of a number that may send `rate` messages a second (0 = no limit).
    #[must_use]
    pub fn new(rate: u32, reading: PairRate) -> Self {
        Self { number: Throughput::new(rate), reading, pairs: HashMap::new() }
    }

    /// The number may send so many messages a second from now on (0 = no limit).
    pub fn grant(&mut self, rate: u32) {
        self.number.grant(rate);
    }

    /// So many messages a second come in, which Meta counts too; `None`: nobody knows.
    pub fn make_room(&mut self, inbound: Option<f64>) {
        self.number.make_room(inbound);
    }

    /// Messages a second that may go now; `None` = no limit.
    #[must_use]
    pub fn rate(&self, now: Duration) -> Option<f64> {
        self.number.rate(now)
    }

    /// When the number may send its next message. Takes nothing.
    #[must_use]
    pub fn number_slot(&self, now: Duration) -> Duration {
        self.number.slot(now)
    }

    /// When the next message to `to` may go, as far as the pair's limit is concerned. Takes nothing.
    #[must_use]
    pub fn pair_slot(&self, to: &RecipientId, now: Duration) -> Duration {
        match self.pairs.get(to) {
            Some(pair) if self.reading != PairRate::Off => pair.slot(self.reading, now),
            _ => now,
        }
    }

    /// When the next message to `to` may go. Takes nothing.
    #[must_use]
    pub fn earliest(&self, to: &RecipientId, now: Duration) -> Duration {
        self.number_slot(now).max(self.pair_slot(to, now))
    }

    /// Takes the slot at `at`, which [`Self::earliest`] gave.
    pub fn take(&mut self, to: &RecipientId, at: Duration) {
        self.number.take(at);
        self.take_of_pair(to, at);
    }

    /// Takes the pair's part of a slot alone: what was sent longer ago than a second is nothing to the number any more, whatever
    /// its rate was then.
    pub fn take_of_pair(&mut self, to: &RecipientId, at: Duration) {
        if self.reading != PairRate::Off {
            self.pairs.entry(to.clone()).or_default().take(at);
        }
    }

    /// A POST to `to` has ended at `at`. Meta counts it from when it arrived, which may be well after its slot, and never
    /// is after this: a burst's first message that was slow on its way must not make the one after the burst too early.
    pub fn posted(&mut self, to: &RecipientId, at: Duration) {
        if let Some(pair) = self.pairs.get_mut(to) {
            pair.posted(at);
        }
    }

    /// Gives back a slot that was taken for `to` and not used: no request was made.
    pub fn return_slot(&mut self, to: &RecipientId, now: Duration) {
        self.number.put_back(now);
        self.return_pair_slot(to);
    }

    /// Gives back the pair's part of a slot alone: a request was made and did not reach Meta. The number's part is kept,
    /// so that an outage isn't met with more requests a second than its end.
    pub fn return_pair_slot(&mut self, to: &RecipientId) {
        if let Some(pair) = self.pairs.get_mut(to) {
            pair.put_back();
        }
    }

    /// Meta refused a message for the number's rate (130429), at `now`: it counts more than we do.
    pub fn number_refused(&mut self, now: Duration) {
        self.number.refused(now);
    }

    /// Meta refused a message to `to` for the pair's rate (131056), at `at`: it reads its rule strictly.
    pub fn pair_refused(&mut self, to: &RecipientId, at: Duration) {
        if self.reading != PairRate::Off {
            self.pairs.entry(to.clone()).or_default().refused(at);
        }
    }

    /// Meta refused a message to `to` at `at` for the pair's rate, when somebody else had this number.
    pub fn read_strictly(&mut self, to: &RecipientId, at: Duration) {
        if self.reading != PairRate::Off {
            self.pairs.entry(to.clone()).or_default().read_strictly(at);
        }
    }

    /// Forgets pairs whose buckets are full again.
    pub fn forget(&mut self, now: Duration) {
        self.pairs.retain(|_, pair| !pair.is_idle(now));
    }
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
                limits.return_slot(&to, now);
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
    fn what_was_sent_long_ago_at_a_higher_rate_does_not_hold_the_number() {
        let mut limits = NumberLimits::new(40, PairRate::On);
        let now = SECOND * 1000;
        for nth in 0..21_600_u32 {
            limits.take_of_pair(&format!("r{}", nth % 900).into(), now - SECOND * 270 + SECOND * nth / 80);
        }
        assert_eq!(limits.number_slot(now), now);
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
