//! Who is alive, as one member sees it.

use super::LIFE;
use std::collections::BTreeSet;
use tokio::time::Instant;

/// A list that could not be read, or that was read and knew too little, leaves the view as it was.
#[derive(Debug)]
pub(super) struct View {
    me: String,
    alive: BTreeSet<String>,
    readable: bool,
    /// When this member last said that it is alive.
    said_so: Option<Instant>,
    /// Until then whoever is missing in the list may not have come to say that they are alive.
    distrusted_until: Option<Instant>,
}

impl View {
    /// Until others are known of there is nobody else: the broker says who is right.
    pub fn of(me: &str) -> Self {
        let alive = BTreeSet::from([me.to_owned()]);
        Self { me: me.to_owned(), alive, readable: true, said_so: None, distrusted_until: None }
    }

    pub fn alive(&self) -> &BTreeSet<String> {
        &self.alive
    }

    /// This member said that it is alive.
    pub fn said_so(&mut self, now: Instant) {
        self.said_so = Some(now);
    }

    /// The list was read. Whether anybody came or went. One that doesn't know this member, who said that it is alive, has
    /// lost its memory, and so may one that was away: then nobody is gone until everybody had time to say so again.
    pub fn read(&mut self, found: Vec<String>, now: Instant) -> bool {
        let mut found: BTreeSet<String> = found.into_iter().collect();
        let is_new = found.insert(self.me.clone());
        let forgot = is_new && self.said_so.is_some_and(|said| now < said + LIFE);
        if forgot || !std::mem::replace(&mut self.readable, true) {
            self.distrusted_until = Some(now + LIFE);
        }
        if self.distrusted_until.is_some_and(|until| now < until) {
            found.extend(self.alive.iter().cloned());
        }
        let changed = found != self.alive;
        self.alive = found;
        changed
    }

    /// The list can't be read; whether that is new.
    pub fn is_unreadable(&mut self) -> bool {
        std::mem::replace(&mut self.readable, false)
    }
}
