//! Settling an unknown outcome: by its status, on the statuses' clock; and only when none came, by the policy.

use crate::whatsapp::POST_TIME;
use shared::{
    Clock, Timestamp,
    job::{JobRef, JobState},
    ports::{
        Stored,
        ledger::{Ledger, Verdict},
        status_clock::{StatusClock, StatusClockReading},
    },
    settings::UnknownOutcomePolicy,
};
use std::{sync::Arc, time::Duration};

/// A clock that was not written for this long tells nothing.
const CLOCK_AGE: Duration = Duration::from_secs(10);
/// How long until a clock that tells nothing is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// What settling stands on.
pub(crate) struct Unknowns {
    pub ledger: Arc<dyn Ledger>,
    pub status_clock: Arc<dyn StatusClock>,
    pub clock: Arc<dyn Clock>,
    pub policy: UnknownOutcomePolicy,
    pub wait: Duration,
    pub wait_after_refusal: Duration,
    /// `SEND_MAX_AGE`.
    pub max_age: Duration,
}

/// What came of it, for the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is given up: the lane moves on.
    Over,
    /// It is to be sent once more.
    Resend,
    /// The ledger knows more than the lane: a status came, or somebody settled it by hand.
    Changed,
    /// Too early to know: look again then.
    Later(Timestamp),
    /// It would be sent once more, but nobody knows whether the API answers: look again then.
    Doubted(Timestamp),
}

/// What an unknown outcome waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// The moment in boot time before which nothing is resent.
    pub not_before: Duration,
    /// Resends so far.
    pub resends: i32,
    /// Whether the API is known to answer: there is one resend, and it is not spent on an outage.
    pub answers: bool,
}

impl Unknowns {
    /// How long a claim of this process waits, in boot time, from the end of its POST on: wall clocks may jump.
    pub fn wait_after_answer(&self) -> Duration {
        self.wait.saturating_sub(POST_TIME)
    }

    /// Settles it if that can be done now.
    pub async fn settle(&self, job: &JobRef, wait: Wait) -> Stored<Settled> {
        let head = self.ledger.head(&job.phone_number_id, &job.recipient_id).await?;
        let still = head.is_some_and(|head| head.job.job_id == job.job_id && head.state == JobState::Unknown);
        if !still {
            metrics::counter!("flow_runner_unknown_settled_total").increment(1);
            return Ok(Settled::Changed);
        }
        let now = self.clock.now();
        let reading = self.status_clock.read().await?;
        if let Some(later) = too_early(&reading, wait.claimed_at, now, self.wait, self.wait_after_refusal) {
            return Ok(Settled::Later(later));
        }
        if self.clock.boot() < wait.not_before {
            return Ok(Settled::Later(now.plus(ASK_AGAIN)));
        }
        let verdict = match self.policy {
            // What would be too old to be sent is not waited for any longer.
            UnknownOutcomePolicy::Resend if now.since(wait.claimed_at) > self.max_age => Verdict::GiveUp,
            UnknownOutcomePolicy::Resend if wait.resends == 0 && !wait.answers => {
                return Ok(Settled::Doubted(now.plus(ASK_AGAIN)));
            }
            UnknownOutcomePolicy::Resend if wait.resends == 0 => Verdict::Resend,
            UnknownOutcomePolicy::Resend | UnknownOutcomePolicy::Hold => Verdict::GiveUp,
        };
        let settled = self.ledger.settle_unknown(&job.job_id, verdict, now).await?;
        Ok(match (settled, verdict) {
            (true, Verdict::Resend) => {
                metrics::counter!("flow_runner_unknown_resent_total").increment(1);
                tracing::warn!(job.id = %job.job_id, "no status came for a send of unknown outcome: sending it once more");
                Settled::Resend
            }
            (true, Verdict::GiveUp) => Settled::Over,
            (false, _) => Settled::Changed,
        })
    }
}

/// When to look again, as long as a status of a send claimed at `claimed_at` may still come.
fn too_early(
    reading: &StatusClockReading,
    claimed_at: Timestamp,
    now: Timestamp,
    wait: Duration,
    wait_after_refusal: Duration,
) -> Option<Timestamp> {
    let fresh = reading.written_at.is_some_and(|written| now.since(written) <= CLOCK_AGE);
    let Some(watermark) = reading.watermark.filter(|_| fresh) else { return Some(now.plus(ASK_AGAIN)) };
    let mut until = claimed_at.plus(wait);
    // A callback that was refused may have held this very status; Meta brings it again once callbacks are taken.
    if let (Some(since), Some(last)) = (reading.refused_since, reading.refused_at)
        && since <= until
        && last >= claimed_at
    {
        until = until.max(last).plus(wait_after_refusal);
    }
    (watermark < until).then(|| now.plus(until.since(watermark).min(ASK_AGAIN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMED: Timestamp = Timestamp(1_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn early(watermark: Duration, refused: Option<Duration>, now: Duration) -> bool {
        let now = CLAIMED.plus(now);
        let reading = StatusClockReading {
            watermark: Some(CLAIMED.plus(watermark)),
            written_at: Some(now),
            refused_since: refused.map(|after| CLAIMED.plus(after)),
            refused_at: refused.map(|after| CLAIMED.plus(after)),
        };
        too_early(&reading, CLAIMED, now, MINUTE, MINUTE * 10).is_some()
    }

    #[test]
    fn the_watermark_decides_not_the_wall_clock() {
        assert!(early(MINUTE / 2, None, MINUTE * 30), "statuses are half an hour late: wait");
        assert!(!early(MINUTE, None, MINUTE));
    }

    #[test]
    fn a_refused_callback_in_the_first_minute_waits_ten_more() {
        assert!(early(MINUTE * 10, Some(MINUTE / 2), MINUTE * 10));
        assert!(!early(MINUTE * 11, Some(MINUTE / 2), MINUTE * 11));
        assert!(!early(MINUTE * 2, Some(MINUTE * 2), MINUTE * 2), "refused later: that status can't be meant");
    }

    #[test]
    fn refusals_that_go_on_are_one_and_are_counted_from_their_end() {
        let now = CLAIMED.plus(MINUTE * 15);
        let reading = StatusClockReading {
            watermark: Some(now),
            written_at: Some(now),
            refused_since: Some(CLAIMED.plus(MINUTE / 2)),
            refused_at: Some(CLAIMED.plus(MINUTE * 10)),
        };
        assert!(too_early(&reading, CLAIMED, now, MINUTE, MINUTE * 10).is_some(), "5 minutes after the last refusal");
        let later = CLAIMED.plus(MINUTE * 20);
        let reading = StatusClockReading { watermark: Some(later), written_at: Some(later), ..reading };
        assert!(too_early(&reading, CLAIMED, later, MINUTE, MINUTE * 10).is_none());
    }

    #[test]
    fn a_clock_that_stands_still_tells_nothing() {
        let reading = StatusClockReading {
            watermark: Some(CLAIMED.plus(MINUTE * 5)),
            written_at: Some(CLAIMED.plus(MINUTE * 5)),
            refused_since: None,
            refused_at: None,
        };
        assert!(too_early(&reading, CLAIMED, CLAIMED.plus(MINUTE * 6), MINUTE, MINUTE).is_some());
        assert!(too_early(&StatusClockReading::default(), CLAIMED, CLAIMED.plus(MINUTE), MINUTE, MINUTE).is_some());
    }
}
