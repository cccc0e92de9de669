//! The pace of a pair: what one number may send to one person.

use super::{Rate, next_slot};
use shared::settings::PairRate;
use std::time::Duration;

/// Meta: one message every 6 seconds to one user, bursts of up to 45.
const PAIR: Rate = Rate { spacing: Duration::from_secs(6), burst: 45 };
/// A burst is one within 6 s of its beginning, as Meta sees it: its last message may be a second longer on its way.
const BURST_TIME: Duration = Duration::from_secs(5);
/// A pair at rest this long has a full bucket again and need not be remembered.
pub const PAIR_MEMORY: Duration = Duration::from_secs(270);
/// For how long a pair that was refused is held to Meta's rule read strictly.
pub const STRICT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A pair's bucket.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pair {
    tat: Duration,
    /// The strict reading: messages of the running burst, and when it began.
    burst: u32,
    burst_began: Duration,
    last: Duration,
    /// Read strictly until then.
    strict_until: Duration,
    /// The burst ended with a refusal: silence, whatever is left of its 6 s.
    refused: bool,
}

impl Pair {
    pub fn slot(self, reading: PairRate, now: Duration) -> Duration {
        if reading != PairRate::Strict && now >= self.strict_until {
            return next_slot(PAIR, self.tat, now).0;
        }
        // For a while from its beginning the burst goes on, up to 45; then silence.
        if self.burst < PAIR.burst && now < self.burst_began + BURST_TIME && !self.refused {
            return now;
        }
        now.max(self.silence_end())
    }

    pub fn take(&mut self, at: Duration) {
        self.tat = next_slot(PAIR, self.tat, at).1;
        if at >= self.silence_end() {
            (self.burst, self.burst_began) = (0, at);
        }
        // What goes on at a pace is no longer burst for that.
        self.burst = (self.burst + 1).min(PAIR.burst);
        self.last = at;
        self.refused = false;
    }

    pub fn posted(&mut self, at: Duration) {
        self.tat = self.tat.max(at + PAIR.spacing);
        self.last = self.last.max(at);
    }

    pub fn put_back(&mut self) {
        self.tat = self.tat.saturating_sub(PAIR.spacing);
        self.burst = self.burst.saturating_sub(1);
    }

    /// Meta counts from its burst, which what it refused is no part of.
    pub fn refused(&mut self, at: Duration) {
        self.put_back();
        self.read_strictly(at);
        self.refused = true;
    }

    pub fn read_strictly(&mut self, at: Duration) {
        self.strict_until = at + STRICT_FOR;
    }

    pub fn is_idle(self, now: Duration) -> bool {
        now.saturating_sub(self.last) >= PAIR_MEMORY && now >= self.strict_until
    }

    /// Meta's words, read strictly: after a burst of N within 6 s nothing for 6N s.
    fn silence_end(self) -> Duration {
        if self.burst == 0 { Duration::ZERO } else { self.last + PAIR.spacing * self.burst }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);
    const SECOND: Duration = Duration::from_secs(1);

    fn burst(of: u32) -> Pair {
        let mut pair = Pair::default();
        (0..of).for_each(|_| pair.take(START));
        pair
    }

    #[test]
    fn a_pair_that_was_refused_is_read_strictly_for_a_day() {
        let mut pair = burst(45);
        let refused = START + SECOND * 6;
        assert_eq!(pair.slot(PairRate::On, refused), refused);
        pair.take(refused);
        pair.refused(refused);
        let silence = refused + SECOND * 6 * 44;
        assert_eq!(pair.slot(PairRate::On, refused), silence, "what was refused is no part of the burst");
        pair.take(silence);
        pair.take(silence);
        assert_eq!(pair.slot(PairRate::On, silence + SECOND * 6), silence + SECOND * 12);
        assert!(!pair.is_idle(refused + STRICT_FOR - SECOND));
        assert!(pair.is_idle(refused + STRICT_FOR));
        assert_eq!(pair.slot(PairRate::On, refused + STRICT_FOR), refused + STRICT_FOR);
    }

    #[test]
    fn a_burst_ends_a_second_before_meta_ends_it() {
        let mut pair = burst(2);
        pair.read_strictly(START);
        let late = START + SECOND * 5;
        let soon = late - Duration::from_millis(1);
        assert_eq!([pair.slot(PairRate::On, soon), pair.slot(PairRate::On, late)], [soon, START + SECOND * 12]);
    }

    #[test]
    fn after_a_refusal_the_burst_is_over() {
        let mut pair = burst(3);
        pair.take(START + SECOND);
        pair.refused(START + SECOND);
        assert_eq!(pair.slot(PairRate::On, START + SECOND), START + SECOND * 19);
    }

    #[test]
    fn a_conversation_that_goes_on_at_a_pace_is_no_longer_silent_than_after_a_burst() {
        let mut pair = burst(45);
        let mut now = START;
        for _ in 0..1000 {
            now = pair.slot(PairRate::On, now);
            pair.take(now);
        }
        pair.refused(now);
        assert!(pair.slot(PairRate::On, now) <= now + PAIR_MEMORY);
    }
}
