//! A desk: one business number's lanes, limits and attempts. One task owns all of it, so nothing is locked.

mod pace;
mod past;
mod room;
mod turns;

use crate::{
    attempt::Attempts,
    breaker::Breaker,
    host::Host,
    inbound::Inbound,
    lane::{Lane, Phase},
    limits::NumberLimits,
    unknown::{Unknowns, Wait},
};
use futures_util::FutureExt;
use pace::Pace;
use shared::{
    Clock, Timestamp,
    ids::{AccountId, PhoneNumberId, RecipientId},
    job::JobRef,
    ports::{accounts::Accounts, ledger::Ledger},
    settings::{Pacing, PairRate},
    tally::Tally,
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use turns::{Done, Work};

/// How often the ledger is read for what nobody rang the bell for.
const READ_EVERY: Duration = Duration::from_secs(5);
/// Rows younger than this are on their way here.
const READ_OLDER: Duration = Duration::from_secs(5);
/// Rows read at once where the number has no limit.
const READ_MOST: u32 = 5_000;
/// A slot is taken no longer before its time than this, so that whatever changes the rate is felt at once.
const HORIZON: Duration = Duration::from_millis(100);
/// How often it is told how the number stands.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Lanes held in memory; what is beyond lies in the ledger and comes back in order.
const LANES: usize = 100_000;

/// What all desks stand on.
pub(crate) struct Shared {
    pub attempts: Attempts,
    pub unknowns: Unknowns,
    pub ledger: Arc<dyn Ledger>,
    pub accounts: Arc<dyn Accounts>,
    pub clock: Arc<dyn Clock>,
    pub host: Host,
    pub inbound: watch::Receiver<Inbound>,
    pub tally: Arc<Tally>,
    /// Messages per second where the number has no setting of its own; 0 = no limit.
    pub rate: u32,
    pub pair_rate: PairRate,
    pub pacing: Pacing,
    /// POSTs under way at a time, per number.
    pub concurrency: usize,
    /// Whether no other process can have sent from this number a moment ago.
    pub exclusive: bool,
}

pub(crate) struct Desk {
    number: PhoneNumberId,
    /// Whose it is, once that was looked up.
    account: Option<AccountId>,
    shared: Arc<Shared>,
    lanes: HashMap<RecipientId, Lane>,
    /// When lanes want to be looked at; an entry that its lane has outgrown is passed over.
    wakes: BinaryHeap<Reverse<(Duration, RecipientId)>>,
    /// Lanes that wait for room, and since when.
    line: VecDeque<(RecipientId, Duration)>,
    limits: NumberLimits,
    breaker: Breaker,
    /// Who was sent something that the next message keeps a distance to.
    paces: HashMap<RecipientId, Pace>,
    /// Something waits for the API to be known to answer.
    doubts: bool,
    /// This desk is asking whether the host answers, for all.
    asks_host: bool,
    /// The host knows that messages wait here.
    told_waiting: bool,
    tasks: JoinSet<Done>,
    /// Messages that have their slot, up to the end of their requests.
    under_way: usize,
    reading: bool,
    /// Up to when it is known what failed in a status for a rate.
    heard: Timestamp,
    paused: bool,
}

impl Desk {
    pub fn new(number: PhoneNumberId, shared: Arc<Shared>) -> Self {
        let heard = shared.clock.now();
        Self {
            number,
            account: None,
            limits: NumberLimits::new(shared.rate, shared.pair_rate),
            breaker: Breaker::closed(),
            paces: HashMap::new(),
            doubts: false,
            asks_host: false,
            told_waiting: false,
            shared,
            lanes: HashMap::new(),
            wakes: BinaryHeap::new(),
            line: VecDeque::new(),
            tasks: JoinSet::new(),
            under_way: 0,
            reading: false,
            heard,
            paused: false,
        }
    }

    /// Works until `stop`, then finishes what is under way.
    pub async fn run(mut self, mut bell: mpsc::Receiver<JobRef>, stop: CancellationToken) {
        self.rebuild_limits(&stop).await;
        let mut read = tokio::time::interval(READ_EVERY);
        let mut tell = tokio::time::interval(TELL_EVERY);
        let (mut inbound, mut host) = (self.shared.inbound.clone(), self.shared.host.changes());
        let mut first = true;
        inbound.mark_changed();
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
                Ok(()) = host.changed() => self.move_line(),
                Ok(()) = inbound.changed() => {
                    let told = inbound.borrow_and_update().clone();
                    self.limits.make_room(told.map(|told| told.get(&self.number).copied().unwrap_or(0.0)));
                    self.move_line();
                }
                _ = tell.tick() => self.tell(),
            }
        }
        // What only has its slot is let go; what is under way comes to its end.
        self.pause();
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok(Done::Attempted(..) | Done::Panicked(Work::Attempt(_))) => {
                    self.under_way -= 1;
                    self.shared.host.ended();
                }
                Ok(Done::Asked { of_host: true, answered }) => {
                    self.asks_host = false;
                    self.shared.host.asked(self.now(), answered);
                }
                _ => {}
            }
        }
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
        let lane = self.wakes.peek().map(|Reverse((at, _))| *at);
        [lane, self.moves_at(self.now())].into_iter().flatten().min()
    }

    /// Looks at every lane whose moment has come, and at the line.
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
        self.ask();
        self.move_line();
    }

    fn look_at(&mut self, recipient: &RecipientId) {
        let now = self.now();
        let Some(lane) = self.lanes.get(recipient) else { return };
        match lane.phase {
            Phase::Busy | Phase::Settling { .. } | Phase::Ready => {}
            Phase::Waits(at) | Phase::HasSlot(at) | Phase::Unknown { at, .. } if at > now => {
                self.set_phase(recipient, lane.phase);
            }
            Phase::Waits(_) => self.turn_has_come(recipient, now),
            Phase::HasSlot(_) => self.attempt(recipient),
            Phase::Unknown { claimed_at, not_before, resends, .. } => {
                let (shared, job, to) = (self.shared.clone(), lane.head.clone(), recipient.clone());
                let wait = Wait { claimed_at, not_before, resends, answers: self.answers() };
                self.set_phase(recipient, Phase::Settling { claimed_at, not_before, resends });
                self.work(Work::Lane(recipient.clone()), async move {
                    let settled = shared.unknowns.settle(&job, wait).await;
                    Done::Settled(to, settled)
                });
            }
        }
    }

    /// Nothing of its own holds the head any more but its distance to the message before, and the pair's limit.
    fn turn_has_come(&mut self, recipient: &RecipientId, now: Duration) {
        if self.keeps_distance(recipient, now) {
            return;
        }
        match self.limits.pair_slot(recipient, now) {
            slot if slot > now + HORIZON => self.set_phase(recipient, Phase::Waits(slot)),
            _ => self.line_up(recipient, now),
        }
    }

    fn attempt(&mut self, recipient: &RecipientId) {
        let Some(lane) = self.lanes.get(recipient) else { return };
        let (shared, job, to, refusals) =
            (self.shared.clone(), lane.head.clone(), recipient.clone(), lane.pair_refusals);
        self.set_phase(recipient, Phase::Busy);
        self.work(Work::Attempt(recipient.clone()), async move {
            let attempted = shared.attempts.attempt(&job, refusals).await;
            Done::Attempted(to, attempted)
        });
    }

    /// Has a task do something. A panic in it is a bug of ours, and must not hold what waits for the task for ever.
    fn work(&mut self, what: Work, work: impl Future<Output = Done> + Send + 'static) {
        self.tasks.spawn(async move {
            let done = AssertUnwindSafe(work).catch_unwind().await;
            done.unwrap_or(Done::Panicked(what))
        });
    }

    /// Holds everything: lanes go back to the ledger, which is not read until the pause ends.
    fn pause(&mut self) {
        self.paused = true;
        let now = self.now();
        for (recipient, lane) in &self.lanes {
            if matches!(lane.phase, Phase::HasSlot(_)) {
                self.limits.return_slot(recipient, now);
                self.under_way -= 1;
                self.shared.host.ended();
            }
        }
        self.lanes.retain(|_, lane| matches!(lane.phase, Phase::Busy | Phase::Settling { .. }));
        self.wakes.clear();
        self.line.clear();
        self.doubts = false;
    }

    async fn read(&mut self, first: bool) {
        let now = self.now();
        self.limits.forget(now);
        self.paces.retain(|_, pace| pace.until > now);
        let number = match self.shared.accounts.phone_number(&self.number).await {
            Ok(number) => number,
            Err(error) => {
                tracing::warn!(%error, number = %self.number, "can't look the number up");
                return;
            }
        };
        // Nobody was heard who rang during a pause.
        let all = first || self.paused;
        self.paused = number.as_ref().is_some_and(|number| number.paused.is_some());
        self.account = number.as_ref().map(|number| number.account_id.clone());
        let rate = number.and_then(|number| number.rate).unwrap_or(self.shared.rate);
        self.limits.grant(rate);
        if self.paused || self.reading {
            return;
        }
        let most = u32::try_from(READ_EVERY.as_secs()).unwrap_or(5).saturating_mul(rate);
        let limit = if most == 0 { READ_MOST } else { most.clamp(100, READ_MOST) };
        // Lanes that are held come first in the reading, perhaps all of them: they must not crowd the others out.
        let limit = limit.saturating_add(u32::try_from(self.lanes.len()).unwrap_or(u32::MAX));
        let (shared, number, heard) = (self.shared.clone(), self.number.clone(), self.heard);
        self.reading = true;
        self.work(Work::Reading, async move {
            let now = shared.clock.now();
            let before = if all { now } else { now.minus(READ_OLDER) };
            let failures = shared.ledger.rate_failures(&number, heard).await;
            let waiting = shared.ledger.waiting(&number, now, before, limit).await;
            Done::Read(failures.and_then(|failures| Ok((failures, waiting?))))
        });
    }
}

/// Whatever a desk ends of, nobody waits for it.
impl Drop for Desk {
    fn drop(&mut self) {
        let (host, now) = (&self.shared.host, self.shared.clock.boot());
        (0..self.under_way).for_each(|_| host.ended());
        if self.asks_host {
            host.asked(now, false);
        }
        host.waits(&self.number, false);
        self.shared.tally.lets_go_of(&self.number);
        self.say_closed();
    }
}

async fn sleep_until(clock: &dyn Clock, at: Option<Duration>) {
    match at {
        Some(at) => tokio::time::sleep(at.saturating_sub(clock.boot())).await,
        None => std::future::pending().await,
    }
}
