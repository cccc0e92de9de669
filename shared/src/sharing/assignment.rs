//! Which member serves which partition: a pure function of who is alive, the same in every process that sees the same.

use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

/// What a member is to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// It would serve it if its owner were gone: it waits behind the owner, so that it takes over at once.
    Standby,
    /// It serves it.
    Owner,
}

/// A partition of a member's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What the member is to it.
    pub duty: Duty,
    /// Who owns it.
    pub owner: String,
}

/// The partitions that `me` serves or stands by for.
///
/// Rendezvous hashing with quotas (Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996): each
/// partition goes to the member with the highest hash of both names that has room left; of N partitions and M members each
/// has room for ⌊N/M⌋, the first N mod M for one more. The stand-by of a partition is who would own it without its owner.
#[must_use]
pub fn duties(members: &BTreeSet<String>, me: &str, partitions: u16) -> BTreeMap<u16, Place> {
    let owners = owners(members, partitions);
    let mut duties = BTreeMap::new();
    for owner in members {
        let owned = owners.iter().filter(|(_, by)| *by == owner).map(|(partition, _)| *partition);
        let place = |duty| Place { duty, owner: owner.clone() };
        if owner == me {
            duties.extend(owned.map(|partition| (partition, place(Duty::Owner))));
            continue;
        }
        let others: BTreeSet<String> = members.iter().filter(|member| *member != owner).cloned().collect();
        let without = self::owners(&others, partitions);
        let mine = owned.filter(|partition| without.get(partition).is_some_and(|next| next == me));
        duties.extend(mine.map(|partition| (partition, place(Duty::Standby))));
    }
    duties
}

fn owners(members: &BTreeSet<String>, partitions: u16) -> BTreeMap<u16, String> {
    let mut owners = BTreeMap::new();
    let Some(count) = u16::try_from(members.len()).ok().filter(|count| *count > 0) else { return owners };
    let (base, more) = (partitions / count, partitions % count);
    let mut room: BTreeMap<&String, u16> =
        members.iter().zip(0..).map(|(member, at)| (member, base + u16::from(at < more))).collect();
    let mut bids: Vec<(u64, u16, &String)> = members
        .iter()
        .flat_map(|member| (0..partitions).map(move |partition| (score(member, partition), partition, member)))
        .collect();
    bids.sort_unstable_by(|a, b| b.cmp(a));
    for (_, partition, member) in bids {
        if let Some(left) = room.get_mut(member).filter(|left| **left > 0)
            && !owners.contains_key(&partition)
        {
            *left -= 1;
            owners.insert(partition, member.clone());
        }
    }
    owners
}

fn score(member: &str, partition: u16) -> u64 {
    xxh3_64(format!("{partition}/{member}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: usize) -> BTreeSet<String> {
        (0..count).map(|number| format!("worker-{number}")).collect()
    }

    fn owned(members: &BTreeSet<String>, me: &str, partitions: u16) -> BTreeSet<u16> {
        let all = duties(members, me, partitions);
        all.into_iter().filter(|(_, place)| place.duty == Duty::Owner).map(|(partition, _)| partition).collect()
    }

    fn stands_by(members: &BTreeSet<String>, me: &str, partition: u16) -> bool {
        duties(members, me, 16).get(&partition).is_some_and(|place| place.duty == Duty::Standby)
    }

    #[test]
    fn each_partition_has_one_owner_and_the_load_is_even() {
        for (count, partitions) in [(1, 16), (2, 16), (3, 16), (5, 17), (16, 16), (20, 16), (7, 1)] {
            let members = members(count);
            let shares: Vec<BTreeSet<u16>> = members.iter().map(|me| owned(&members, me, partitions)).collect();
            let all: BTreeSet<u16> = shares.iter().flatten().copied().collect();
            assert_eq!(all.len(), usize::from(partitions), "{count} members");
            assert_eq!(shares.iter().map(BTreeSet::len).sum::<usize>(), usize::from(partitions), "each once");
            let (least, most) = (shares.iter().map(BTreeSet::len).min(), shares.iter().map(BTreeSet::len).max());
            assert!(most.unwrap() - least.unwrap() <= 1, "{count} members, {partitions} partitions");
        }
    }

    #[test]
    fn whoever_stands_by_owns_it_once_the_owner_is_gone() {
        let all = members(4);
        for gone in &all {
            let left: BTreeSet<String> = all.iter().filter(|member| *member != gone).cloned().collect();
            for partition in owned(&all, gone, 16) {
                let standing_by: Vec<&String> = left.iter().filter(|me| stands_by(&all, me, partition)).collect();
                assert_eq!(standing_by.len(), 1);
                assert!(owned(&left, standing_by[0], 16).contains(&partition));
            }
        }
    }

    #[test]
    fn who_comes_takes_little_more_than_a_fair_share() {
        for count in 1..8 {
            let (before, after) = (members(count), members(count + 1));
            let stays = |me: &String| owned(&before, me, 64).intersection(&owned(&after, me, 64)).count();
            let moved = 64 - before.iter().map(stays).sum::<usize>();
            let fair = 64 / (count + 1);
            assert!(moved <= 2 * fair + 2, "{count} + 1: {moved} of 64 moved, {fair} would be fair");
        }
    }

    #[test]
    fn nobody_and_strangers_have_no_duties() {
        assert!(duties(&members(0), "worker-0", 16).is_empty());
        assert!(duties(&members(3), "somebody else", 16).is_empty());
        let alone = duties(&members(1), "worker-0", 16);
        assert!(alone.len() == 16 && alone.values().all(|place| place.duty == Duty::Owner));
    }
}
