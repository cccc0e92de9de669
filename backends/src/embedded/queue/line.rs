//! What a process remembers of one queue: who is served, what was handed out, what came back.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// One queue.
#[derive(Debug)]
pub(super) struct Line {
    pub name: String,
    state: Mutex<State>,
    /// Wakes every subscription: something was published or came back, or another one is served now.
    changed: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The first is served, the others stand by.
    pub subscribers: VecDeque<u64>,
    last_subscriber: u64,
    /// The last id that was handed out (or passed over because it was acknowledged before).
    pub cursor: i64,
    /// What came back, to be handed out before anything new.
    pub returned: BTreeSet<i64>,
    /// Up to which id the database knows that messages may have been handed out; `None` = not looked up yet.
    pub reserved: Option<i64>,
}

impl Line {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), state: Mutex::default(), changed: Notify::new() }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Takes a place; the number that names it.
    pub fn join(&self) -> u64 {
        let mut state = self.lock();
        state.last_subscriber += 1;
        let subscriber = state.last_subscriber;
        state.subscribers.push_back(subscriber);
        subscriber
    }

    /// Gives the place up, and back what was open.
    pub fn leave(&self, subscriber: u64, open: impl IntoIterator<Item = i64>) {
        let mut state = self.lock();
        state.subscribers.retain(|other| *other != subscriber);
        state.returned.extend(open);
        drop(state);
        self.wake();
    }

    /// Gives messages back to the front.
    pub fn give_back(&self, ids: &[i64]) {
        self.lock().returned.extend(ids);
        self.wake();
    }

    /// Whether this subscriber is the one that is served.
    pub fn serves(&self, subscriber: u64) -> bool {
        self.lock().subscribers.front() == Some(&subscriber)
    }

    /// Resolves at the next change after its creation.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }
}
