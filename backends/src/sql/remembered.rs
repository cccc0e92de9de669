//! A cache that never keeps what was read before the last change.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Values under keys, forgotten when told to; at most so many.
#[derive(Debug)]
pub(super) struct Remembered<K, V> {
    inner: Mutex<Inner<K, V>>,
    most: usize,
}

#[derive(Debug)]
struct Inner<K, V> {
    values: HashMap<K, V>,
    /// Counts forgettings: a value read before the last one is not kept.
    generation: u64,
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    pub fn new(most: usize) -> Self {
        Self { inner: Mutex::new(Inner { values: HashMap::new(), generation: 0 }), most }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K, V>> {
        // Every change below is a single step: a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered under `key`.
    pub fn get(&self, key: &K) -> Option<V> {
        self.lock().values.get(key).cloned()
    }

    /// To be taken before reading and given to [`Self::keep`] after.
    pub fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Remembers a value, unless something was forgotten since `generation`.
    pub fn keep(&self, generation: u64, key: K, value: V) {
        let mut inner = self.lock();
        if inner.generation != generation {
            return;
        }
        if inner.values.len() >= self.most {
            // Rare, and right however crude: everything can be read again.
            inner.values.clear();
        }
        inner.values.insert(key, value);
    }

    /// Forgets every key that `which` names.
    pub fn forget(&self, which: impl Fn(&K) -> bool) {
        let mut inner = self.lock();
        inner.generation += 1;
        inner.values.retain(|key, _| !which(key));
    }
}
