//! A desk: one business number's lanes, limits and attempts. One task owns all of it, so nothing is locked.

use crate::{
    attempt::{Attempted, Attempts},
    lane::{Lane, Phase},
    limits::{NumberLimits, PAIR_MEMORY},
    unknown::{Settled, Unknowns},
};
use shared::{
    Clock, Timestamp,
    ids::{PhoneNumberId, RecipientId},
    job::{JobRef, JobState},
    ports::{
        Stored,
        accounts::Accounts,
        ledger::{Ledger, OpenJob},
    },
    settings::PairRate,
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How often the ledger is read for what nobody rang the bell for.
const READ_EVERY: Duration = Duration::from_secs(5);
/// Rows younger than this are on their way here.
const READ_OLDER: Duration = Duration::from_secs(5);
/// Rows read at once where the number has no limit.
const READ_MOST: u32 = 5_000;
/// A slot further away than this is not taken yet: the lane asks again.
const HORIZON: Duration = Duration::from_secs(2);
/// How long a lane that found no slot within the horizon waits before it asks again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// After the ledger failed.
const LEDGER_WAIT: Duration = Duration::from_secs(1);
/// Lanes held in memory; what is beyond lies in the ledger and comes back in order.
const LANES: usize = 100_000;
/// After a number was taken: what the last owner sent in its last second is counted, but not what it was about to send.
const SETTLE_IN: Duration = Duration::from_secs(1);

/// What all desks stand on.
pub(crate) struct Shared {
    pub attempts: Attempts,
    pub unknowns: Unknowns,
    pub ledger: Arc<dyn Ledger>,
    pub accounts: Arc<dyn Accounts>,
    pub clock: Arc<dyn Clock>,
    pub owner: String,
    /// Messages per second where the number has no setting of its own; 0 = no limit.
    pub rate: u32,
    pub pair_rate: PairRate,
    /// POSTs under way at a time, per number.
    pub concurrency: usize,
    /// Whether no other process can have sent from this number a moment ago.
    pub exclusive: bool,
}

/// What a task of a desk comes back with.
enum Done {
    Attempted(RecipientId, Stored<Attempted>),
    Settled(RecipientId, Stored<Settled>),
    Head(RecipientId, Stored<Option<OpenJob>>),
    Inherited(RecipientId, Stored<bool>, OpenJob),
    Read(Stored<Vec<OpenJob>>),
}

pub(crate) struct Desk {
    number: PhoneNumberId,
    shared: Arc<Shared>,
    lanes: HashMap<RecipientId, Lane>,
    /// When lanes want to be looked at; an entry that its lane has outgrown is passed over.
    wakes: BinaryHeap<Reverse<(Duration, RecipientId)>>,
    limits: NumberLimits,
    tasks: JoinSet<Done>,
    busy: usize,
    reading: bool,
    paused: bool,
}

impl Desk {
    pub fn new(number: PhoneNumberId, shared: Arc<Shared>) -> Self {
        Self {
            number,
            limits: NumberLimits::new(shared.rate, shared.pair_rate),
            shared,
            lanes: HashMap::new(),
            wakes: BinaryHeap::new(),
            tasks: JoinSet::new(),
            busy: 0,
            reading: false,
            paused: false,
        }
    }

    /// Works until `stop`, then finishes what is under way.
    pub async fn run(mut self, mut bell: mpsc::Receiver<JobRef>, stop: CancellationToken) {
        self.rebuild_limits(&stop).await;
        let mut read = tokio::time::interval(READ_EVERY);
        let mut first = true;
        while !stop.is_cancelled() {
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = self.tasks.join_next() => match done {
                    Ok(done) => self.done(done),
                    Err(error) => tracing::error!(%error, number = %self.number, "an attempt ended badly"),
                },
                rung = bell.recv() => match rung {
                    Some(job) => self.arrives(job),
                    None => break,
                },
                () = sleep_until(&*self.shared.clock, wake), if wake.is_some() => self.wake(),
                _ = read.tick() => {
                    self.read(std::mem::take(&mut first)).await;
                }
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Counts what was sent from this number before this desk had it.
    async fn rebuild_limits(&mut self, stop: &CancellationToken) {
        let clock = self.shared.clock.clone();
        loop {
            let (number, now, boot) = (&self.number, clock.now(), clock.boot());
            match self.rate_and_recent(number, now).await {
                Ok((rate, recent)) => {
                    self.limits = NumberLimits::new(rate, self.shared.pair_rate);
                    for (recipient, at) in recent {
                        // Boot time of a moment before this process started is zero: as if it were its first.
                        self.limits.take(&recipient, boot.saturating_sub(now.since(at)));
                    }
                    break;
                }
                Err(error) => tracing::warn!(%error, %number, "can't take the number yet"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LEDGER_WAIT) => {}
            }
        }
        if !self.shared.exclusive {
            tokio::time::sleep(SETTLE_IN).await;
        }
    }

    async fn rate_and_recent(
        &self,
        number: &PhoneNumberId,
        now: Timestamp,
    ) -> Stored<(u32, Vec<(RecipientId, Timestamp)>)> {
        let rate = self.shared.accounts.phone_number(number).await?.and_then(|number| number.rate);
        let recent = match self.shared.pair_rate {
            PairRate::Off => Vec::new(),
            PairRate::On | PairRate::Strict => {
                self.shared.ledger.claimed_since(number, now.minus(PAIR_MEMORY)).await?
            }
        };
        Ok((rate.unwrap_or(self.shared.rate), recent))
    }

    fn now(&self) -> Duration {
        self.shared.clock.boot()
    }

    /// The moment in boot time of a wall time.
    fn boot_of(&self, at: Timestamp) -> Duration {
        self.now() + at.since(self.shared.clock.now())
    }

    fn arrives(&mut self, job: JobRef) {
        if self.paused {
            return;
        }
        let now = self.now();
        if let Some(lane) = self.lanes.get_mut(&job.recipient_id) {
            lane.add(job);
        } else if self.lanes.len() < LANES {
            let recipient = job.recipient_id.clone();
            self.lanes.insert(recipient.clone(), Lane::new(job, Phase::Waits(now)));
            self.look_at(&recipient);
        }
    }

    fn set_phase(&mut self, recipient: &RecipientId, phase: Phase) {
        if let Some(lane) = self.lanes.get_mut(recipient) {
            lane.phase = phase;
            if let Some(at) = phase.wakes_at() {
                self.wakes.push(Reverse((at, recipient.clone())));
            }
        }
    }

    fn next_wake(&self) -> Option<Duration> {
        self.wakes.peek().map(|Reverse((at, _))| *at)
    }

    /// Looks at every lane whose moment has come.
    fn wake(&mut self) {
        let now = self.now();
        while let Some(Reverse((at, _))) = self.wakes.peek()
            && *at <= now
        {
            let Some(Reverse((at, recipient))) = self.wakes.pop() else { return };
            let meant = self.lanes.get(&recipient).is_some_and(|lane| lane.phase.wakes_at() == Some(at));
            if meant {
                self.look_at(&recipient);
            }
        }
    }

    fn look_at(&mut self, recipient: &RecipientId) {
        let now = self.now();
        let Some(lane) = self.lanes.get(recipient) else { return };
        match lane.phase {
            Phase::Busy => {}
            Phase::Waits(at) | Phase::HasSlot(at) | Phase::Unknown { at, .. } if at > now => {
                self.set_phase(recipient, lane.phase);
            }
            Phase::Waits(_) => self.find_slot(recipient, now),
            Phase::HasSlot(_) => self.attempt(recipient),
            Phase::Unknown { claimed_at, resends, .. } => {
                let (shared, job, to) = (self.shared.clone(), lane.head.clone(), recipient.clone());
                self.set_phase(recipient, Phase::Busy);
                self.tasks.spawn(async move {
                    let settled = shared.unknowns.settle(&job, claimed_at, resends).await;
                    Done::Settled(to, settled)
                });
            }
        }
    }

    fn find_slot(&mut self, recipient: &RecipientId, now: Duration) {
        let slot = self.limits.earliest(recipient, now);
        if self.busy >= self.shared.concurrency || slot > now + HORIZON {
            let again = if slot > now + HORIZON { (slot - HORIZON).max(now + ASK_AGAIN) } else { now + BUSY_WAIT };
            self.set_phase(recipient, Phase::Waits(again));
            return;
        }
        self.limits.take(recipient, slot);
        metrics::histogram!("flow_runner_rate_limit_wait_seconds").record((slot - now).as_secs_f64());
        if slot > now {
            self.set_phase(recipient, Phase::HasSlot(slot));
        } else {
            self.attempt(recipient);
        }
    }

    fn attempt(&mut self, recipient: &RecipientId) {
        let Some(lane) = self.lanes.get(recipient) else { return };
        let (shared, job, to, refusals) =
            (self.shared.clone(), lane.head.clone(), recipient.clone(), lane.pair_refusals);
        self.busy += 1;
        self.set_phase(recipient, Phase::Busy);
        self.tasks.spawn(async move {
            let attempted = shared.attempts.attempt(&job, refusals).await;
            Done::Attempted(to, attempted)
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Attempted(recipient, attempted) => {
                self.busy -= 1;
                self.attempted(&recipient, attempted);
            }
            Done::Settled(recipient, settled) => match settled {
                Ok(Settled::Over) => self.move_on(&recipient),
                Ok(Settled::Resend) => self.set_phase(&recipient, Phase::Waits(self.now())),
                // Only the ledger knows how it stands now.
                Ok(Settled::Later(_)) | Err(_) => self.ask_ledger_later(&recipient, settled.ok()),
            },
            Done::Head(recipient, head) => self.head(&recipient, head),
            Done::Inherited(recipient, inherited, open) => match inherited {
                Ok(true) => self.set_unknown(&recipient, self.now(), &open),
                Ok(false) | Err(_) => self.forget(&recipient),
            },
            Done::Read(read) => {
                self.reading = false;
                match read {
                    Ok(jobs) => jobs.into_iter().for_each(|job| self.found(job)),
                    Err(error) => tracing::warn!(%error, number = %self.number, "can't read the ledger"),
                }
            }
        }
    }

    fn attempted(&mut self, recipient: &RecipientId, attempted: Stored<Attempted>) {
        match attempted {
            Ok(Attempted::Over) => self.move_on(recipient),
            Ok(Attempted::Again { due_at, pair_refused }) => {
                if let Some(lane) = self.lanes.get_mut(recipient) {
                    lane.pair_refusals = if pair_refused { lane.pair_refusals + 1 } else { 0 };
                }
                self.set_phase(recipient, Phase::Waits(self.boot_of(due_at)));
            }
            Ok(Attempted::Unknown { due_at, claimed_at, resends }) => {
                let at = self.boot_of(due_at);
                self.set_phase(recipient, Phase::Unknown { at, claimed_at, resends });
            }
            Ok(Attempted::Behind) => self.ask_head(recipient),
            Ok(Attempted::Paused) => self.pause(),
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

    fn ask_ledger_later(&mut self, recipient: &RecipientId, settled: Option<Settled>) {
        let at = match settled {
            Some(Settled::Later(at)) => self.boot_of(at),
            _ => self.now() + LEDGER_WAIT,
        };
        let Some(lane) = self.lanes.get(recipient) else { return };
        let (shared, job) = (self.shared.clone(), lane.head.clone());
        self.tasks.spawn(async move {
            sleep_until(&*shared.clock, Some(at)).await;
            let head = shared.ledger.head(&job.phone_number_id, &job.recipient_id).await;
            Done::Head(job.recipient_id, head)
        });
    }

    fn ask_head(&mut self, recipient: &RecipientId) {
        let (shared, number, to) = (self.shared.clone(), self.number.clone(), recipient.clone());
        self.set_phase(recipient, Phase::Busy);
        self.tasks.spawn(async move {
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
            Ok(None) => self.forget(recipient),
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
                self.set_phase(recipient, Phase::Waits(due));
                self.look_at(recipient);
            }
            JobState::Unknown => self.set_unknown(recipient, due, &open),
            JobState::Sending if open.owner.as_deref() == Some(self.shared.owner.as_str()) || due > self.now() => {
                // Ours and under way, or a claim that may be alive: the reading after its end finds it.
                self.forget(recipient);
            }
            JobState::Sending => {
                let (shared, to) = (self.shared.clone(), recipient.clone());
                self.set_phase(recipient, Phase::Busy);
                self.tasks.spawn(async move {
                    let now = shared.clock.now();
                    let inherited = shared.ledger.inherit(&open.job.job_id, &shared.owner, now, now).await;
                    metrics::counter!("flow_runner_claims_inherited_total").increment(1);
                    Done::Inherited(to, inherited, open)
                });
            }
            JobState::Sent | JobState::Dead => self.forget(recipient),
        }
    }

    fn set_unknown(&mut self, recipient: &RecipientId, at: Duration, open: &OpenJob) {
        let claimed_at = open.claimed_at.unwrap_or_default();
        self.set_phase(recipient, Phase::Unknown { at, claimed_at, resends: open.resends });
    }

    /// Holds everything: lanes go back to the ledger, which is not read until the pause ends.
    fn pause(&mut self) {
        self.paused = true;
        self.lanes.retain(|_, lane| lane.phase == Phase::Busy);
        self.wakes.clear();
    }

    async fn read(&mut self, first: bool) {
        self.limits.forget(self.now());
        let number = match self.shared.accounts.phone_number(&self.number).await {
            Ok(number) => number,
            Err(error) => {
                tracing::warn!(%error, number = %self.number, "can't look the number up");
                return;
            }
        };
        self.paused = number.as_ref().is_some_and(|number| number.paused.is_some());
        if self.paused || self.reading {
            return;
        }
        let rate = number.and_then(|number| number.rate).unwrap_or(self.shared.rate);
        let most = u32::try_from(READ_EVERY.as_secs()).unwrap_or(5).saturating_mul(rate);
        let limit = if most == 0 { READ_MOST } else { most.clamp(100, READ_MOST) };
        let (shared, number) = (self.shared.clone(), self.number.clone());
        self.reading = true;
        self.tasks.spawn(async move {
            let now = shared.clock.now();
            let before = if first { now } else { now.minus(READ_OLDER) };
            Done::Read(shared.ledger.waiting(&number, &shared.owner, now, before, limit).await)
        });
    }
}

/// How long a lane waits while as many POSTs are under way as may be.
const BUSY_WAIT: Duration = Duration::from_millis(20);

async fn sleep_until(clock: &dyn Clock, at: Option<Duration>) {
    match at {
        Some(at) => tokio::time::sleep(at.saturating_sub(clock.boot())).await,
        None => std::future::pending().await,
    }
}
