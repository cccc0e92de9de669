//! Lanes: the strict order of one (number, recipient), as far as a desk holds it in memory.

use shared::{
    Timestamp,
    job::{JobRef, LaneSeq},
};
use std::{collections::BTreeMap, time::Duration};

/// Followers of a lane's head that are remembered; further ones are read from the ledger when their turn comes.
const REMEMBERED: usize = 16;

/// One lane that has something to do.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The job whose turn it is.
    pub head: JobRef,
    pub phase: Phase,
    /// Known followers.
    behind: BTreeMap<LaneSeq, JobRef>,
    /// The ledger holds followers that aren't in `behind`.
    pub more: bool,
    /// Refusals for the pair rate in a row.
    pub pair_refusals: u32,
    /// The head's outcome was unknown: it is sent a second time, and there is no third.
    pub resent: bool,
}

/// What the head is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not looked at yet, or waiting for the pair's limit or a back-off: look at this moment.
    Waits(Duration),
    /// It has a slot at this moment.
    HasSlot(Duration),
    /// It waits for its turn: for the number's rate, a place among the requests under way, an API that answers.
    Ready,
    /// A task works on it.
    Busy,
    /// A task settles its unknown outcome.
    Settling {
        /// When it was claimed.
        claimed_at: Timestamp,
        /// Not resent before this moment, whatever wall clocks say.
        not_before: Duration,
        /// Resends so far.
        resends: i32,
    },
    /// Its outcome is unknown: look for its status at this moment.
    Unknown {
        /// When to look.
        at: Duration,
        /// When it was claimed.
        claimed_at: Timestamp,
        /// Not resent before this moment, whatever wall clocks say.
        not_before: Duration,
        /// Resends so far.
        resends: i32,
    },
}

impl Phase {
    /// When the lane is to be looked at.
    pub fn wakes_at(self) -> Option<Duration> {
        match self {
            Self::Waits(at) | Self::HasSlot(at) | Self::Unknown { at, .. } => Some(at),
            Self::Busy | Self::Settling { .. } | Self::Ready => None,
        }
    }
}

impl Lane {
    pub fn new(head: JobRef, phase: Phase) -> Self {
        Self { head, phase, behind: BTreeMap::new(), more: false, pair_refusals: 0, resent: false }
    }

    /// Takes a job that came in. An earlier one than a head that merely waits goes first.
    pub fn add(&mut self, job: JobRef) {
        if job == self.head {
            return;
        }
        let job = match self.phase {
            Phase::Waits(_) | Phase::Ready if job.lane_seq < self.head.lane_seq => {
                let later = std::mem::replace(&mut self.head, job);
                if std::mem::take(&mut self.resent) {
                    // The ledger brings it back, and with it that it can be sent this once only.
                    self.more = true;
                    return;
                }
                later
            }
            // Mostly one whose turn came, by way of the ledger, before its message: the ledger tells.
            _ if job.lane_seq < self.head.lane_seq => {
                self.more = true;
                return;
            }
            _ => job,
        };
        if self.behind.len() < REMEMBERED || self.behind.contains_key(&job.lane_seq) {
            self.behind.insert(job.lane_seq, job);
        } else {
            self.more = true;
        }
    }

    /// Goes on with `head`, which the ledger names as the earliest that is open. The present one follows again if it is
    /// later than that; an earlier one is over.
    pub fn put_first(&mut self, head: JobRef) {
        if head.lane_seq < self.head.lane_seq {
            let follower = std::mem::replace(&mut self.head, head);
            self.behind.insert(follower.lane_seq, follower);
        } else {
            self.head = head;
        }
        self.behind.retain(|seq, _| *seq > self.head.lane_seq);
        // What else the ledger holds is not known.
        self.more = true;
    }

    /// The next one's turn; false when none is known.
    pub fn move_on(&mut self) -> bool {
        self.pair_refusals = 0;
        self.resent = false;
        match self.behind.pop_first() {
            Some((_, job)) => {
                self.head = job;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(seq: i64) -> JobRef {
        JobRef {
            job_id: format!("job {seq}").into(),
            phone_number_id: "1".into(),
            recipient_id: "r".into(),
            lane_seq: LaneSeq(seq),
        }
    }

    #[test]
    fn a_long_lane_is_followed_to_its_end_through_the_ledger() {
        let jobs = 1..=50;
        let mut lane = Lane::new(job(1), Phase::Busy);
        jobs.clone().skip(1).for_each(|seq| lane.add(job(seq)));
        let mut sent = Vec::new();
        loop {
            sent.push(lane.head.lane_seq.0);
            if lane.move_on() {
                continue;
            }
            assert!(std::mem::take(&mut lane.more) || sent.len() == 50, "the lane ends after {sent:?}");
            // The ledger names the earliest that is open.
            match jobs.clone().find(|seq| !sent.contains(seq)) {
                Some(seq) => lane.put_first(job(seq)),
                None => break,
            }
        }
        assert_eq!(sent, jobs.collect::<Vec<_>>());
    }

    #[test]
    fn a_head_that_the_ledger_passes_over_does_not_come_again() {
        let mut lane = Lane::new(job(1), Phase::Busy);
        lane.add(job(2));
        lane.put_first(job(3));
        assert_eq!(lane.head, job(3));
        assert!(!lane.move_on() && lane.more);
    }

    #[test]
    fn a_head_that_can_be_sent_once_only_keeps_that_when_it_is_overtaken() {
        let mut lane = Lane::new(job(5), Phase::Ready);
        lane.resent = true;
        lane.add(job(4));
        assert_eq!((&lane.head, lane.resent), (&job(4), false));
        assert!(!lane.move_on() && lane.more, "the ledger brings it back");
    }

    #[test]
    fn a_head_that_was_early_follows_again() {
        let mut lane = Lane::new(job(5), Phase::Busy);
        lane.put_first(job(4));
        assert_eq!(lane.head, job(4));
        assert!(lane.move_on());
        assert_eq!(lane.head, job(5));
    }
}
