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
}

/// What the head is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not looked at yet, or waiting for a limit: ask the limiter at this moment.
    Waits(Duration),
    /// It has a slot at this moment.
    HasSlot(Duration),
    /// Every place among the POSTs under way is taken.
    Ready,
    /// A task works on it.
    Busy,
    /// A task settles its unknown outcome.
    Settling {
        /// When it was claimed.
        claimed_at: Timestamp,
        /// Resends so far.
        resends: i32,
    },
    /// Its outcome is unknown: look for its status at this moment.
    Unknown {
        /// When to look.
        at: Duration,
        /// When it was claimed.
        claimed_at: Timestamp,
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
        Self { head, phase, behind: BTreeMap::new(), more: false, pair_refusals: 0 }
    }

    /// Takes a job that came in. An earlier one than a head that merely waits goes first.
    pub fn add(&mut self, job: JobRef) {
        if job == self.head {
            return;
        }
        let job = match self.phase {
            Phase::Waits(_) | Phase::Ready if job.lane_seq < self.head.lane_seq => {
                std::mem::replace(&mut self.head, job)
            }
            _ => job,
        };
        if self.behind.len() < REMEMBERED || self.behind.contains_key(&job.lane_seq) {
            self.behind.insert(job.lane_seq, job);
        } else {
            self.more = true;
        }
    }

    /// Puts `head` before the present one, which follows again.
    pub fn put_first(&mut self, head: JobRef) {
        if head != self.head {
            let follower = std::mem::replace(&mut self.head, head);
            self.behind.insert(follower.lane_seq, follower);
        }
        self.behind.remove(&self.head.lane_seq);
    }

    /// The next one's turn; false when none is known.
    pub fn move_on(&mut self) -> bool {
        self.pair_refusals = 0;
        match self.behind.pop_first() {
            Some((_, job)) => {
                self.head = job;
                true
            }
            None => false,
        }
    }
}
