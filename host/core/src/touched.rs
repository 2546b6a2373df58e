//! What entries that are still open have to do with, so that later entries wait for them where it matters.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::change::Change;
use crate::entry::Entry;
use crate::key::Key;
use crate::reach::{Extent, Reach, Rule, Segments, Wide, segments};
use crate::revision::Revision;
use crate::state::State;

/// Counts open entries by key, and by what they read and govern; a barrier stands in the way of every other.
///
/// A later entry meets an open one in two ways. What the open one does may decide the later one's verdict: then
/// the later one is not judged before the open one is settled ([`Touched::blocks`]). Or what the later one does
/// would decide the open one's: then it is not settled before ([`Touched::keeps`]), which in the line goes without
/// saying, for the line keeps the order of the log.
#[derive(Debug, Default)]
pub struct Touched {
    keys: BTreeMap<Key, u32>,
    barriers: u32,
    entries: u32,
    /// What was counted of entries that reach beyond their keys, to count them back alike.
    wide: BTreeMap<Revision, Arc<Wide>>,
    // Searched from end to end: entries share these with the bindings they are of, and there are not many.
    reads: Vec<(Extent, u32)>,
    governs: Vec<(Rule, u32)>,
}

impl Touched {
    /// Whether the verdict on an entry may depend on one of those counted: they have a key in common, it may look
    /// up a key that one of them names, or one of them changes which validators judge it.
    pub fn blocks(&self, entry: &Entry, reach: &Reach) -> bool {
        let Some(change) = self.in_question(entry) else { return false };
        let reads = reach.wide().map_or(&[][..], |wide| &wide.reads);
        self.barriers > 0
            || change.is_barrier()
            || change.keys().any(|key| self.keys.contains_key(key))
            || reads.iter().any(|extent| extent.meets(&self.keys))
            || (!self.governs.is_empty() && self.governing(change).next().is_some())
    }

    /// Whether the verdict on one of those counted may depend on an entry: it edits what one of them may look up,
    /// or changes which validators judge it.
    pub fn keeps(&self, entry: &Entry, reach: &Reach) -> bool {
        let Some(change) = self.in_question(entry) else { return false };
        let governs = reach.wide().map_or(&[][..], |wide| &wide.governs);
        governs.iter().any(|rule| rule.keys.meets(&self.keys)) || (!self.reads.is_empty() && self.is_read(change))
    }

    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry, reach: &Reach) {
        self.entries += 1;
        let Ok(change) = &entry.content else { return };
        if let Some(wide) = self.widened(change, reach.wide()) {
            wide.reads.iter().for_each(|extent| count(&mut self.reads, extent, Extent::is_same));
            wide.governs.iter().for_each(|rule| count(&mut self.governs, rule, Rule::is_same));
            self.wide.insert(entry.revision, wide);
        }
        self.barriers += u32::from(change.is_barrier());
        for key in change.keys() {
            *self.keys.entry(key.clone()).or_default() += 1;
        }
    }

    /// Takes an entry back out that was counted before.
    pub fn remove(&mut self, entry: &Entry) {
        self.entries -= 1;
        let Ok(change) = &entry.content else { return };
        if let Some(wide) = self.wide.remove(&entry.revision) {
            wide.reads.iter().for_each(|extent| uncount(&mut self.reads, extent, Extent::is_same));
            wide.governs.iter().for_each(|rule| uncount(&mut self.governs, rule, Rule::is_same));
        }
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

    /// The change of an entry, where there is anything to hold it against.
    fn in_question<'e>(&self, entry: &'e Entry) -> Option<&'e Change> {
        entry.content.as_ref().ok().filter(|_| self.entries > 0)
    }

    fn is_read(&self, change: &Change) -> bool {
        let mut edits = change.edits.iter().map(|edit| (&edit.key, segments(&edit.key)));
        edits.any(|(key, segments)| self.reads.iter().any(|(extent, _)| extent.has(key, &segments)))
    }

    /// The bindings on their way, or on their way out, that name one of a change's edits.
    fn governing(&self, change: &Change) -> impl Iterator<Item = &Rule> {
        let edits: Vec<(&Key, Segments)> = change.edits.iter().map(|edit| (&edit.key, segments(&edit.key))).collect();
        let names = move |rule: &&Rule| edits.iter().any(|(key, segments)| rule.keys.has(key, segments));
        self.governs.iter().map(|(rule, _)| rule).filter(names)
    }

    /// What an entry reaches when bindings that are still open come into force before it: what these look up, it
    /// will read. Whether they do is open, so what it reads under the bindings of now counts too.
    fn widened(&self, change: &Change, wide: Option<&Arc<Wide>>) -> Option<Arc<Wide>> {
        if self.governs.is_empty() {
            return wide.cloned();
        }
        let more: Vec<Extent> = self.governing(change).filter_map(|rule| rule.reads.clone()).collect();
        if more.is_empty() {
            return wide.cloned();
        }
        let mut all = wide.map_or_else(Wide::default, |wide| Wide::clone(wide));
        all.reads.extend(more);
        Some(Arc::new(all))
    }
}

/// The oldest entry held in a state that a further entry would have to wait behind.
pub fn waits_behind(state: &State, entry: &Entry) -> Option<Revision> {
    let reach = Reach::of(entry, state);
    let mut aside = Touched::default();
    let in_way = |held: &&Arc<Entry>| {
        aside.add(held, &Reach::of(held, state));
        aside.blocks(entry, &reach) || aside.keeps(entry, &reach)
    };
    state.held.values().find(in_way).map(|held| held.revision)
}

fn count<T: Clone>(counts: &mut Vec<(T, u32)>, one: &T, is_same: fn(&T, &T) -> bool) {
    match counts.iter_mut().find(|(other, _)| is_same(one, other)) {
        Some((_, count)) => *count += 1,
        None => counts.push((one.clone(), 1)),
    }
}

fn uncount<T>(counts: &mut Vec<(T, u32)>, one: &T, is_same: fn(&T, &T) -> bool) {
    let Some(at) = counts.iter().position(|(other, _)| is_same(one, other)) else { return };
    counts[at].1 -= 1;
    if counts[at].1 == 0 {
        counts.swap_remove(at);
    }
}

#[cfg(test)]
#[path = "touched_tests.rs"]
mod tests;
