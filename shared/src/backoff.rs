//! Retry arithmetic: doubling waits with full jitter.

use std::time::Duration;

/// A doubling wait between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait at most.
    pub first: Duration,
    /// Any wait at most.
    pub most: Duration,
}

impl Backoff {
    /// The longest wait before try `attempt` (counted from 1).
    #[must_use]
    pub fn ceiling(self, attempt: u32) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.most)
    }

    /// A wait before try `attempt` with full jitter (Brooker, "Exponential Backoff And Jitter"): anything from zero to
    /// the ceiling, chosen by `dice` in `0.0..1.0`.
    #[must_use]
    pub fn jittered(self, attempt: u32, dice: f64) -> Duration {
        self.ceiling(attempt).mul_f64(dice.clamp(0.0, 1.0))
    }
}

/// A random number in `0.0..1.0` for jitter; nothing that must be secret hangs on it.
#[must_use]
pub fn dice() -> f64 {
    let bits = crate::ids::RowVersion::draw().0;
    (bits as f64 / (1_u64 << 52) as f64).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most() {
        let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(300) };
        let ceilings: Vec<u64> = (1..=11).map(|attempt| backoff.ceiling(attempt).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(backoff.ceiling(200), Duration::from_secs(300));
        assert_eq!(backoff.jittered(3, 0.5), Duration::from_secs(2));
    }
}
