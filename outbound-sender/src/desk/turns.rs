//! Whose turn it is: what comes back from attempts and from the ledger, and where the lane goes on.

use super::{Desk, LANES, past::LEDGER_WAIT};
use crate::{
    attempt::{Attempt, Attempted, Call, Limited, Reached},
    host::Held,
    lane::{Lane, Phase},
    unknown::Settled,
};
use shared::{
    error_table::Scope,
    ids::RecipientId,
    job::JobState,
    ports::{
        Stored,
        ledger::{OpenJob, RateFailure},
    },
};
use std::time::Duration;

/// What a task of a desk comes back with.
pub(super) enum Done {
    Attempted(RecipientId, Stored<Attempt>),
    Settled(RecipientId, Stored<Settled>),
    Head(RecipientId, Stored<Option<OpenJob>>),
    Inherited(RecipientId, Stored<bool>, OpenJob),
    Read(Stored<(Vec<RateFailure>, Vec<OpenJob>)>),
    Delivered(RecipientId, Stored<bool>),
    Asked { of_host: bool, answered: bool },
    Panicked(Work),
}

/// What a task of a desk is for.
pub(super) enum Work {
    Attempt(RecipientId),
    Lane(RecipientId),
    Reading,
    Asking { of_host: bool },
}

/// Meta's code for the pace of a pair.
const PAIR_RATE: i64 = 131_056;
/// How soon an unknown outcome is looked at: most statuses come within a second.
const FIRST_LOOK: Duration = Duration::from_secs(1);

impl Desk {
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Attempted(recipient, attempted) => {
                self.ended(&recipient, attempted.as_ref().ok().map(|attempt| attempt.call.as_ref()));
                self.attempted(&recipient, attempted.map(|attempt| attempt.attempted));
                self.move_line();
            }
            Done::Delivered(recipient, delivered) => self.delivered(&recipient, delivered),
            Done::Asked { of_host, answered } => self.asked(of_host, answered),
            Done::Settled(recipient, settled) => self.settled(&recipient, settled),
            Done::Head(recipient, head) => self.head(&recipient, head),
            Done::Inherited(recipient, inherited, open) => match inherited {
                Ok(true) => self.set_unknown(&recipient, self.now(), &open),
                Ok(false) | Err(_) => self.forget(&recipient),
            },
            Done::Panicked(work) => self.panicked(work),
            Done::Read(read) => {
                self.reading = false;
                match read {
                    Ok((failures, jobs)) => {
                        failures.iter().for_each(|failure| self.failed_for_its_rate(failure));
                        jobs.into_iter().for_each(|job| self.found(job));
                    }
                    Err(error) => tracing::warn!(%error, number = %self.number, "can't read the ledger"),
                }
            }
        }
    }

    /// A message that had its slot is no longer under way. `None`: nobody knows whether it made a request; `Some(None)`: it
    /// made none.
    fn ended(&mut self, recipient: &RecipientId, call: Option<Option<&Call>>) {
        let now = self.now();
        self.under_way -= 1;
        let Some(Some(call)) = call else {
            self.shared.host.ended();
            match call {
                Some(_) => self.limits.return_slot(recipient, now),
                None => self.limits.posted(recipient, now),
            }
            return;
        };
        self.shared.host.called(&self.number, call.began, now, call.answered());
        let before = self.breaker.state();
        self.breaker.called(call.began, now, call.answered());
        self.say(before);
        match call.reached {
            Reached::Nobody => self.limits.return_pair_slot(recipient),
            Reached::Somebody | Reached::Meta { .. } => self.limits.posted(recipient, now),
        }
        if call.reached == (Reached::Meta { taken: true }) {
            self.shared.host.was_taken(&self.number, &call.account, now);
        }
        self.limited(recipient, call, now);
    }

    /// Slows down as Meta asks for.
    fn limited(&mut self, recipient: &RecipientId, call: &Call, now: Duration) {
        let (host, account) = (&self.shared.host, || Held::Account(call.account.clone()));
        match call.limited {
            Some(Limited::Pair) => self.limits.pair_refused(recipient, now),
            Some(Limited::Of(Scope::Number, asked)) => {
                tracing::warn!(number = %self.number, "Meta refused a message for the number's rate: sending half as fast");
                self.limits.number_refused(now);
                if !asked.is_zero() {
                    host.hold(Held::Number(self.number.clone()), now, asked);
                }
            }
            Some(Limited::Of(Scope::Account, asked)) => host.hold(account(), now, asked),
            Some(Limited::Of(Scope::Message, _)) | None => {}
        }
        if let Some(asked) = call.account_waits {
            tracing::warn!(number = %self.number, ?asked, "Meta asks the account to wait");
            host.hold(account(), now, asked);
        }
        if let Some(lane) = self.lanes.get_mut(recipient) {
            lane.pair_refusals = if call.limited == Some(Limited::Pair) { lane.pair_refusals + 1 } else { 0 };
        }
    }

    /// Meta took a message and said only later that it came too fast.
    fn failed_for_its_rate(&mut self, failure: &RateFailure) {
        let now = self.now();
        self.heard = self.heard.max(failure.at);
        if failure.code == PAIR_RATE {
            self.limits.pair_refused(&failure.recipient_id, now);
        } else {
            tracing::warn!(number = %self.number, "a status refused a message for the number's rate: sending half as fast");
            self.limits.number_refused(now);
        }
    }

    /// The lane is let go; the ledger brings it back, and with it a claim as one whose outcome is unknown.
    fn panicked(&mut self, work: Work) {
        metrics::counter!("flow_runner_panics_total").increment(1);
        tracing::error!(number = %self.number, "a task of the sender panicked");
        match work {
            Work::Attempt(recipient) => {
                self.ended(&recipient, None);
                self.forget(&recipient);
                self.move_line();
            }
            Work::Asking { of_host } => self.asked(of_host, false),
            Work::Lane(recipient) => self.forget(&recipient),
            Work::Reading => self.reading = false,
        }
    }

    fn settled(&mut self, recipient: &RecipientId, settled: Stored<Settled>) {
        let again = match settled {
            Ok(Settled::Over) => return self.move_on(recipient),
            Ok(Settled::Resend | Settled::Changed) => return self.ask_head(recipient),
            Ok(Settled::Later(at)) => self.boot_of(at),
            Ok(Settled::Doubted(at)) => {
                self.doubt();
                self.boot_of(at)
            }
            Err(error) => {
                tracing::warn!(%error, number = %self.number, "can't settle an unknown outcome yet");
                self.now() + LEDGER_WAIT
            }
        };
        if let Some(Lane { phase: Phase::Settling { claimed_at, not_before, resends }, .. }) = self.lanes.get(recipient)
        {
            let phase =
                Phase::Unknown { at: again, claimed_at: *claimed_at, not_before: *not_before, resends: *resends };
            self.set_phase(recipient, phase);
        }
    }

    fn attempted(&mut self, recipient: &RecipientId, attempted: Stored<Attempted>) {
        match attempted {
            Ok(Attempted::Sent { media }) => {
                self.keep_distance(recipient, media);
                self.move_on(recipient);
            }
            Ok(Attempted::Over) => self.move_on(recipient),
            Ok(Attempted::Again { due_at }) => {
                self.set_phase(recipient, Phase::Waits(self.boot_of(due_at)));
            }
            Ok(Attempted::Unknown { claimed_at, resends }) => {
                let (at, not_before) = (self.now() + FIRST_LOOK, self.now() + self.shared.unknowns.wait_after_answer());
                self.set_phase(recipient, Phase::Unknown { at, claimed_at, not_before, resends });
            }
            Ok(Attempted::Behind) => self.ask_head(recipient),
            Ok(Attempted::Paused) => {
                self.forget(recipient);
                self.pause();
            }
            Err(error) => {
                tracing::warn!(%error, number = %self.number, "an attempt met a ledger that is away");
                self.forget(recipient);
            }
        }
    }

    /// The head is over: the next one's turn.
    fn move_on(&mut self, recipient: &RecipientId) {
        let now = self.now();
        let Some(lane) = self.lanes.get_mut(recipient) else { return };
        if lane.move_on() {
            lane.phase = Phase::Waits(now);
            self.look_at(recipient);
        } else if std::mem::take(&mut lane.more) {
            self.ask_head(recipient);
        } else {
            self.forget(recipient);
        }
    }

    /// Lets a lane go; whatever it still holds in the ledger comes back with the next reading.
    fn forget(&mut self, recipient: &RecipientId) {
        self.lanes.remove(recipient);
    }

    fn ask_head(&mut self, recipient: &RecipientId) {
        let (shared, number, to) = (self.shared.clone(), self.number.clone(), recipient.clone());
        self.set_phase(recipient, Phase::Busy);
        self.work(Work::Lane(recipient.clone()), async move {
            let head = shared.ledger.head(&number, &to).await;
            Done::Head(to, head)
        });
    }

    /// The ledger says who is first in a lane.
    fn head(&mut self, recipient: &RecipientId, head: Stored<Option<OpenJob>>) {
        match head {
            Ok(Some(open)) => {
                if let Some(lane) = self.lanes.get_mut(recipient) {
                    lane.put_first(open.job.clone());
                    self.place(recipient, open);
                }
            }
            // The head is over; what came in while the ledger was asked goes next.
            Ok(None) => self.move_on(recipient),
            Err(error) => {
                tracing::warn!(%error, number = %self.number, "can't ask whose turn it is");
                self.forget(recipient);
            }
        }
    }

    /// The ledger holds a lane's head that this desk may not know.
    fn found(&mut self, open: OpenJob) {
        if self.paused || self.lanes.contains_key(&open.job.recipient_id) || self.lanes.len() >= LANES {
            return;
        }
        let recipient = open.job.recipient_id.clone();
        self.lanes.insert(recipient.clone(), Lane::new(open.job.clone(), Phase::Busy));
        if let Some(lane) = self.lanes.get_mut(&recipient) {
            // Its followers are in the ledger too.
            lane.more = true;
        }
        self.place(&recipient, open);
    }

    /// Goes on with a lane's head as the ledger has it.
    fn place(&mut self, recipient: &RecipientId, open: OpenJob) {
        let due = open.due_at.map_or_else(|| self.now(), |due_at| self.boot_of(due_at));
        match open.state {
            JobState::Queued | JobState::Retrying => {
                if let Some(lane) = self.lanes.get_mut(recipient) {
                    lane.resent = open.resends > 0;
                }
                self.set_phase(recipient, Phase::Waits(due));
                self.look_at(recipient);
            }
            JobState::Unknown => self.set_unknown(recipient, self.now(), &open),
            JobState::Sending if due > self.now() => {
                // A claim that may be alive: the reading after its end finds it.
                self.forget(recipient);
            }
            JobState::Sending => {
                let (shared, to) = (self.shared.clone(), recipient.clone());
                self.set_phase(recipient, Phase::Busy);
                self.work(Work::Lane(recipient.clone()), async move {
                    let now = shared.clock.now();
                    let inherited = shared.ledger.inherit(&open.job.job_id, now, now).await;
                    metrics::counter!("flow_runner_claims_inherited_total").increment(1);
                    Done::Inherited(to, inherited, open)
                });
            }
            JobState::Sent | JobState::Dead => self.forget(recipient),
        }
    }

    fn set_unknown(&mut self, recipient: &RecipientId, at: Duration, open: &OpenJob) {
        let claimed_at = open.claimed_at.unwrap_or_default();
        self.set_phase(recipient, Phase::Unknown { at, claimed_at, not_before: at, resends: open.resends });
    }
}
