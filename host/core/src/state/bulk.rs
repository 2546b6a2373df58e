//! Many values at once, for a state that is loaded and not folded.

use std::sync::Arc;

use super::{Item, Slot, State};
use crate::key::Key;

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
    /// Sets the values of many keys, as one by one in this order, and quicker: the trie is filled in its own order and
    /// so are the names. In any other nearly each key waits for the memory that leads to its place.
    pub fn set_all(&mut self, hashed: Vec<Hashed>) {
        // Both sorts keep what is equal in order, and make use of what is in order already.
        let mut names: Vec<Arc<str>> = hashed.iter().map(|Hashed(slot)| slot.key.text().clone()).collect();
        let mut slots: Vec<(u64, Arc<Slot>)> =
            hashed.into_iter().map(|Hashed(slot)| (slot.key.token(), slot)).collect();
        slots.sort_by_key(|(token, _)| *token);
        for (_, slot) in slots {
            self.seat(slot);
        }
        names.sort();
        self.names.extend(names);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
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
            at_once.set_all(all().collect());
            assert_eq!(
                (at_once.root(), at_once.bytes(), at_once.len()),
                (one_by_one.root(), one_by_one.bytes(), one_by_one.len())
            );
            assert!(at_once.range("", None).eq(one_by_one.range("", None)));
            assert!(at_once.bindings()[BINDING].is_err());
        }
    }
}
