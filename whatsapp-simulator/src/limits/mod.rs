//! Meta's limits on sending: throughput of a number (130429) and pace of a pair (131056).
//!
//! Both are pure functions of the time they are handed; this file only keeps the books.

mod number;
mod pair;

use std::collections::HashMap;
use std::time::Duration;

use crate::config::PairLimit;
use number::Throughput;
use pair::Pair;

/// Pairs of one number remembered before those that no longer matter are thrown out.
const PAIRS_BEFORE_SWEEP: usize = 100_000;

/// Which limit a send met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// More than the number may send in a second.
    Number,
    /// More than the number may send to this user.
    Pair,
}

/// The books of all numbers.
#[derive(Default)]
pub(crate) struct Limits {
    numbers: HashMap<Box<str>, Number>,
}

#[derive(Default)]
struct Number {
    throughput: Option<Throughput>,
    pairs: HashMap<Box<str>, Pair>,
    sweep_at: usize,
}

impl Limits {
    /// Takes a send into account, or says which limit forbids it. What is refused costs nothing.
    pub(crate) fn take(
        &mut self,
        now: Duration,
        number: &str,
        recipient: &str,
        rate: u32,
        pair_limit: PairLimit,
    ) -> Result<(), Exceeded> {
        if rate == 0 && pair_limit == PairLimit::Off {
            return Ok(());
        }
        let books = self.number(number);
        if pair_limit != PairLimit::Off && !books.pair(now, recipient).allows(now, pair_limit) {
            return Err(Exceeded::Pair);
        }
        if rate > 0 && !books.throughput.get_or_insert_with(|| Throughput::full(now, rate)).take(now, rate) {
            return Err(Exceeded::Number);
        }
        if pair_limit != PairLimit::Off {
            books.pair(now, recipient).take(now, pair_limit);
        }
        Ok(())
    }

    /// Counts a message that a user wrote: it comes off what the number may send in the next second.
    pub(crate) fn inbound(&mut self, now: Duration, number: &str, rate: u32) {
        if rate > 0 {
            self.number(number).throughput.get_or_insert_with(|| Throughput::full(now, rate)).inbound(now, rate);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
    }

    fn number(&mut self, id: &str) -> &mut Number {
        self.numbers.entry(id.into()).or_default()
    }
}

impl Number {
    fn pair(&mut self, now: Duration, recipient: &str) -> &mut Pair {
        if self.pairs.len() >= self.sweep_at.max(PAIRS_BEFORE_SWEEP) {
            self.pairs.retain(|_, pair| !pair.is_idle(now));
            // When most pairs are live a sweep frees little: the next one waits until the books have doubled.
            self.sweep_at = self.pairs.len() * 2;
        }
        self.pairs.entry(recipient.into()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    #[test]
    fn a_number_over_its_rate_does_not_cost_the_pair_anything() {
        let mut limits = Limits::default();
        for _ in 0..2 {
            assert_eq!(limits.take(NOW, "1", "a", 2, PairLimit::Mild), Ok(()));
        }
        for _ in 0..100 {
            assert_eq!(limits.take(NOW, "1", "a", 2, PairLimit::Mild), Err(Exceeded::Number));
        }
        for sent in 2..45 {
            assert_eq!(limits.take(NOW, "1", "a", 0, PairLimit::Mild), Ok(()), "message {sent}");
        }
        assert_eq!(limits.take(NOW, "1", "a", 0, PairLimit::Mild), Err(Exceeded::Pair));
    }

    #[test]
    fn a_throttled_pair_does_not_cost_the_number_anything() {
        let mut limits = Limits::default();
        for _ in 0..45 {
            assert_eq!(limits.take(NOW, "1", "a", 50, PairLimit::Mild), Ok(()));
        }
        for _ in 0..100 {
            assert_eq!(limits.take(NOW, "1", "a", 50, PairLimit::Mild), Err(Exceeded::Pair));
        }
        for _ in 0..5 {
            assert_eq!(limits.take(NOW, "1", "b", 50, PairLimit::Mild), Ok(()));
        }
        assert_eq!(limits.take(NOW, "1", "b", 50, PairLimit::Mild), Err(Exceeded::Number));
        assert_eq!(limits.take(NOW, "2", "b", 50, PairLimit::Mild), Ok(()), "another number has books of its own");
    }
}
