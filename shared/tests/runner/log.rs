//! What happens in a world, written down in its order.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

/// What happened, and to which message.
pub type Line = (&'static str, String);

/// Written by the broker (`ack`, `reject`), the record (`note`, `strike`, `give-up`) and the handler: `decode`, `begin`
/// and then `done`, `hold`, `panic`, or `cut` where it was dropped before it ended.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.lock().expect("nobody panics while writing")
    }

    /// Writes it down.
    pub fn say(&self, what: &'static str, name: &str) {
        self.lines().push((what, name.to_owned()));
    }

    /// What happened to one message.
    pub fn about(&self, name: &str) -> Vec<&'static str> {
        self.lines().iter().filter(|(_, other)| other == name).map(|(what, _)| *what).collect()
    }

    /// Which messages this happened to, each time it did.
    pub fn names(&self, what: &str) -> Vec<String> {
        self.lines().iter().filter(|(other, _)| *other == what).map(|(_, name)| name.clone()).collect()
    }

    /// Where it happened first. It has to.
    fn place(&self, (what, name): (&str, &str)) -> usize {
        let lines = self.lines().clone();
        let place = lines.iter().position(|(other, whose)| *other == what && whose == name);
        place.unwrap_or_else(|| panic!("never: {what} {name}, in {lines:?}"))
    }

    /// All of these happened, in this order.
    pub fn assert_order(&self, steps: &[(&str, &str)]) {
        let places: Vec<usize> = steps.iter().map(|step| self.place(*step)).collect();
        assert!(places.is_sorted(), "not in the order {steps:?}: {:?}", self.lines());
    }

    /// Whatever else was in the handlers' hands while this one was. It has to have been.
    pub fn beside(&self, name: &str) -> BTreeSet<String> {
        self.place(("begin", name));
        let (mut under_way, mut beside) = (BTreeSet::new(), BTreeSet::new());
        for (what, who) in self.lines().iter() {
            match *what {
                "begin" => {
                    under_way.insert(who.clone());
                }
                "done" | "hold" | "panic" | "cut" => {
                    under_way.remove(who);
                }
                _ => continue,
            }
            if under_way.contains(name) {
                beside.extend(under_way.iter().filter(|other| *other != name).cloned());
            }
        }
        beside
    }
}
