//! The notes of suspects, in memory.

use crate::log::Log;
use async_trait::async_trait;
use shared::{
    Timestamp,
    ports::{
        StoreError, Stored,
        queue::{Message, QueueName},
        suspects::{Cause, Noted, Suspects},
    },
};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Writes down only what it did.
pub struct Record {
    log: Log,
    /// Each with who noted it last.
    notes: Mutex<BTreeMap<(QueueName, String), (Noted, String)>>,
    away: AtomicBool,
    takes_no_letters: AtomicBool,
    asked: AtomicUsize,
}

fn key(queue: QueueName, message: &Message) -> (QueueName, String) {
    (queue, message.id.to_string())
}

impl Record {
    /// It is there, with no notes.
    pub fn new(log: Log) -> Self {
        Self {
            log,
            notes: Mutex::default(),
            away: AtomicBool::new(false),
            takes_no_letters: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(QueueName, String), (Noted, String)>> {
        self.notes.lock().expect("nobody panics while noting")
    }

    /// Whether it can be reached at all, from now on.
    pub fn away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// Whether it has no place for dead letters, from now on.
    pub fn takes_no_letters(&self, none: bool) {
        self.takes_no_letters.store(none, Ordering::Relaxed);
    }

    /// How often somebody wanted to know whether it is there.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// What processes before this one left.
    pub fn was_noted(&self, queue: QueueName, name: &str, noted: Noted) {
        self.lock().insert((queue, name.to_owned()), (noted, "another".to_owned()));
    }

    /// All notes.
    pub fn notes(&self) -> Vec<(String, Noted)> {
        self.lock().iter().map(|((_, name), (noted, _))| (name.clone(), *noted)).collect()
    }

    fn answers(&self, doing: &'static str, but: &AtomicBool) -> Stored<()> {
        if self.away.load(Ordering::Relaxed) || but.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable { doing, reason: "away".into() });
        }
        Ok(())
    }
}

#[async_trait]
impl Suspects for Record {
    async fn is_noted(&self, queue: QueueName, message: &Message) -> Stored<bool> {
        self.answers("looking for notes", &self.away)?;
        Ok(matches!(self.lock().get(&key(queue, message)), Some((Noted::Open(_), _))))
    }

    async fn note(&self, queue: QueueName, message: &Message, process: &str, _: Timestamp) -> Stored<Noted> {
        self.answers("noting", &self.away)?;
        self.log.say("note", &message.id);
        let mut notes = self.lock();
        let (note, by) = notes.entry(key(queue, message)).or_insert_with(|| (Noted::Open(0), String::new()));
        if let Noted::Open(notes) = note {
            *notes += u32::from(by != process);
            process.clone_into(by);
            return Ok(Noted::Open(*notes - 1));
        }
        Ok(*note)
    }

    async fn strike_out(&self, queue: QueueName, message: &Message) -> Stored<()> {
        self.answers("striking out", &self.away)?;
        let mut notes = self.lock();
        let key = key(queue, message);
        if let Some((Noted::Open(_), _)) = notes.get(&key) {
            notes.remove(&key);
            self.log.say("strike", &message.id);
        }
        Ok(())
    }

    async fn give_up(&self, queue: QueueName, message: &Message, _: Cause, _: Timestamp) -> Stored<()> {
        self.answers("giving up", &self.takes_no_letters)?;
        self.lock().insert(key(queue, message), (Noted::GivenUp, String::new()));
        self.log.say("give-up", &message.id);
        Ok(())
    }

    async fn is_available(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        !self.away.load(Ordering::Relaxed)
    }
}
