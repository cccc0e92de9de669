//! What people write, as the gateway publishes it: again until it is taken, as Meta does, and further copies later.

use crate::{
    dice::Dice,
    process::{PARTITIONS, Process, Through},
    settled::NUMBER,
    world::World,
};
use flow_engine::Reply;
use serde_json::value::RawValue;
use shared::{
    Clock, Timestamp,
    event::{DeliveryStatus, Event, InboundMessage, KeptEvent, KeptKind, StatusUpdate},
    ids::{EventId, Identities},
    ports::{queue::Publisher, status_clock::StatusClock},
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use testkit::questions::Writes;
use tokio::{task::JoinSet, time::sleep};

const NAMES: [&str; 5] = ["ann", "ben", "cem", "dot", "eva"];
/// Statuses and kept events, besides.
const STATUSES: usize = 5;
const KEPT: usize = 2;

/// Somebody who writes.
pub struct Person {
    pub name: &'static str,
    pub who: Identities,
    /// In the order in which it is written; the last of it only when nothing goes wrong any more.
    pub writes: Vec<Writes>,
}

/// Three to five people with a handful of messages each.
pub fn people(dice: &mut Dice) -> Vec<Person> {
    let count = 3 + dice.roll(3) as usize;
    let person = |(index, name): (usize, &'static str)| {
        let phone = format!("4915{index:09}");
        let bsuid = (index % 2 == 1).then(|| format!("DE.{index:020}").into());
        let writes = (0..5 + dice.roll(4)).map(|_| match dice.roll(8) {
            0 => Writes::Begin,
            1..3 => Writes::Picture,
            _ => Writes::Next,
        });
        let writes = writes.chain([Writes::Next]).collect();
        Person { name, who: Identities { bsuid, phone: Some(phone.into()) }, writes }
    };
    NAMES.into_iter().take(count).enumerate().map(person).collect()
}

impl Person {
    /// Meta's id of what it writes as its `nth`.
    fn wamid(&self, nth: usize) -> String {
        format!("{}-{nth}", self.name)
    }

    /// Which of its messages has this id, if one has.
    pub fn nth(&self, wamid: &str) -> Option<usize> {
        (0..self.writes.len()).find(|nth| self.wamid(*nth) == wamid)
    }

    fn message(&self, nth: usize, event_id: EventId, received_at: Timestamp) -> Event {
        let reply = Reply::Text(self.writes[nth].text(nth).to_owned());
        Event::Message(Box::new(InboundMessage {
            event_id,
            received_at,
            phone_number_id: NUMBER.into(),
            sender: self.who.clone(),
            previously: None,
            profile_name: Some(self.name.to_owned()),
            wamid: self.wamid(nth).into(),
            // The same in every repeat.
            sent_at: nth as i64,
            context_id: None,
            message_type: "text".into(),
            reply,
            raw: RawValue::from_string("{}".to_owned()).expect("JSON"),
        }))
    }
}

/// The way of events to their queues.
pub struct Gateway {
    process: Arc<Process>,
    /// Copies so far: each is an event of its own.
    copies: AtomicU32,
}

impl Gateway {
    pub fn of(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { process: Process::gateway(world), copies: AtomicU32::new(0) })
    }

    fn world(&self) -> &World {
        &self.process.world
    }

    /// Publishes until it is taken. What a publish that failed has brought all the same is one copy more.
    pub async fn deliver(&self, name: &str, event: impl Fn(&World, EventId, Timestamp) -> Event + Send) {
        loop {
            let copy = self.copies.fetch_add(1, Ordering::Relaxed);
            let made = event(self.world(), format!("{name}.{copy}").into(), self.world().clock.now());
            let publish = made.into_publish(PARTITIONS).expect("an event has a JSON form");
            let gateway = Through(self.process.clone());
            if gateway.publish(vec![publish]).await.is_ok() {
                return;
            }
            drop(gateway.refused(self.world().clock.now()).await);
            sleep(self.world().millis(50..1_000)).await;
        }
    }

    async fn message(&self, person: usize, nth: usize) {
        let name = self.world().people[person].wamid(nth);
        self.deliver(&name, |world, id, now| world.people[person].message(nth, id, now)).await;
    }

    /// One person writes. Meta promises no order: some messages may be overtaken by those behind them.
    async fn writes(self: Arc<Self>, person: usize) {
        let mut copies = JoinSet::new();
        for nth in 0..self.world().people[person].writes.len() - 1 {
            sleep(self.world().millis(0..1_500)).await;
            if self.world().roll(6) == 0 {
                let gateway = self.clone();
                copies.spawn(async move { gateway.message(person, nth).await });
            } else {
                self.message(person, nth).await;
            }
            for _ in 0..self.world().roll(3) {
                let (gateway, later) = (self.clone(), self.world().millis(0..5_000));
                copies.spawn(async move {
                    sleep(later).await;
                    gateway.message(person, nth).await;
                });
            }
        }
        while copies.join_next().await.is_some() {}
    }

    /// Statuses of what was sent, by somebody else: this record knows no job of theirs.
    async fn statuses(self: Arc<Self>) {
        for nth in 0..STATUSES {
            sleep(self.world().millis(0..2_500)).await;
            for _ in 0..1 + self.world().roll(2) {
                self.deliver(&format!("status-{nth}"), |_, event_id, received_at| {
                    Event::Status(StatusUpdate {
                        event_id,
                        received_at,
                        phone_number_id: NUMBER.into(),
                        wamid: format!("sent-{nth}").into(),
                        status: DeliveryStatus::Delivered,
                        at: nth as i64,
                        job: None,
                        error: None,
                    })
                })
                .await;
            }
        }
    }

    async fn kept(self: Arc<Self>) {
        for nth in 0..KEPT {
            sleep(self.world().millis(0..4_000)).await;
            self.deliver(&format!("kept-{nth}"), |_, event_id, received_at| {
                let (kind, body) = (KeptKind::Unrecognized, "{".to_owned());
                Event::Kept(KeptEvent { event_id, received_at, kind, field: None, body, calls: Vec::new() })
            })
            .await;
        }
    }
}

/// Everybody writes, while whatever may go wrong does.
pub fn write(world: &Arc<World>) -> JoinSet<()> {
    let (gateway, mut writing) = (Gateway::of(world), JoinSet::new());
    for person in 0..world.people.len() {
        writing.spawn(gateway.clone().writes(person));
    }
    writing.spawn(gateway.clone().statuses());
    writing.spawn(gateway.kept());
    writing
}

/// Everybody writes once more, in the end.
pub async fn write_once_more(world: &Arc<World>) {
    let gateway = Gateway::of(world);
    for (index, person) in world.people.iter().enumerate() {
        gateway.message(index, person.writes.len() - 1).await;
    }
}
