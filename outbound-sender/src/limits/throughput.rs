//! A number's messages per second: what Meta grants it, less what comes in, and less again after a refusal.

use super::{Rate, next_slot};
use std::time::Duration;

/// Messages of one number at once: a small burst, so that a second's worth is spread over the second.
const BURST: u32 = 4;
/// Of a rate whose messages follow each other within a timer's tick, what is sent within so many ticks.
const BURST_TIME: Duration = Duration::from_millis(20);
/// What stays free while nobody knows what comes in.
const UNKNOWN_INBOUND: f64 = 0.1;
/// What comes in never takes more: who is written to more than it may send must still answer.
const LEAST: f64 = 0.5;
/// A refusal halves the rate; from nothing it would take so long until it is whole again.
const REGROWTH: Duration = Duration::from_secs(60);
/// However often it is halved.
const LEAST_SHARE: f64 = 1.0 / 64.0;
/// Refusals within this time are one: they answer messages of the same moment.
const ONE_REFUSAL: Duration = Duration::from_secs(1);

/// A number's bucket.
#[derive(Debug)]
pub(super) struct Throughput {
    /// 0 = no limit.
    granted: u32,
    inbound: Option<f64>,
    /// When it was last refused, and what share of the rate was left then.
    eased: Option<(Duration, f64)>,
    tat: Duration,
}

impl Throughput {
    pub fn new(granted: u32) -> Self {
        Self { granted, inbound: Some(0.0), eased: None, tat: Duration::ZERO }
    }

    pub fn grant(&mut self, rate: u32) {
        self.granted = rate;
    }

    pub fn make_room(&mut self, inbound: Option<f64>) {
        self.inbound = inbound;
    }

    pub fn rate(&self, now: Duration) -> Option<f64> {
        if self.granted == 0 {
            return None;
        }
        let granted = f64::from(self.granted);
        let inbound = self.inbound.unwrap_or(granted * UNKNOWN_INBOUND);
        Some((granted - inbound).max(granted * LEAST) * self.share(now))
    }

    pub fn slot(&self, now: Duration) -> Duration {
        self.bucket(now).map_or(now, |bucket| next_slot(bucket, self.tat, now).0)
    }

    pub fn take(&mut self, at: Duration) {
        if let Some(bucket) = self.bucket(at) {
            self.tat = next_slot(bucket, self.tat, at).1;
        }
    }

    pub fn put_back(&mut self, now: Duration) {
        if let Some(bucket) = self.bucket(now) {
            self.tat = self.tat.saturating_sub(bucket.spacing);
        }
    }

    pub fn refused(&mut self, now: Duration) {
        if self.eased.is_none_or(|(at, _)| now >= at + ONE_REFUSAL) {
            self.eased = Some((now, (self.share(now) / 2.0).max(LEAST_SHARE)));
        }
    }

    fn share(&self, now: Duration) -> f64 {
        let Some((at, share)) = self.eased else { return 1.0 };
        (share + now.saturating_sub(at).as_secs_f64() / REGROWTH.as_secs_f64()).min(1.0)
    }

    fn bucket(&self, now: Duration) -> Option<Rate> {
        let rate = self.rate(now)?;
        let burst = BURST.max((rate * BURST_TIME.as_secs_f64()) as u32).min(self.granted);
        Some(Rate { spacing: Duration::from_secs_f64(1.0 / rate), burst })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);
    const SECOND: Duration = Duration::from_secs(1);

    fn rate(number: &Throughput, after: u32) -> f64 {
        number.rate(NOW + SECOND * after).expect("a limit")
    }

    #[test]
    fn what_comes_in_is_taken_off_but_never_more_than_half() {
        let mut number = Throughput::new(80);
        for (inbound, left) in [(Some(0.0), 80.0), (Some(30.0), 50.0), (Some(500.0), 40.0), (None, 72.0)] {
            number.make_room(inbound);
            assert!((rate(&number, 0) - left).abs() < 1e-9, "{inbound:?}");
        }
        let free = Throughput::new(0);
        assert_eq!((free.rate(NOW), free.slot(NOW)), (None, NOW));
    }

    #[test]
    fn a_refusal_halves_the_rate_which_grows_back() {
        let mut number = Throughput::new(80);
        (0..5).for_each(|_| number.refused(NOW));
        assert!((rate(&number, 0) - 40.0).abs() < 1e-9, "refusals of one moment are one");
        assert!((rate(&number, 15) - 60.0).abs() < 1e-9);
        assert!((rate(&number, 30) - 80.0).abs() < 1e-9);
        assert!((rate(&number, 3000) - 80.0).abs() < 1e-9);
        (1..50).for_each(|after| number.refused(NOW + SECOND * after));
        assert!(rate(&number, 49) > 1.0, "however often it is refused, it goes on");
    }

    #[test]
    fn a_fast_number_may_catch_up_with_a_timer_that_was_late() {
        assert_eq!(Throughput::new(1000).bucket(NOW).map(|bucket| bucket.burst), Some(20));
        assert_eq!(Throughput::new(80).bucket(NOW).map(|bucket| bucket.burst), Some(4));
        assert_eq!(Throughput::new(2).bucket(NOW).map(|bucket| bucket.burst), Some(2));
    }
}
