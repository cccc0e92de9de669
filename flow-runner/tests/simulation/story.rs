//! One seed from its beginning to its end.

use crate::{
    chaos, checks, people,
    process::{Kind, Process},
    world::{History, Sabotage, World},
};
use std::{sync::Arc, time::Duration};

/// How long everything may take to be handled once nothing goes wrong any more.
const DRAIN: Duration = Duration::from_secs(600);
/// How often it is looked whether all is done.
const LOOK: Duration = Duration::from_millis(500);
/// Lines of a history that are shown when a seed fails.
const SHOWN: usize = 120;

/// What became of a seed.
pub struct Story {
    pub seed: u64,
    pub history: History,
}

impl Story {
    /// Panics with all that is needed to look into it.
    pub fn assert_holds(&self) {
        let Some(violation) = &self.history.violation else { return };
        let lines = &self.history.lines;
        let shown = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
        let (seed, more) = (self.seed, lines.len().saturating_sub(SHOWN));
        panic!(
            "seed {seed}: {violation}\n\n({more} lines before)\n{shown}\n\nall of it: \
             SEED={seed} cargo test -p flow-runner --test simulation every_seed"
        );
    }
}

/// Lives through a seed.
pub fn tell(seed: u64, sabotage: Option<Sabotage>) -> Story {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let world = runtime.block_on(async {
        let world = World::new(seed, sabotage);
        if let Err(violation) = lives(&world).await {
            world.violation(violation);
        }
        world
    });
    let history = world.take_history();
    // Everything that still runs goes with it.
    drop(runtime);
    world.forget_processes();
    Story { seed, history }
}

async fn lives(world: &Arc<World>) -> Result<(), String> {
    for kind in [Kind::Worker, Kind::Sender] {
        for _ in 0..1 + world.roll(3) {
            Process::start(world, kind);
        }
    }
    let chaos = tokio::spawn(chaos::rages(world.clone()));
    let mut writing = people::write(world);
    tokio::time::sleep(world.millis(4_000..16_000)).await;
    chaos.abort();
    world.calms();
    let written = async { while writing.join_next().await.is_some() {} };
    bounded(world, written).await?;
    bounded(world, settled(world)).await?;
    checks::hold(world)?;
    // What a cache remembers wrongly, or a process that was frozen still holds, must not show now.
    bounded(world, people::write_once_more(world)).await?;
    bounded(world, settled(world)).await?;
    checks::hold(world)?;
    checks::last_bells_rang(world)
}

/// Nothing lies in queues, no job is open, and WhatsApp has told all that it will.
async fn settled(world: &World) {
    loop {
        world.queues.drained().await;
        if world.record.open_jobs().is_empty() && world.meta.has_told_all() && world.queues.left().is_empty() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn bounded(world: &World, work: impl Future<Output = ()>) -> Result<(), String> {
    let ended = tokio::time::timeout(DRAIN, work).await;
    ended.map_err(|_| {
        format!(
            "not done within {DRAIN:?}; left in queues: {:?}, open: {:?}",
            world.queues.left(),
            world.record.open_jobs()
        )
    })
}
