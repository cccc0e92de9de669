//! Notes on deliveries that may kill whoever handles them. None here does.

use crate::{
    line::name_of,
    process::Through,
    world::{World, lock},
};
use async_trait::async_trait;
use shared::{
    Timestamp,
    ports::{
        Stored,
        queue::{Message, QueueName},
        suspects::{Cause, Noted, Suspects},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// Tries noted, after which one more would be given up: the worker's own figure.
const TRIES: usize = 3;

type Key = (QueueName, Arc<str>);

/// One delivery's.
#[derive(Debug, Default)]
struct Note {
    by: BTreeSet<String>,
    is_given_up: bool,
}

/// The notes.
#[derive(Default)]
pub struct Notes(Mutex<BTreeMap<Key, Note>>);

fn key(queue: QueueName, message: &Message) -> Key {
    (queue, message.id.clone())
}

impl Notes {
    /// Whether a message has been tried so often that one more crash would give it up, and rightly so.
    pub fn are_on_the_brink(&self) -> bool {
        lock(&self.0).values().any(|note| note.by.len() >= TRIES && !note.is_given_up)
    }

    /// What was given up.
    pub fn given_up(&self) -> Vec<String> {
        let notes = lock(&self.0);
        notes.iter().filter(|(_, note)| note.is_given_up).map(|((queue, id), _)| format!("{queue}: {id}")).collect()
    }

    fn note(&self, world: &World, key: Key, name: &str, process: String) -> Noted {
        let mut notes = lock(&self.0);
        let note = notes.entry(key).or_default();
        let others = note.by.iter().filter(|by| **by != process).count();
        note.by.insert(process);
        world.count("suspected");
        world.note(format!("{name} is suspected, noted by {others} others"));
        if note.is_given_up { Noted::GivenUp } else { Noted::Open(others as u32) }
    }
}

#[async_trait]
impl Suspects for Through {
    async fn is_noted(&self, queue: QueueName, message: &Message) -> Stored<bool> {
        let key = key(queue, message);
        let looking = move |world: &Arc<World>| {
            world.record.answers(world, "look for notes")?;
            Ok(lock(&world.suspects.0).get(&key).is_some_and(|note| !note.by.is_empty()))
        };
        self.0.call("look for notes", looking).await
    }

    async fn note(&self, queue: QueueName, message: &Message, process: &str, _: Timestamp) -> Stored<Noted> {
        let (key, name, process) = (key(queue, message), name_of(message).to_owned(), process.to_owned());
        let noting = move |world: &Arc<World>| {
            world.record.answers(world, "note")?;
            Ok(world.suspects.note(world, key, &name, process))
        };
        self.0.call("note", noting).await
    }

    async fn strike_out(&self, queue: QueueName, message: &Message) -> Stored<()> {
        let (key, name) = (key(queue, message), name_of(message).to_owned());
        let striking = move |world: &Arc<World>| {
            world.record.answers(world, "strike out")?;
            world.note(format!("{name} is suspected no more"));
            lock(&world.suspects.0).remove(&key);
            Ok(())
        };
        self.0.call("strike out", striking).await
    }

    async fn give_up(&self, queue: QueueName, message: &Message, _: Cause, _: Timestamp) -> Stored<()> {
        let key = key(queue, message);
        let giving_up = move |world: &Arc<World>| {
            world.record.answers(world, "give up")?;
            world.note(format!("{}: {} is given up", key.0, key.1));
            lock(&world.suspects.0).entry(key).or_default().is_given_up = true;
            Ok(())
        };
        self.0.call("give up a suspect", giving_up).await
    }

    async fn is_available(&self) -> bool {
        self.0.call("ask whether the record is there", |world| world.record.answers(world, "ask")).await.is_ok()
    }
}
