//! The keys of entries that are still open, so that later entries on the same keys wait for them.

use std::collections::BTreeMap;

use crate::entry::Entry;
use crate::key::Key;

/// Counts open entries by key; an entry that changes the rules stands in the way of every other.
#[derive(Debug, Default)]
pub struct Touched {
    keys: BTreeMap<Key, u32>,
    barriers: u32,
    entries: u32,
}

impl Touched {
    /// Whether an entry has to wait for one of those counted.
    pub fn blocks(&self, entry: &Entry) -> bool {
        if self.entries == 0 {
            return false;
        }
        entry.content.as_ref().is_ok_and(|change| {
            self.barriers > 0 || change.is_barrier() || change.keys().any(|key| self.keys.contains_key(key))
        })
    }

    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.entries += 1;
        let Ok(change) = &entry.content else { return };
        self.barriers += u32::from(change.is_barrier());
        for key in change.keys() {
            *self.keys.entry(key.clone()).or_default() += 1;
        }
    }

    /// Takes an entry back out that was counted before.
    pub fn remove(&mut self, entry: &Entry) {
        self.entries -= 1;
        let Ok(change) = &entry.content else { return };
        self.barriers -= u32::from(change.is_barrier());
        for key in change.keys() {
            if let Some(count) = self.keys.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    self.keys.remove(key);
                }
            }
        }
    }
}
