//! How badly things go in one seed.

use crate::{
    dice::Dice,
    world::{World, lock},
};
use std::{sync::Mutex, time::Duration};
use tokio::time::Instant;

/// Rates are so many of these.
const CHANCES: u64 = 10_000;

/// How often something happens. Each kind is missing in one seed of three: what it would hide shows there.
#[derive(Debug)]
pub struct Weather {
    /// At a point others run first.
    yields: u64,
    /// At a point time passes.
    waits: u64,
    /// At a point the process is killed.
    kills: u64,
    /// At a point it stops for a while, as by SIGSTOP.
    freezes: u64,
    /// At a point the broker loses it.
    cuts: u64,
    /// A call fails and nothing is done.
    pub refusals: u64,
    /// A call is done, and whoever asked is told that it failed.
    pub lost_replies: u64,
    /// A call is long on its way, and done even if whoever asked has given up.
    pub late: u64,
    /// The cache answers with what it once held.
    pub old_sessions: u64,
    /// WhatsApp refuses a message that it may take later, or answers nothing that makes sense.
    pub api_fails: u64,
    /// Of a message that WhatsApp took no status ever comes.
    pub never_told: u64,
    /// A message that WhatsApp took fails after all.
    pub fails_later: u64,
}

/// What happens to a process at a point.
#[derive(Debug, Clone, Copy)]
pub enum Happening {
    Nothing,
    Yields(u64),
    Waits(Duration),
    Dies,
    Freezes(Duration),
    IsCut,
}

impl Weather {
    pub fn drawn(dice: &mut Dice) -> Self {
        let mut up_to = |most: u64| if dice.roll(3) == 0 { 0 } else { 1 + dice.roll(most) };
        Self {
            yields: up_to(4_000),
            waits: up_to(800),
            kills: up_to(60),
            freezes: up_to(40),
            cuts: up_to(60),
            refusals: up_to(400),
            lost_replies: up_to(400),
            late: up_to(300),
            old_sessions: up_to(2_000),
            api_fails: up_to(3_000),
            never_told: up_to(1_500),
            fails_later: up_to(600),
        }
    }
}

impl World {
    /// Whether one of so many in 10,000 chances comes true.
    pub fn hits(&self, rate: u64) -> bool {
        !self.is_gentle() && self.roll(CHANCES) < rate
    }

    /// What happens at a point. Time passes for everybody; the rest is for those who may die.
    pub fn happens(&self, mortal: bool) -> Happening {
        if self.is_gentle() {
            return Happening::Nothing;
        }
        let weather = &self.weather;
        let mut left = self.roll(CHANCES);
        let mut is = |rate: u64| match left.checked_sub(rate) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        };
        if is(weather.yields) {
            Happening::Yields(1 + self.roll(4))
        } else if is(weather.waits) {
            Happening::Waits(self.millis(1..300))
        } else if !mortal {
            Happening::Nothing
        } else if is(weather.kills) {
            Happening::Dies
        } else if is(weather.freezes) {
            Happening::Freezes(self.millis(500..9_000))
        } else if is(weather.cuts) {
            Happening::IsCut
        } else {
            Happening::Nothing
        }
    }
}

/// Something that is away for a while.
#[derive(Debug, Default)]
pub struct Spell(Mutex<Option<Instant>>);

impl Spell {
    pub fn begins(&self, time: Duration) {
        *lock(&self.0) = Some(Instant::now() + time);
    }

    pub fn lasts(&self, world: &World) -> bool {
        !world.is_gentle() && lock(&self.0).is_some_and(|until| Instant::now() < until)
    }
}
