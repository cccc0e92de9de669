//! Which events of a batch are written, under the locks of all rows that they touch.

use super::{
    identities::{self, Identity, Link, cleaned},
    rows,
};
use shared::{
    ids::{Identities, RecipientId},
    job::LaneSeq,
    ports::conversations::{Advance, EventCommit},
};
use std::collections::{HashMap, HashSet};

/// A recipient's row under its lock.
#[derive(Debug)]
pub(super) struct Locked {
    pub version: i64,
    pub counter: i64,
    pub identities: Identities,
}

/// What is to be done with an event.
#[derive(Debug)]
pub(super) enum Plan {
    /// It is written.
    Write(Step),
    /// It was handled before.
    Handled,
    /// Load again.
    Stale,
}

/// What an event does to recipients.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Its recipient's commit counter becomes this.
    pub counter: i64,
    /// What leads to its recipient from now on.
    pub links: Vec<Link>,
    /// Whose rows its recipient takes over, and what moves their jobs behind those that are there.
    pub absorbs: Vec<(RecipientId, i64)>,
    /// Recipients some of whose identities are over, and what is left.
    pub readdressed: Vec<(RecipientId, Identities)>,
}

/// An event that is written.
pub(super) struct Written<'a> {
    pub event: &'a EventCommit,
    pub step: &'a Step,
}

impl<'a> Written<'a> {
    pub fn advance(&self) -> Option<&'a Advance> {
        rows::advance(self.event)
    }
}

/// What the database holds of what a batch touches.
pub(super) struct World<'a> {
    pub locked: &'a HashMap<RecipientId, Locked>,
    pub owners: &'a HashMap<Identity, RecipientId>,
}

/// What earlier events of the batch touch: a later one that touches the same was advanced without them.
#[derive(Default)]
pub(super) struct Touched {
    recipients: HashSet<RecipientId>,
    identities: HashSet<Identity>,
}

impl Touched {
    /// Plans an event whose message is new.
    pub fn plan(&mut self, event: &EventCommit, world: &World<'_>) -> Plan {
        let Some(advance) = rows::advance(event) else { return Plan::Write(Step::default()) };
        match world.step(advance) {
            Some(step) if self.take(advance, &step) => Plan::Write(step),
            _ => Plan::Stale,
        }
    }

    /// Whether nobody before touched what this touches.
    fn take(&mut self, advance: &Advance, step: &Step) -> bool {
        let absorbed = step.absorbs.iter().map(|(id, _)| id);
        let losers = step.links.iter().filter_map(|link| link.from.as_ref());
        let recipients: Vec<&RecipientId> = absorbed.chain(losers).chain([&advance.recipient_id]).collect();
        let identities = || step.links.iter().map(|link| &link.identity);
        if recipients.iter().any(|id| self.recipients.contains(*id))
            || identities().any(|id| self.identities.contains(id))
        {
            return false;
        }
        self.recipients.extend(recipients.into_iter().cloned());
        self.identities.extend(identities().cloned());
        true
    }
}

impl World<'_> {
    /// What an event does, if the rows are as they were read and its identities still lead where they led.
    fn step(&self, advance: &Advance) -> Option<Step> {
        let own = self.locked.get(&advance.recipient_id)?;
        if own.version != advance.expected.map_or(rows::JUST_MADE, |version| version.0) {
            return None;
        }
        let mut step = Step { counter: own.counter, ..Step::default() };
        for (id, version) in &advance.absorbs {
            let other = self.locked.get(id).filter(|other| other.version == version.0)?;
            step.absorbs.push((id.clone(), LaneSeq::shift_behind(step.counter)));
            step.counter += other.counter;
        }
        step.counter += 1;
        if advance.link {
            let who = cleaned(&advance.identities);
            self.link(advance, own, &who, &mut step)?;
            if !step.absorbs.is_empty() || is_over(&own.identities, &who) {
                step.readdressed.push((advance.recipient_id.clone(), who));
            }
        }
        Some(step)
    }

    /// Nobody is taken an identity from but a stranger his recycled phone. Whoever else is found is this very person, and
    /// loading again finds that.
    fn link(&self, advance: &Advance, own: &Locked, who: &Identities, step: &mut Step) -> Option<()> {
        for identity in identities::linked(advance) {
            if identity.is_one_of(&own.identities) {
                continue;
            }
            let from = self.owners.get(&identity);
            let ours = |id: &RecipientId| *id == advance.recipient_id || advance.absorbs.iter().any(|(of, _)| of == id);
            if from.is_some_and(ours) {
                continue;
            }
            if let Some(from) = from {
                let known = &self.locked.get(from)?.identities;
                if !identity.is_phone() || known.bsuid.is_none() || known.bsuid == who.bsuid {
                    return None;
                }
                if identity.is_one_of(known) {
                    step.readdressed.push((from.clone(), Identities { phone: None, bsuid: known.bsuid.clone() }));
                }
            }
            step.links.push(Link { identity, to: advance.recipient_id.clone(), from: from.cloned() });
        }
        Some(())
    }
}

/// Whether something that jobs may be addressed to isn't this recipient's any more.
fn is_over(before: &Identities, now: &Identities) -> bool {
    (before.phone.is_some() && before.phone != now.phone) || (before.bsuid.is_some() && before.bsuid != now.bsuid)
}
