//! One seed's world: what all its processes reach, and what happened in it.

use crate::{
    cache::Cache,
    dice::Dice,
    flow,
    members::Room,
    meta::Meta,
    people::{Person, people},
    process::{Kind, Process},
    queues::Queues,
    record::Record,
    suspects::Notes,
    weather::Weather,
};
use flow_engine::Catalog;
use shared::{Clock, Timestamp};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// When every world begins.
const START: Timestamp = Timestamp(1_800_000_000_000);
/// Boot time then, so that moments before it have a place too.
const BEFORE_START: Duration = Duration::from_secs(3600);
/// Whoever passes so many points goes round in circles.
const POINTS: u64 = 1_000_000;

/// What is broken on purpose, to see that the checks find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The record takes a step whatever version of the row it was made from.
    NoCompareAndSet,
    /// The record handles a message as often as it comes.
    NoMemory,
    /// All of a recipient's commits give their jobs the same places.
    OnePlace,
    /// The broker loses what comes back to it.
    LosesWhatComesBack,
    /// The broker puts what comes back behind the rest.
    BackOfTheLine,
    /// The ledger gives a job that is claimed to whoever asks next.
    ClaimsTwice,
    /// The ledger gives a job although one before it is open.
    NoLanes,
    /// What a status says of a job is not taken in.
    ForgetsStatuses,
}

/// Locks what one thread uses, and what nobody therefore waits for.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runtime's clock, which stands while anybody has something to do.
#[derive(Debug)]
pub struct SeedClock(Instant);

impl Clock for SeedClock {
    fn now(&self) -> Timestamp {
        START.plus(self.0.elapsed())
    }

    fn boot(&self) -> Duration {
        BEFORE_START + self.0.elapsed()
    }
}

/// What happened.
#[derive(Debug, Default)]
pub struct History {
    pub lines: Vec<String>,
    /// How often what.
    pub counts: BTreeMap<&'static str, u64>,
    /// What must never happen.
    pub violation: Option<String>,
    points: u64,
}

#[derive(Default)]
struct Processes {
    alive: BTreeMap<u32, Arc<Process>>,
    last: u32,
}

/// All of it.
pub struct World {
    pub weather: Weather,
    pub people: Vec<Person>,
    pub sabotage: Option<Sabotage>,
    pub clock: Arc<SeedClock>,
    pub catalog: Arc<Catalog>,
    pub queues: Queues,
    pub record: Record,
    pub cache: Cache,
    pub room: Room,
    pub suspects: Notes,
    pub meta: Meta,
    processes: Mutex<Processes>,
    dice: Mutex<Dice>,
    history: Mutex<History>,
    calm: AtomicBool,
}

impl World {
    pub fn new(seed: u64, sabotage: Option<Sabotage>) -> Arc<Self> {
        let mut dice = Dice::of(seed);
        Arc::new(Self {
            weather: Weather::drawn(&mut dice),
            people: people(&mut dice),
            sabotage,
            clock: Arc::new(SeedClock(Instant::now())),
            catalog: flow::catalog(),
            queues: Queues::default(),
            record: Record::default(),
            cache: Cache::default(),
            room: Room::default(),
            suspects: Notes::default(),
            meta: Meta::default(),
            processes: Mutex::default(),
            dice: Mutex::new(dice),
            history: Mutex::default(),
            calm: AtomicBool::new(false),
        })
    }

    pub fn roll(&self, sides: u64) -> u64 {
        lock(&self.dice).roll(sides)
    }

    pub fn millis(&self, range: Range<u64>) -> Duration {
        lock(&self.dice).millis(range)
    }

    /// From now on nothing goes wrong any more.
    pub fn calms(&self) {
        self.calm.store(true, Ordering::Relaxed);
        self.note("from here on nothing goes wrong".to_owned());
    }

    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Whether nothing goes wrong now: in the end, and while one more crash would rightly end in a dead letter.
    pub fn is_gentle(&self) -> bool {
        self.is_calm() || self.suspects.are_on_the_brink()
    }

    pub fn note(&self, text: String) {
        let at = self.clock.0.elapsed().as_millis();
        lock(&self.history).lines.push(format!("{at:>6} {text}"));
    }

    pub fn count(&self, what: &'static str) {
        *lock(&self.history).counts.entry(what).or_default() += 1;
    }

    /// Something happened that must never happen; the first such thing is told.
    pub fn violation(&self, text: String) {
        self.note(format!("!!! {text}"));
        lock(&self.history).violation.get_or_insert(text);
    }

    /// Counts a point; true once there have been too many.
    pub fn goes_in_circles(&self) -> bool {
        let mut history = lock(&self.history);
        history.points += 1;
        if history.points > POINTS {
            history.violation.get_or_insert(format!("{POINTS} calls and no end"));
        }
        history.points > POINTS
    }

    /// What happened so far.
    pub fn take_history(&self) -> History {
        std::mem::take(&mut *lock(&self.history))
    }

    pub fn has_violation(&self) -> Option<String> {
        lock(&self.history).violation.clone()
    }

    /// Makes a process of `make`, which is given its number.
    pub fn add_process(&self, make: impl FnOnce(u32) -> Process) -> Arc<Process> {
        let mut processes = lock(&self.processes);
        processes.last += 1;
        let process = Arc::new(make(processes.last));
        let number = processes.last;
        processes.alive.insert(number, process.clone());
        process
    }

    /// Any process that lives.
    pub fn some_process(&self) -> Option<Arc<Process>> {
        let processes = lock(&self.processes);
        let count = u64::try_from(processes.alive.len()).ok().filter(|count| *count > 0)?;
        let nth = usize::try_from(self.roll(count)).ok()?;
        processes.alive.values().nth(nth).cloned()
    }

    /// A process is over; another one starts in its place, sooner or later.
    pub fn replace(self: &Arc<Self>, number: u32, kind: Kind) {
        lock(&self.processes).alive.remove(&number);
        let (world, wait) = (self.clone(), self.millis(0..3_000));
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            Process::start(&world, kind);
        });
    }

    /// Processes hold their world, and it them: without this neither would ever go.
    pub fn forget_processes(&self) {
        lock(&self.processes).alive.clear();
    }
}
