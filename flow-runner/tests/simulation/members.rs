//! Who is alive, as each process sees it.
//!
//! A worker draws its name, and shares are dealt by the names' hashes: what a true list would give each is no function
//! of the seed. So each sees a list that gives it all partitions or none, whatever its name is; no two need agree, and
//! the broker says who is served.

use crate::{
    broken::away,
    process::Through,
    weather::Spell,
    world::{World, lock},
};
use async_trait::async_trait;
use shared::ports::{
    StoreError,
    members::{MemberReport, Members, Role},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

/// More of them than there are partitions, each before every drawn name: they leave nothing, not even to stand by for.
const STRANGERS: [&str; 5] = ["!0", "!1", "!2", "!3", "!4"];

/// The list.
#[derive(Default)]
pub struct Room {
    /// Processes that have no share for now.
    off_duty: Mutex<BTreeSet<u32>>,
    /// What processes that said that they are alive call themselves.
    names: Mutex<BTreeMap<u32, String>>,
    /// It can't be read.
    pub away: Spell,
}

impl Room {
    /// Takes a process its share, or gives it back.
    pub fn turn(&self, world: &World, process: u32) {
        let mut off_duty = lock(&self.off_duty);
        let goes_off = off_duty.insert(process);
        if !goes_off {
            off_duty.remove(&process);
        }
        world.note(format!("p{process} is {} duty", if goes_off { "off" } else { "on" }));
        world.count("off and on duty");
    }

    fn answers(&self, world: &World) -> Result<(), StoreError> {
        if !self.away.lasts(world) {
            return Ok(());
        }
        world.count("members away");
        Err(away("asking who is alive"))
    }

    fn seen_by(&self, world: &World, process: u32) -> Vec<String> {
        let is_off = !world.is_calm() && lock(&self.off_duty).contains(&process);
        let own = lock(&self.names).get(&process).cloned();
        own.into_iter().chain(STRANGERS.iter().filter(|_| is_off).map(|name| (*name).to_owned())).collect()
    }
}

#[async_trait]
impl Members for Through {
    async fn beat(&self, _: Role, member: &str, _: Duration) -> Result<(), StoreError> {
        let (process, name) = (self.0.number(), member.to_owned());
        let beating = move |world: &Arc<World>| {
            world.room.answers(world)?;
            lock(&world.room.names).insert(process, name);
            Ok(())
        };
        self.0.call("beat", beating).await
    }

    async fn alive(&self, _: Role) -> Result<Vec<String>, StoreError> {
        let process = self.0.number();
        let looking = move |world: &Arc<World>| {
            world.room.answers(world)?;
            Ok(world.room.seen_by(world, process))
        };
        self.0.call("look around", looking).await
    }

    async fn report(&self, _: Role, _: &str, _: &MemberReport, _: Duration) -> Result<(), StoreError> {
        self.0.call("report", |world| world.room.answers(world)).await
    }

    async fn reports(&self, _: Role) -> Result<Vec<(String, MemberReport)>, StoreError> {
        // Nobody tells what comes in.
        self.0.call("read reports", |world| world.room.answers(world).map(|()| Vec::new())).await
    }

    async fn leave(&self, _: Role, _: &str) -> Result<(), StoreError> {
        self.0.call("leave", |world| world.room.answers(world)).await
    }
}
