//! Sharing the partitions out among the live processes of a role.
//!
//! Whoever is alive says so every 3 s, for 10 s, looks twice a second who else is, and computes from that list which
//! partitions are its own ([`duties`]). That balances. It keeps nothing safe: two members may see different lists for a
//! while, and a list that can't be read, or lost its memory, is the last one. What keeps it safe is the broker, which gives a queue to one
//! consumer at a time, in the order in which they came, and the commit behind it.
//!
//! That order is what the delays here are for. A partition moves when its owner lets go, and the next in line is served;
//! so its new owner subscribes at once, whoever stands by comes in again behind it, and only then the old owner lets go:
//!
//! ```text
//! a list changes      seen by each within 0.5 s of another
//! + 0 s               the new owner subscribes
//! + 1 s               who stands by lets go and subscribes again, now behind the owner
//! + 2 s               who has no duty any more, or merely stands by now, lets go
//! ```
//!
//! An owner that is killed is replaced by the broker at once, by who stands by, and that is who will own it. An owner whose
//! connection is lost for a moment is replaced too, and served again within half a minute.

mod assignment;
mod counted;
mod partition;
mod view;

pub use assignment::{Duty, Place, duties};
pub use counted::counted;

use crate::{
    ports::{
        StoreError,
        members::{MemberReport, Members, Role},
    },
    tally::Tally,
};
use partition::Partition;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use view::View;

/// How often a member asks who is alive.
const LOOK: Duration = Duration::from_millis(500);
/// Each so many looks it says that it is alive itself: every 3 s.
const LOOKS_PER_BEAT: u32 = 6;
/// For how long it then counts as alive.
const LIFE: Duration = Duration::from_secs(10);
/// How long a look may take; nothing waits for it but the next one.
const PATIENCE: Duration = Duration::from_secs(2);

/// A process among those of its role.
#[derive(Clone)]
pub struct Membership {
    /// Who is alive.
    pub members: Arc<dyn Members>,
    /// What this process does.
    pub role: Role,
    /// Its name, no one else's.
    pub me: String,
    /// How many partitions there are to share out.
    pub partitions: u16,
    /// What this process counts of its queues; told twice a second, for operators.
    pub tally: Arc<Tally>,
}

/// One partition to be served until its token is cancelled. What it is to this process may change meanwhile.
pub type Served = (u16, watch::Receiver<Duty>, CancellationToken);

/// Serves this process's share of the partitions until `stop`; returns early when a partition's task ends badly, which is
/// a bug.
pub async fn serve<F, S>(membership: Membership, stop: CancellationToken, serve_one: F)
where
    F: Fn(Served) -> S + Clone + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let mut partitions: BTreeMap<u16, Partition> = BTreeMap::new();
    let mut view = View::of(&membership.me);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looks = 0_u32;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = look.tick() => {
                let (first, beats) = (partitions.is_empty(), looks.is_multiple_of(LOOKS_PER_BEAT));
                looks = looks.wrapping_add(1);
                let until = Instant::now() + PATIENCE;
                if membership.look_around(beats, until, &mut view).await || first {
                    apply(&membership, view.alive(), &mut partitions, &serve_one);
                }
                membership.report(until).await;
            }
            () = next_move(&partitions) => {}
        }
        let now = Instant::now();
        for partition in partitions.values_mut() {
            partition.move_on(now, &serve_one);
        }
        partitions.retain(|_, partition| !partition.is_over());
        if partitions.values().any(Partition::ended_badly) {
            tracing::error!("a partition's task ended badly");
            break;
        }
        let owned = partitions.values().filter(|partition| partition.duty() == Duty::Owner).count();
        metrics::gauge!("flow_runner_active_partitions", "role" => membership.role.as_str()).set(owned as f64);
    }
    membership.leave().await;
    partitions.values().for_each(Partition::stop);
    for partition in partitions.into_values() {
        partition.ended().await;
    }
}

fn apply<F, S>(
    membership: &Membership,
    alive: &BTreeSet<String>,
    partitions: &mut BTreeMap<u16, Partition>,
    serve_one: &F,
) where
    F: Fn(Served) -> S + Clone + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let now = Instant::now();
    let mut places = duties(alive, &membership.me, membership.partitions);
    for (number, partition) in partitions.iter_mut() {
        partition.becomes(places.remove(number), now);
    }
    for (number, place) in places {
        partitions.insert(number, Partition::begin(number, place, now, serve_one));
    }
}

async fn next_move(partitions: &BTreeMap<u16, Partition>) {
    match partitions.values().filter_map(Partition::due).min() {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Membership {
    /// Asks who is alive, then says so of itself; where that fails, what was known stays. Whether anybody came or went.
    async fn look_around(&self, beats: bool, until: Instant, view: &mut View) -> bool {
        let asking = async {
            let found = self.members.alive(self.role).await?;
            if beats {
                self.members.beat(self.role, &self.me, LIFE).await?;
            }
            Ok::<_, StoreError>(found)
        };
        let found = match tokio::time::timeout_at(until, asking).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        };
        match found {
            Ok(found) => {
                let changed = view.read(found, Instant::now());
                if beats {
                    view.said_so(Instant::now());
                }
                if changed {
                    tracing::info!(role = self.role.as_str(), members = view.alive().len(), "the members changed");
                }
                changed
            }
            Err(reason) => {
                if view.is_unreadable() {
                    tracing::warn!(reason, "can't read who is alive; keeping the last view");
                }
                false
            }
        }
    }

    /// Tells what this process serves. Only people read it: where that fails, the next one may not.
    async fn report(&self, until: Instant) {
        let report = MemberReport::of_this_process(&self.tally);
        let telling = self.members.report(self.role, &self.me, &report, LIFE);
        drop(tokio::time::timeout_at(until, telling).await);
    }

    async fn leave(&self) {
        let leaving = self.members.leave(self.role, &self.me);
        // Its time runs out all the same.
        drop(tokio::time::timeout(PATIENCE, leaving).await);
    }
}

#[cfg(test)]
mod tests;
