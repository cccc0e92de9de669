//! The queues and who serves them, and what each number still has to send.
//!
//! What lies in a queue the broker knows; whom it serves, how fast that goes and how old what waits is, only the processes
//! themselves. They tell it twice a second.

use super::{Answer, Operator, OperatorError};
use crate::{
    ports::{
        ledger::Backlog,
        members::{MemberReport, Role},
        queue::QueueName,
    },
    tally::ServedQueue,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Characters of a member's name that tell it from others: its last ones, which are drawn at random.
const SHOWN: usize = 6;

impl Operator {
    /// All queues, and the numbers that have something to send.
    pub async fn queues(&self) -> Answer {
        let Some(partitions) = self.installation.fixed_partitions().await? else {
            let why = "nobody has served this installation yet, and its queues are made by whoever does first";
            return Err(OperatorError::NotFound(why.into()));
        };
        let owners = Owners::of(&self.told().await);
        let mut items = Vec::new();
        for queue in QueueName::all(partitions) {
            items.push(owners.shown(queue, self.consumer.depth(queue).await?));
        }
        Ok(json!({ "items": items, "numbers": self.busy_numbers().await? }))
    }

    /// What the processes of each role that consumes tell.
    async fn told(&self) -> Vec<(Role, String, MemberReport)> {
        let mut told = Vec::new();
        for role in [Role::Worker, Role::Sender] {
            match self.members.reports(role).await {
                Ok(reports) => told.extend(reports.into_iter().map(|(member, report)| (role, member, report))),
                Err(error) => {
                    // Depths and backlogs are worth showing all the same.
                    tracing::warn!(%error, "nobody knows who serves the queues; is the Redis of REDIS_URL up?");
                    break;
                }
            }
        }
        told
    }

    /// The numbers that have something to send, the one with most first.
    async fn busy_numbers(&self) -> Result<Vec<Value>, OperatorError> {
        let (backlog, owners) = (self.ledger.backlog().await?, self.owners().await?);
        let now = self.clock.now();
        let shown = |Backlog { phone_number_id, open, oldest }: &Backlog| {
            let owner = owners.get(phone_number_id);
            json!({
                "phoneNumberId": phone_number_id,
                "accountId": owner.map(|(account, _)| account),
                "backlog": open,
                "oldestAgeSeconds": now.since(*oldest).as_secs(),
                "paused": owner.and_then(|(_, paused)| paused.as_deref()),
            })
        };
        Ok(backlog.iter().map(shown).collect())
    }
}

/// Who serves each queue.
struct Owners(BTreeMap<String, Owner>);

/// Whoever serves a queue, as far as it is known.
struct Owner {
    member: String,
    process: MemberReport,
    served: ServedQueue,
}

impl Owners {
    /// Of those who tell of a queue that one whom its broker serves, and was last to; else the one whose share it is.
    fn of(told: &[(Role, String, MemberReport)]) -> Self {
        let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
        let rank = |served: &ServedQueue| (served.served_since, served.owned);
        for (role, member, report) in told {
            // A process of several roles tells of all its queues in each of them.
            let own = report.queues.iter().filter(|served| consumes(*role, &served.queue));
            for served in own {
                if owners.get(&served.queue).is_none_or(|other| rank(&other.served) < rank(served)) {
                    let owner = Owner { member: member.clone(), process: report.clone(), served: served.clone() };
                    owners.insert(served.queue.clone(), owner);
                }
            }
        }
        Self(owners)
    }

    fn shown(&self, queue: QueueName, depth: u64) -> Value {
        let queue = queue.to_string();
        let Some(Owner { member, process, served }) = self.0.get(&queue) else {
            return json!({ "queue": queue, "depth": depth, "owner": null, "rate": null, "ageSeconds": null });
        };
        // A broker counts what is in the hands of the process that asks, and of no other.
        let depth = if process.is_of_this_process() { depth } else { depth + served.in_hand };
        // An idle queue delivers nothing that would tell an age, and needs to tell none.
        let age = served.age_millis.or((depth == 0).then_some(0));
        json!({
            "queue": queue,
            "depth": depth,
            "owner": format!("{}:{} ({})", process.host, process.pid, tail(member)),
            "rate": served.rate,
            "ageSeconds": age.map(|millis| millis / 1000),
        })
    }
}

/// Whether processes of this role consume the queue of this name.
fn consumes(role: Role, queue: &str) -> bool {
    let by = if queue.starts_with("outbound.") { Role::Sender } else { Role::Worker };
    role == by
}

fn tail(member: &str) -> &str {
    let start = member.char_indices().rev().nth(SHOWN - 1).map_or(0, |(at, _)| at);
    &member[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn served(queue: &str, owned: bool, since: Option<i64>) -> ServedQueue {
        ServedQueue {
            queue: queue.to_owned(),
            owned,
            served_since: since.map(Timestamp),
            rate: 0.5,
            in_hand: 2,
            age_millis: since.map(|_| 61_500),
        }
    }

    fn told(role: Role, member: &str, queues: Vec<ServedQueue>) -> (Role, String, MemberReport) {
        let (inbound, numbers) = Default::default();
        (role, format!("…-{member}"), MemberReport { host: "box".to_owned(), pid: 0, queues, inbound, numbers })
    }

    #[test]
    fn the_owner_is_whom_the_broker_serves_not_whose_share_it_is() {
        let (inbound, outbound) = (QueueName::Inbound(1), QueueName::Outbound(1));
        let owners = Owners::of(&[
            told(Role::Worker, "killed", vec![served("inbound.01", true, Some(1))]),
            told(Role::Worker, "serves", vec![served("inbound.01", false, Some(2)), served("outbound.01", true, None)]),
            told(Role::Worker, "shares", vec![served("inbound.01", true, None)]),
            told(Role::Sender, "sender", vec![served("outbound.01", true, None), served("inbound.01", true, Some(3))]),
        ]);
        let expected = json!({
            "queue": "inbound.01", "depth": 7, "owner": "box:0 (serves)", "rate": 0.5, "ageSeconds": 61,
        });
        assert_eq!(owners.shown(inbound, 5), expected);
        assert_eq!(owners.shown(outbound, 5)["owner"], "box:0 (sender)");
    }

    #[test]
    fn an_age_is_told_only_where_it_is_known() {
        let mut idle = served("inbound.01", true, None);
        idle.in_hand = 0;
        let owners = Owners::of(&[told(Role::Worker, "idle", vec![idle])]);
        let age = |queue, depth| owners.shown(queue, depth)["ageSeconds"].clone();
        assert_eq!(age(QueueName::Inbound(1), 0), 0);
        assert_eq!(age(QueueName::Inbound(1), 1), Value::Null);
        assert_eq!(age(QueueName::DeadLetters, 0), Value::Null);
        assert_eq!(tail("ab"), "ab");
    }
}
