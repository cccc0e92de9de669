//! Throughput of a number: messages per second, inbound and outbound together.

use std::time::Duration;

/// A bucket that holds one second's worth and is refilled evenly.
///
/// Meta doesn't say over which span it counts. A whole second's worth of slack means that a sender which keeps the
/// rate is never refused for the jitter of the network, and one which doesn't is refused within a few seconds.
/// What came in during one second is taken off the refill of the next, never more than half of it and never as a debt.
pub(crate) struct Throughput {
    tokens: f64,
    /// Up to when `tokens` was filled.
    filled: Duration,
    /// Messages that came in during the second of `filled`, and during the one before.
    inbound: (u32, u32),
}

impl Throughput {
    /// A bucket nobody has drawn on yet.
    pub(crate) fn full(now: Duration, rate: u32) -> Self {
        Self { tokens: f64::from(rate), filled: now, inbound: (0, 0) }
    }

    /// Takes one message, if there is room for it.
    pub(crate) fn take(&mut self, now: Duration, rate: u32) -> bool {
        self.fill(now, rate);
        // The bucket is filled in fractions: a whole message may be a rounding error short.
        let has_room = self.tokens > 1.0 - 1e-9;
        if has_room {
            self.tokens -= 1.0;
        }
        has_room
    }

    /// Counts a message of a user.
    pub(crate) fn inbound(&mut self, now: Duration, rate: u32) {
        self.fill(now, rate);
        self.inbound.0 = self.inbound.0.saturating_add(1);
    }

    fn fill(&mut self, now: Duration, rate: u32) {
        if now.saturating_sub(self.filled) > Duration::from_secs(3) {
            *self = Self::full(now, rate);
        }
        while self.filled < now {
            let turn = Duration::from_secs(self.filled.as_secs() + 1);
            let until = turn.min(now);
            let allowed = rate.saturating_sub(self.inbound.1).max(rate.div_ceil(2));
            self.tokens += f64::from(allowed) * (until - self.filled).as_secs_f64();
            self.filled = until;
            if until == turn {
                self.inbound = (0, self.inbound.0);
            }
        }
        self.tokens = self.tokens.min(f64::from(rate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    fn drain(bucket: &mut Throughput, now: Duration) -> u32 {
        let mut taken = 0;
        while bucket.take(now, 80) {
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_second_holds_its_rate_and_no_more() {
        let mut bucket = Throughput::full(START, 80);
        assert_eq!(drain(&mut bucket, START), 80);
        assert_eq!(drain(&mut bucket, START + Duration::from_millis(500)), 40);
        assert_eq!(drain(&mut bucket, START + Duration::from_millis(1_500)), 80);
        assert_eq!(drain(&mut bucket, START + Duration::from_secs(60)), 80, "idle time isn't saved up");
    }

    #[test]
    fn an_even_pace_with_a_small_burst_is_never_refused() {
        let mut bucket = Throughput::full(START, 80);
        for slot in 0..800_u64 {
            let early = Duration::from_micros((slot % 5) * 10_000);
            let now = START + Duration::from_micros(12_500 * slot).saturating_sub(early);
            assert!(bucket.take(now, 80), "slot {slot}");
        }
    }

    #[test]
    fn inbound_comes_off_the_next_second_but_never_more_than_half() {
        for (written, left) in [(0, 80), (20, 60), (40, 40), (500, 40)] {
            let mut bucket = Throughput::full(START, 80);
            drain(&mut bucket, START);
            for _ in 0..written {
                bucket.inbound(START, 80);
            }
            assert_eq!(drain(&mut bucket, START + Duration::from_secs(1)), 80, "the running second is not touched");
            assert_eq!(drain(&mut bucket, START + Duration::from_secs(2)), left, "{written} written");
            assert_eq!(drain(&mut bucket, START + Duration::from_secs(3)), 80, "no debt after {written}");
        }
    }
}
