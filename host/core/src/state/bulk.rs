//! Many values at once, for a state that is loaded and not folded.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Item, Slot, State};
use crate::crew::{AT_ONCE_MIN, Crew};
use crate::key::Key;
use crate::trie::{Leaf, Trie};

/// A key with its value, hashed: most of what putting it costs, and it can be had on any thread.
pub struct Hashed(Arc<Slot>);

impl Hashed {
    /// Hashes it.
    pub fn new(key: Key, item: Item) -> Hashed {
        Hashed(Slot::new(key, item))
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.0.key
    }
}

impl State {
    /// Sets the values of many keys, as one by one in this order, and quicker: trie and names are filled each in its own
    /// order, at once if the crew can. In any other nearly each key waits for the memory that leads to its place.
    pub fn set_all(&mut self, hashed: Vec<Hashed>, crew: &impl Crew) {
        let mut names: Vec<Arc<str>> = hashed.iter().map(|Hashed(slot)| slot.key.text().clone()).collect();
        let slots: Vec<(u64, Arc<Slot>)> = hashed.into_iter().map(|Hashed(slot)| (slot.key.token(), slot)).collect();
        let mut set = std::mem::take(&mut self.names);
        let ((), names) = crew.both(
            || self.seat_all(slots, crew),
            || {
                sort_by(&mut names, crew, Ord::cmp);
                set.extend(names);
                set
            },
        );
        self.names = names;
    }

    fn seat_all(&mut self, mut slots: Vec<(u64, Arc<Slot>)>, crew: &impl Crew) {
        sort_by(&mut slots, crew, |(one, a), (other, b)| one.cmp(other).then_with(|| a.point().cmp(b.point())));
        if !self.is_empty() {
            for (_, slot) in slots {
                self.seat(slot);
            }
            return;
        }
        // Of what is equal the last counts.
        slots.dedup_by(|(_, next), (_, slot)| {
            let is_same = next.point() == slot.point();
            if is_same {
                std::mem::swap(next, slot);
            }
            is_same
        });
        slots.iter().for_each(|(_, slot)| self.note(slot));
        self.trie = Trie::of(&slots, crew);
    }
}

/// Sorts, both halves at once. What is equal stays in order, and order that is there already is made use of.
fn sort_by<T: Send>(all: &mut [T], crew: &impl Crew, compare: impl Fn(&T, &T) -> Ordering + Sync) {
    if all.len() >= AT_ONCE_MIN {
        let (one, other) = all.split_at_mut(all.len() / 2);
        crew.both(|| one.sort_by(&compare), || other.sort_by(&compare));
    }
    all.sort_by(compare);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::crew::Alone;
    use crate::digest::Digest;
    use crate::media::Media;
    use crate::revision::Revision;

    fn hashed(name: &str, text: &'static str) -> Hashed {
        let bytes = Bytes::from_static(text.as_bytes());
        let item = Item { revision: Revision::ZERO, media: Media::BYTES, digest: Digest::of(&bytes), bytes };
        Hashed::new(Key::parse(name.as_bytes()).unwrap(), item)
    }

    #[test]
    fn many_at_once_are_what_one_by_one_they_are() {
        const BINDING: &str = "_sluice/validators/v";
        let all = || {
            let many =
                (0..500).map(|n| hashed(&format!("app/{}", n * 7919 % 300), if n < 250 { "old" } else { "newer" }));
            many.chain([hashed(BINDING, "{}"), hashed("_sluice/policy", "{}")])
        };
        for behind in [0, 100] {
            let mut one_by_one = State::default();
            all().take(behind).for_each(|Hashed(slot)| one_by_one.set(&slot.key, Some(slot.item.clone())));
            let mut at_once = one_by_one.clone();
            all().for_each(|Hashed(slot)| one_by_one.set(&slot.key, Some(slot.item.clone())));
            at_once.set_all(all().collect(), &Alone);
            assert_eq!(
                (at_once.root(), at_once.bytes(), at_once.len()),
                (one_by_one.root(), one_by_one.bytes(), one_by_one.len())
            );
            assert!(at_once.range("", None).eq(one_by_one.range("", None)));
            assert!(at_once.bindings()[BINDING].is_err());
        }
    }
}
