//! One quorum queue with a single active consumer.

use crate::world::{Sabotage, World};
use shared::{
    event, job,
    ports::queue::{Delivery, Message, QueueName, Tag},
};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Done,
    GivenBack,
    Rejected,
}

/// A message in its place.
struct Queued {
    message: Message,
    /// How often it came back.
    came_back: u32,
    /// Whether somebody has it in hand.
    is_out: bool,
}

/// A channel that consumes the queue.
pub struct Subscriber {
    pub number: u64,
    /// The process it belongs to.
    pub process: u32,
    pub prefetch: usize,
    pub out: mpsc::Sender<Delivery>,
    last_tag: Tag,
    /// What it has in hand, each with its place.
    open: BTreeMap<Tag, u64>,
}

impl Subscriber {
    pub fn new(number: u64, process: u32, prefetch: usize, out: mpsc::Sender<Delivery>) -> Self {
        Self { number, process, prefetch, out, last_tag: 0, open: BTreeMap::new() }
    }
}

/// The queue.
pub struct Line {
    name: QueueName,
    /// All that was taken and not acknowledged, by its place.
    messages: BTreeMap<u64, Queued>,
    last_place: u64,
    /// The first is served, the others stand by.
    subscribers: Vec<Subscriber>,
}

/// A message's name in the history.
pub fn name_of(message: &Message) -> &str {
    match message.kind.as_ref() {
        event::TICK => "a tick",
        // A job's id is drawn, and no function of the seed.
        job::JOB => "a bell",
        _ => &message.id,
    }
}

impl Line {
    pub fn new(name: QueueName) -> Self {
        Self { name, messages: BTreeMap::new(), last_place: 0, subscribers: Vec::new() }
    }

    pub fn push(&mut self, message: Message) {
        self.last_place += 1;
        self.messages.insert(self.last_place, Queued { message, came_back: 0, is_out: false });
    }

    pub fn join(&mut self, subscriber: Subscriber) {
        self.subscribers.push(subscriber);
    }

    pub fn depth(&self) -> usize {
        self.messages.len()
    }

    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values().map(|queued| &queued.message)
    }

    /// Hands out to whoever is served what there is and fits.
    pub fn hand_out(&mut self, world: &World) {
        let Some(served) = self.subscribers.first_mut() else { return };
        for (place, queued) in self.messages.iter_mut().filter(|(_, queued)| !queued.is_out) {
            if served.open.len() >= served.prefetch {
                return;
            }
            let (tag, message) = (served.last_tag + 1, queued.message.clone());
            let delivery = Delivery { tag, message, delivery_count: queued.came_back, death: None };
            // There is room for a whole prefetch: this fails only once nobody takes them, and then the channel goes.
            if served.out.try_send(delivery).is_err() {
                return;
            }
            served.last_tag = tag;
            served.open.insert(tag, *place);
            queued.is_out = true;
            if queued.message.kind != event::TICK {
                let times = queued.came_back;
                world.note(format!("{} to p{}: {} ({times})", self.name, served.process, name_of(&queued.message)));
            }
        }
    }

    /// Ends deliveries; what was rejected. `None` where the subscriber is gone or hasn't got one of them in hand.
    pub fn settle(&mut self, world: &World, subscriber: u64, tags: &[Tag], ending: Ending) -> Option<Vec<Message>> {
        let of = self.subscribers.iter_mut().find(|other| other.number == subscriber)?;
        let places: Vec<u64> = tags.iter().map(|tag| of.open.get(tag).copied()).collect::<Option<_>>()?;
        of.open.retain(|tag, _| !tags.contains(tag));
        if ending == Ending::GivenBack {
            self.take_back(world, places);
            return Some(Vec::new());
        }
        let ended: Vec<Message> =
            places.iter().filter_map(|place| self.messages.remove(place)).map(|queued| queued.message).collect();
        for message in ended.iter().filter(|message| message.kind != event::TICK) {
            world.note(format!("{}: {} is off the queue, {ending:?}", self.name, name_of(message)));
        }
        Some(if ending == Ending::Rejected { ended } else { Vec::new() })
    }

    /// A channel goes; what it had in hand comes back.
    pub fn leave(&mut self, world: &World, subscriber: u64) -> Option<Subscriber> {
        let at = self.subscribers.iter().position(|other| other.number == subscriber)?;
        let mut gone = self.subscribers.remove(at);
        let open = std::mem::take(&mut gone.open);
        self.take_back(world, open.into_values());
        Some(gone)
    }

    /// All channels of a process go.
    pub fn cut(&mut self, world: &World, process: u32) -> Vec<Subscriber> {
        let of_process = self.subscribers.iter().filter(|subscriber| subscriber.process == process);
        let numbers: Vec<u64> = of_process.map(|subscriber| subscriber.number).collect();
        numbers.into_iter().filter_map(|number| self.leave(world, number)).collect()
    }

    fn take_back(&mut self, world: &World, places: impl IntoIterator<Item = u64>) {
        for place in places {
            let Some(queued) = self.messages.remove(&place) else { continue };
            let back = Queued { came_back: queued.came_back + 1, is_out: false, ..queued };
            world.count("came back");
            let place = match world.sabotage {
                Some(Sabotage::LosesWhatComesBack) => continue,
                Some(Sabotage::BackOfTheLine) => {
                    self.last_place += 1;
                    self.last_place
                }
                _ => place,
            };
            self.messages.insert(place, back);
        }
    }
}
