//! Members that come, go and lose sight of each other, on a clock that is hurried.

use super::{Duty, Membership, Served, serve};
use crate::{
    SystemClock,
    ports::{
        StoreError,
        members::{MemberReport, Members, Role},
        queue::QueueName,
    },
    tally::Tally,
};
use async_trait::async_trait;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

const PARTITIONS: u16 = 16;
/// What the issue allows for a rebalance.
const REBALANCED: Duration = Duration::from_secs(15);

/// Who is alive, on the runtime's clock.
#[derive(Default)]
struct Room {
    until: Mutex<BTreeMap<String, Instant>>,
    told: Mutex<BTreeMap<String, MemberReport>>,
    away: AtomicBool,
}

impl Room {
    fn answers(&self) -> Result<(), StoreError> {
        let away = StoreError::Unavailable { doing: "asking", reason: "away".into() };
        if self.away.load(Ordering::Relaxed) { Err(away) } else { Ok(()) }
    }
}

#[async_trait]
impl Members for Room {
    async fn beat(&self, _: Role, member: &str, life: Duration) -> Result<(), StoreError> {
        self.answers()?;
        self.until.lock().unwrap().insert(member.to_owned(), Instant::now() + life);
        Ok(())
    }

    async fn alive(&self, _: Role) -> Result<Vec<String>, StoreError> {
        self.answers()?;
        let now = Instant::now();
        let until = self.until.lock().unwrap();
        Ok(until.iter().filter(|(_, until)| **until > now).map(|(member, _)| member.clone()).collect())
    }

    async fn report(&self, _: Role, member: &str, report: &MemberReport, _: Duration) -> Result<(), StoreError> {
        self.answers()?;
        self.told.lock().unwrap().insert(member.to_owned(), report.clone());
        Ok(())
    }

    async fn reports(&self, _: Role) -> Result<Vec<(String, MemberReport)>, StoreError> {
        self.answers()?;
        Ok(self.told.lock().unwrap().clone().into_iter().collect())
    }

    async fn leave(&self, _: Role, member: &str) -> Result<(), StoreError> {
        self.until.lock().unwrap().remove(member);
        self.told.lock().unwrap().remove(member);
        Ok(())
    }
}

/// A broker that gives each queue to the consumer who came first.
#[derive(Default)]
struct Lines(Mutex<BTreeMap<u16, Vec<String>>>);

impl Lines {
    /// Who is served, by partition.
    fn served(&self) -> BTreeMap<u16, String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter_map(|(partition, line)| Some((*partition, line.first()?.clone()))).collect()
    }

    fn leave(&self, partition: u16, member: &str) {
        if let Some(line) = self.0.lock().unwrap().get_mut(&partition) {
            line.retain(|other| other != member);
        }
    }
}

fn membership(room: &Arc<Room>, me: &str) -> Membership {
    let members: Arc<dyn Members> = room.clone();
    let tally = Tally::new(Arc::new(SystemClock::default()));
    Membership { members, role: Role::Worker, me: me.to_owned(), partitions: PARTITIONS, tally }
}

struct World {
    room: Arc<Room>,
    lines: Arc<Lines>,
    running: BTreeMap<String, (CancellationToken, JoinHandle<()>)>,
}

impl World {
    fn new() -> Self {
        Self { room: Arc::default(), lines: Arc::default(), running: BTreeMap::new() }
    }

    fn start(&mut self, me: &str) {
        let (lines, name, stop) = (self.lines.clone(), me.to_owned(), CancellationToken::new());
        let serving = serve(membership(&self.room, me), stop.clone(), move |(partition, _, stop): Served| {
            let (lines, name) = (lines.clone(), name.clone());
            async move {
                lines.0.lock().unwrap().entry(partition).or_default().push(name.clone());
                stop.cancelled().await;
                lines.leave(partition, &name);
            }
        });
        self.running.insert(me.to_owned(), (stop, tokio::spawn(serving)));
    }

    async fn stop(&mut self, me: &str) {
        let (stop, task) = self.running.remove(me).unwrap();
        stop.cancel();
        task.await.unwrap();
    }

    /// As SIGKILL does: its connection is gone, its last beat stays.
    fn kill(&mut self, me: &str) {
        self.running.remove(me).unwrap().1.abort();
        (0..PARTITIONS).for_each(|partition| self.lines.leave(partition, me));
    }

    fn shares(&self) -> BTreeMap<String, usize> {
        let mut shares: BTreeMap<String, usize> = self.running.keys().map(|name| (name.clone(), 0)).collect();
        self.lines.served().into_values().for_each(|member| *shares.entry(member).or_default() += 1);
        shares
    }

    fn assert_balanced(&self, what: &str) {
        let shares = self.shares();
        assert_eq!(shares.values().sum::<usize>(), usize::from(PARTITIONS), "{what}: {shares:?}");
        let (least, most) = (shares.values().min().unwrap(), shares.values().max().unwrap());
        assert!(most - least <= 1 && shares.len() == self.running.len(), "{what}: {shares:?}");
    }
}

async fn pass(time: Duration) {
    // In steps, so that whoever waits acts when it is due.
    for _ in 0..time.as_millis() / 100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_member_serves_everything_at_once() {
    let mut world = World::new();
    world.start("a");
    pass(Duration::from_millis(100)).await;
    world.assert_balanced("alone");
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_or_goes_the_load_is_even_again_in_time() {
    let mut world = World::new();
    world.start("a");
    pass(REBALANCED).await;
    for me in ["b", "c", "d", "e"] {
        // Nobody beats in step with another.
        pass(Duration::from_millis(700)).await;
        world.start(me);
        pass(REBALANCED).await;
        world.assert_balanced(&format!("{me} came"));
    }
    for me in ["c", "a"] {
        world.stop(me).await;
        assert_eq!(world.lines.served().len(), usize::from(PARTITIONS), "who stands by takes over at once");
        pass(REBALANCED).await;
        world.assert_balanced(&format!("{me} went"));
    }
    world.kill("d");
    assert_eq!(world.lines.served().len(), usize::from(PARTITIONS), "who stands by takes over at once");
    // A killed member counts as alive for up to 10 s more.
    pass(REBALANCED).await;
    world.assert_balanced("d was killed");
}

#[tokio::test(start_paused = true)]
async fn who_loses_sight_of_the_others_goes_on() {
    let mut world = World::new();
    ["a", "b", "c"].iter().for_each(|me| world.start(me));
    pass(2 * REBALANCED).await;
    let before = world.lines.served();
    world.room.away.store(true, Ordering::Relaxed);
    pass(Duration::from_secs(120)).await;
    assert_eq!(world.lines.served(), before);
    world.assert_balanced("nobody sees anybody");
    world.room.away.store(false, Ordering::Relaxed);
    pass(2 * REBALANCED).await;
    world.assert_balanced("everybody sees everybody again");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lost_its_memory_is_not_believed() {
    let mut world = World::new();
    for me in ["a", "b", "c"] {
        world.start(me);
        pass(Duration::from_millis(700)).await;
    }
    pass(2 * REBALANCED).await;
    let before = world.lines.served();
    for _ in 0..3 {
        world.room.until.lock().unwrap().clear();
        for _ in 0..50 {
            pass(Duration::from_millis(300)).await;
            assert_eq!(world.lines.served(), before);
        }
    }
    // And away, and empty when it comes back.
    world.room.away.store(true, Ordering::Relaxed);
    pass(Duration::from_secs(60)).await;
    world.room.until.lock().unwrap().clear();
    world.room.away.store(false, Ordering::Relaxed);
    for _ in 0..50 {
        pass(Duration::from_millis(300)).await;
        assert_eq!(world.lines.served(), before);
    }
    world.kill("b");
    pass(2 * REBALANCED).await;
    world.assert_balanced("b was killed after that");
}

#[tokio::test(start_paused = true)]
async fn an_owner_whose_connection_was_lost_for_a_moment_is_served_again() {
    let mut world = World::new();
    ["a", "b", "c"].iter().for_each(|me| world.start(me));
    pass(2 * REBALANCED).await;
    let before = world.lines.served();
    // It subscribes again at once, behind who stood by.
    for line in world.lines.0.lock().unwrap().values_mut().filter(|line| line[0] == "a") {
        line.rotate_left(1);
    }
    assert!(world.lines.served().values().all(|member| member != "a"));
    pass(Duration::from_secs(31)).await;
    assert_eq!(world.lines.served(), before);
}

#[tokio::test(start_paused = true)]
async fn a_duty_is_told_while_it_lasts() {
    let mut world = World::new();
    let told: Arc<Mutex<BTreeSet<(u16, Duty)>>> = Arc::default();
    world.start("a");
    pass(REBALANCED).await;
    let (seen, stop) = (told.clone(), CancellationToken::new());
    let membership = membership(&world.room, "b");
    let serving = tokio::spawn(serve(membership, stop.clone(), move |(partition, mut duty, stop): Served| {
        let told = seen.clone();
        async move {
            while !stop.is_cancelled() {
                told.lock().unwrap().insert((partition, *duty.borrow_and_update()));
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    _ = duty.changed() => {}
                }
            }
        }
    }));
    pass(REBALANCED).await;
    let owned = |told: &BTreeSet<(u16, Duty)>| told.iter().filter(|(_, duty)| *duty == Duty::Owner).count();
    assert_eq!(owned(&told.lock().unwrap()), 8);
    assert_eq!(told.lock().unwrap().len(), 16, "half of them it stands by for");
    world.stop("a").await;
    pass(REBALANCED).await;
    assert_eq!(owned(&told.lock().unwrap()), 16);
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_process_counts_is_told_while_it_lives() {
    let room: Arc<Room> = Arc::default();
    let membership = membership(&room, "a");
    let (tally, stop) = (membership.tally.clone(), CancellationToken::new());
    let serving = tokio::spawn(serve(membership, stop.clone(), |(_, _, stop): Served| async move {
        stop.cancelled().await;
    }));
    pass(Duration::from_secs(1)).await;
    tally.owned(QueueName::Inbound(3), true);
    pass(Duration::from_secs(3)).await;
    let told = room.reports(Role::Worker).await.unwrap();
    let (member, report) = &told[0];
    assert!(member == "a" && report.is_of_this_process(), "{told:?}");
    assert_eq!((&report.queues, report.queues[0].queue.as_str()), (&tally.served(), "inbound.03"));
    stop.cancel();
    serving.await.unwrap();
    assert!(room.reports(Role::Worker).await.unwrap().is_empty());
}
