//! A process: how it begins, what becomes of it, and the points at which that happens, before and after all it does.

use crate::{
    broken::Broken,
    weather::Happening,
    world::{World, lock},
};
use flow_worker::{Worker, WorkerSettings};
use outbound_sender::{Sender, SenderSettings};
use shared::{
    runner::{Runner, RunnerPorts},
    settings::{Pacing, PairRate, UnknownOutcomePolicy},
    tally::Tally,
};
use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{task::AbortHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// Inbound queues, and outbound ones.
pub const PARTITIONS: u16 = 2;
const WORKER: WorkerSettings =
    WorkerSettings { partitions: PARTITIONS, prefetch: 6, batch: 4, session_ttl: Duration::from_secs(24 * 60 * 60) };
const SENDER: SenderSettings = SenderSettings {
    partitions: PARTITIONS,
    prefetch: 6,
    number_rate: 0,
    pair_rate: PairRate::Off,
    attempts: 1_000,
    max_age: Duration::from_secs(6 * 60 * 60),
    cap_per_hour: 0,
    pacing: Pacing::Off,
    unknown_outcome_policy: UnknownOutcomePolicy::Resend,
    unknown_wait: Duration::from_secs(60),
    unknown_wait_after_refusal: Duration::from_secs(60),
    concurrency: 4,
    exclusive: false,
};
/// Shorter than the record is away at times.
const GIVE_BACK_AFTER: Duration = Duration::from_secs(5);
/// The gateway's number: it publishes, and never ends.
const GATEWAY: u32 = 0;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Gateway,
    Worker,
    Sender,
}

#[derive(Debug, Clone, Copy)]
enum Life {
    Runs,
    /// It does nothing before then.
    Frozen(Instant),
    Over,
}

/// One process.
pub struct Process {
    pub world: Arc<World>,
    number: u32,
    kind: Kind,
    life: Mutex<Life>,
    stop: CancellationToken,
    task: Mutex<Option<AbortHandle>>,
}

/// The way of a process to everything outside of it: all ports are implemented for this.
pub struct Through(pub Arc<Process>);

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Gateway => f.write_str("gateway"),
            Kind::Worker => write!(f, "p{}", self.number),
            Kind::Sender => write!(f, "s{}", self.number),
        }
    }
}

impl Process {
    fn new(world: &Arc<World>, number: u32, kind: Kind) -> Self {
        Self {
            world: world.clone(),
            number,
            kind,
            life: Mutex::new(Life::Runs),
            stop: CancellationToken::new(),
            task: Mutex::default(),
        }
    }

    pub fn gateway(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self::new(world, GATEWAY, Kind::Gateway))
    }

    /// Starts a worker or a sender.
    pub fn start(world: &Arc<World>, kind: Kind) {
        let process = world.add_process(|number| Self::new(world, number, kind));
        world.note(format!("{process} starts"));
        world.count("started");
        let running = tokio::spawn(process.clone().run());
        *lock(&process.task) = Some(running.abort_handle());
    }

    async fn run(self: Arc<Self>) {
        let started = match self.kind {
            Kind::Gateway => return,
            Kind::Worker => match Worker::new(self.worker_ports(), WORKER).await {
                Ok(worker) => {
                    worker.run(self.stop.clone()).await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Kind::Sender => {
                Sender::new(self.sender_ports(), SENDER).run(self.stop.clone()).await;
                Ok(())
            }
        };
        match started {
            Ok(()) if self.stop.is_cancelled() => {}
            Ok(()) => self.world.violation(format!("{self} ends although nobody told it to")),
            Err(error) => self.world.note(format!("{self} can't start: {error}")),
        }
        self.world.note(format!("{self} has ended"));
        *lock(&self.life) = Life::Over;
        self.world.queues.cut(&self.world, self.number, false);
        self.world.replace(self.number, self.kind);
    }

    fn runner(through: &Arc<Through>) -> Runner {
        let clock = through.0.world.clock.clone();
        let ports = RunnerPorts {
            consumer: through.clone(),
            suspects: through.clone(),
            tally: Tally::new(clock.clone()),
            clock,
        };
        Runner::new(ports, GIVE_BACK_AFTER)
    }

    fn sender_ports(self: &Arc<Self>) -> outbound_sender::Ports {
        let through = Arc::new(Through(self.clone()));
        outbound_sender::Ports {
            runner: Self::runner(&through),
            members: through.clone(),
            accounts: through.clone(),
            ledger: through.clone(),
            status_clock: through.clone(),
            api: through,
            clock: self.world.clock.clone(),
            dice: || 0.5,
        }
    }

    fn worker_ports(self: &Arc<Self>) -> flow_worker::Ports {
        let (through, clock) = (Arc::new(Through(self.clone())), self.world.clock.clone());
        flow_worker::Ports {
            publisher: through.clone(),
            runner: Self::runner(&through),
            members: through.clone(),
            sessions: through.clone(),
            installation: through.clone(),
            accounts: through.clone(),
            flows: through.clone(),
            conversations: through.clone(),
            status_clock: through.clone(),
            burial: through,
            clock,
        }
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    /// As SIGKILL does: its connections are gone and nothing of it goes on, but what it asked for may still be done.
    pub fn dies(&self, at: &str) {
        *lock(&self.life) = Life::Over;
        self.world.note(format!("{self} is killed at {at}"));
        self.world.count("killed");
        self.world.queues.cut(&self.world, self.number, false);
        if let Some(task) = &*lock(&self.task) {
            task.abort();
        }
        self.world.replace(self.number, self.kind);
    }

    /// Whether it was killed, or has ended.
    pub fn is_over(&self) -> bool {
        matches!(*lock(&self.life), Life::Over)
    }

    /// As SIGSTOP does, and SIGCONT later. The broker may take it for dead meanwhile.
    pub fn freezes(&self, at: &str, time: Duration) {
        *lock(&self.life) = Life::Frozen(Instant::now() + time);
        self.world.note(format!("{self} freezes at {at}, for {time:?}"));
        self.world.count("frozen");
        if self.world.roll(2) == 0 {
            self.is_cut(at);
        }
    }

    /// The broker loses its connection; the process may hear of that later.
    pub fn is_cut(&self, at: &str) {
        self.world.note(format!("{self} is cut off from the broker at {at}"));
        self.world.count("cut off");
        self.world.queues.cut(&self.world, self.number, true);
    }

    /// As SIGTERM does.
    pub fn is_told_to_end(&self) {
        self.world.note(format!("{self} is told to end"));
        self.world.count("told to end");
        self.stop.cancel();
    }

    /// Asks for something outside of the process, where `effect` is done, all at once or not at all.
    pub async fn call<T, E>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&Arc<World>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Broken,
    {
        let world = &self.world;
        self.point(what).await;
        if world.hits(world.weather.refusals) {
            world.note(format!("{self}: {what} fails"));
            world.count("failed");
            return Err(E::drawn(world, what));
        }
        let outcome = self.perform(what, effect).await;
        self.point(what).await;
        if outcome.is_ok() && world.hits(world.weather.lost_replies) {
            world.note(format!("{self}: {what} is done, but seems to have failed"));
            world.count("replies lost");
            return Err(E::drawn(world, what));
        }
        outcome
    }

    async fn perform<T, E>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&Arc<World>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Broken,
    {
        if !self.world.hits(self.world.weather.late) {
            return effect(&self.world);
        }
        let (world, time) = (self.world.clone(), self.world.millis(1..2_000));
        self.world.note(format!("{self}: {what} is on its way for {time:?}, whoever still waits for it"));
        self.world.count("late");
        let performing = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            effect(&world)
        });
        performing.await.expect("an effect neither panics nor is called off")
    }

    /// The same for what can't fail.
    pub async fn tell(&self, what: &'static str, effect: impl FnOnce(&Arc<World>) + Send) {
        self.point(what).await;
        effect(&self.world);
        self.point(what).await;
    }

    /// A moment at which anything may happen.
    pub async fn point(&self, what: &str) {
        self.goes_on().await;
        if self.world.goes_in_circles() {
            std::future::pending::<()>().await;
        }
        match self.world.happens(self.kind != Kind::Gateway) {
            Happening::Nothing => return,
            Happening::Yields(times) => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
            }
            Happening::Waits(time) => tokio::time::sleep(time).await,
            Happening::Dies => self.dies(what),
            Happening::Freezes(time) => self.freezes(what, time),
            Happening::IsCut => self.is_cut(what),
        }
        self.goes_on().await;
    }

    /// Waits while it is frozen, and for ever once it is over.
    async fn goes_on(&self) {
        loop {
            let life = *lock(&self.life);
            match life {
                Life::Runs => return,
                Life::Frozen(until) if until <= Instant::now() => return,
                Life::Frozen(until) => tokio::time::sleep_until(until).await,
                Life::Over => std::future::pending().await,
            }
        }
    }
}
