//! Current values as of one revision.

mod bulk;

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet, Vector};

use crate::bindings::Bindings;
use crate::digest::{Digest, Domain};
use crate::effect::Place;
use crate::entry::Entry;
use crate::key::{Key, VALIDATORS};
use crate::media::Media;
use crate::outcome::Refused;
use crate::policy::{self, POLICY, Policy};
use crate::revision::Revision;
use crate::tokens::Tokens;
use crate::trie::{Leaf, Subtree, Trie};

pub use self::bulk::Hashed;

/// How many refusals are remembered, newest last; older ones are still in the log.
pub const REFUSED_MAX: usize = 128;

/// The state of a space as of [`State::cursor`]. Cloning costs a few reference counts, and clones share
/// what they have in common, so every reader may hold a whole one.
#[derive(Clone, Default)]
pub struct State {
    /// The newest entry folded.
    pub cursor: Revision,
    /// How many entries have been folded.
    pub index: u64,
    /// The running digest of all of them.
    pub chain: Digest,
    /// The digest of the newest entry, zero when none is known: with it one can tell whether a log still has it.
    pub newest: Digest,
    /// Idempotency tokens seen lately.
    pub tokens: Tokens,
    /// The newest refusals, in the order of the log.
    pub refused: Vector<Arc<Refused>>,
    /// Entries behind the cursor that this host cannot decide yet, because of a fault.
    pub held: OrdMap<Revision, Arc<Entry>>,
    trie: Trie<Slot>,
    names: OrdSet<Arc<str>>,
    bindings: Bindings,
    policy: Arc<Policy>,
    bytes: u64,
}

/// The current value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The entry that put it.
    pub revision: Revision,
    /// Its media type.
    pub media: Media,
    /// BLAKE3 of its bytes.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A key with its value, as one leaf.
#[derive(Debug)]
struct Slot {
    key: Key,
    item: Item,
    digest: Digest,
}

impl Slot {
    fn new(key: Key, item: Item) -> Arc<Slot> {
        let digest = leaf_digest(&key, &item);
        Arc::new(Slot { key, item, digest })
    }
}

impl Leaf for Slot {
    fn point(&self) -> &[u8; 32] {
        self.key.point()
    }

    fn digest(&self) -> Digest {
        self.digest
    }
}

impl State {
    /// Where it stands in the log.
    pub fn place(&self) -> Place {
        let entry = (self.newest != Digest::ZERO).then_some(self.newest);
        Place { revision: self.cursor, index: Some(self.index), entry }
    }

    /// The current value of a key.
    pub fn item(&self, key: &Key) -> Option<&Item> {
        self.trie.find(key.point()).map(|slot| &slot.item)
    }

    /// The current value under a name that need not be a key: then there is none. For readers that have no
    /// other use for a checked key, and would copy the name to get one.
    pub fn find(&self, name: &[u8]) -> Option<&Item> {
        self.trie.find(&Domain::KeyToken.hash(name).0).map(|slot| &slot.item)
    }

    /// The revision a key has now, [`Revision::ZERO`] when it is absent.
    pub fn revision_of(&self, key: &Key) -> Revision {
        self.item(key).map_or(Revision::ZERO, |item| item.revision)
    }

    /// Keys and values whose key starts with `prefix`, in the order of their bytes, from behind `after`.
    pub fn range<'a>(&'a self, prefix: &'a str, after: Option<&str>) -> impl Iterator<Item = (&'a Key, &'a Item)> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after.to_owned()),
            Some(_) | None => Bound::Included(prefix.to_owned()),
        };
        let names = self.names.range::<_, str>((start.as_ref().map(String::as_str), Bound::Unbounded));
        names.take_while(move |name| name.starts_with(prefix)).filter_map(|name| {
            let point = Domain::KeyToken.hash(name.as_bytes()).0;
            self.trie.find(&point).map(|slot| (&slot.key, &slot.item))
        })
    }

    /// The names of all keys, in the order of their bytes.
    pub fn names(&self) -> impl Iterator<Item = Arc<str>> + Send + use<> {
        self.names.clone().into_iter()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.trie.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.trie.is_empty()
    }

    /// Bytes of all values together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether any validator is bound.
    pub fn has_bindings(&self) -> bool {
        !self.bindings.is_empty()
    }

    /// The bindings, read once when they came into force. Clones share them. They follow from the values, so no
    /// digest has a part in them.
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// What holds for the space as a whole, read once when it came into force. Like the bindings it follows from the
    /// values.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether no binding has come or gone between two states of one line of descent. Costs next to nothing; that
    /// two unrelated states have equal bindings is not found out.
    pub fn same_bindings(&self, other: &State) -> bool {
        self.bindings.is_shared_with(&other.bindings)
    }

    /// The root digest: equal exactly when all keys, revisions, media types and values are equal.
    pub fn root(&self) -> Digest {
        self.trie.root()
    }

    /// The digest of one of the 2^14 partitions.
    pub fn partition(&self, partition: u16) -> Digest {
        self.trie.digest(&Subtree::partition(partition))
    }

    /// The digest of the items whose points are in a subtree; equal exactly when they are.
    pub fn digest(&self, under: &Subtree) -> Digest {
        self.trie.digest(under)
    }

    /// The items whose points are in a subtree, in the order of their points.
    pub fn items(&self, under: &Subtree) -> Vec<(&Key, &Item)> {
        let mut items = Vec::new();
        self.trie.each(under, |slot| items.push((&slot.key, &slot.item)));
        items
    }

    /// Sets or clears the value of a key. For the fold, and for a store that reads its own records back.
    pub fn set(&mut self, key: &Key, item: Option<Item>) {
        match item {
            Some(item) => self.put(key, item),
            None => self.delete(key),
        }
    }

    /// Remembers a refusal, and forgets the oldest when there are too many. An entry that was held may be
    /// refused long after newer ones: it takes the place it has in the log, so that all hosts remember alike.
    pub fn remember(&mut self, refused: Arc<Refused>) {
        let newer = self.refused.iter().rev().take_while(|other| other.revision > refused.revision).count();
        self.refused.insert(self.refused.len() - newer, refused);
        if self.refused.len() > REFUSED_MAX {
            self.refused.pop_front();
        }
    }

    fn put(&mut self, key: &Key, item: Item) {
        if self.seat(Slot::new(key.clone(), item)) {
            self.names.insert(key.text().clone());
        }
    }

    /// Puts a slot everywhere but among the names, and answers whether its name is new there.
    fn seat(&mut self, slot: Arc<Slot>) -> bool {
        self.note(&slot);
        match self.trie.insert(slot) {
            Some(old) => {
                self.bytes -= old.item.bytes.len() as u64;
                false
            }
            None => true,
        }
    }

    /// What a slot means beside its own value.
    fn note(&mut self, slot: &Slot) {
        let (name, item) = (slot.key.as_str(), &slot.item);
        self.bytes += item.bytes.len() as u64;
        if name.starts_with(VALIDATORS) {
            self.bindings.put(&slot.key, &item.bytes);
        }
        if name == POLICY {
            self.policy = policy::read(Some(&item.bytes));
        }
    }

    fn delete(&mut self, key: &Key) {
        if let Some(old) = self.trie.remove(key.point()) {
            self.bytes -= old.item.bytes.len() as u64;
            self.names.remove(key.as_str());
            self.bindings.delete(key);
            if key.as_str() == POLICY {
                self.policy = policy::read(None);
            }
        }
    }
}

/// Keyed BLAKE3 of `len ‖ key ‖ ms ‖ seq ‖ len ‖ media ‖ length ‖ BLAKE3(value)`; integers are big-endian,
/// the two lengths of texts 16 bits, everything else 64.
fn leaf_digest(key: &Key, item: &Item) -> Digest {
    let (name, media) = (key.as_str().as_bytes(), item.media.as_str().as_bytes());
    let mut text = Vec::with_capacity(name.len() + media.len() + 60);
    text.extend((name.len() as u16).to_be_bytes());
    text.extend_from_slice(name);
    text.extend(item.revision.ms.to_be_bytes());
    text.extend(item.revision.seq.to_be_bytes());
    text.extend((media.len() as u16).to_be_bytes());
    text.extend_from_slice(media);
    text.extend((item.bytes.len() as u64).to_be_bytes());
    text.extend(item.digest.0);
    Domain::Leaf.hash(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::parse(text.as_bytes()).unwrap()
    }

    fn item(text: &'static str) -> Option<Item> {
        let bytes = Bytes::from_static(text.as_bytes());
        Some(Item { revision: Revision { ms: 1, seq: 0 }, media: Media::BYTES, digest: Digest::of(&bytes), bytes })
    }

    fn names(state: &State, prefix: &str, after: Option<&str>) -> Vec<String> {
        state.range(prefix, after).map(|(key, _)| key.to_string()).collect()
    }

    #[test]
    fn a_prefix_is_read_in_order_and_from_behind_a_cursor() {
        let mut state = State::default();
        for name in ["b", "a/2", "a/10", "a", "ab", "a/1"] {
            state.set(&key(name), item(name_of(name)));
        }
        assert_eq!(names(&state, "", None), ["a", "a/1", "a/10", "a/2", "ab", "b"]);
        assert_eq!(names(&state, "a/", None), ["a/1", "a/10", "a/2"]);
        assert_eq!(names(&state, "a/", Some("a/1")), ["a/10", "a/2"]);
        assert_eq!(names(&state, "a/", Some("A")), ["a/1", "a/10", "a/2"]);
        assert_eq!(names(&state, "c", None), Vec::<String>::new());
    }

    fn name_of(name: &'static str) -> &'static str {
        name
    }

    #[test]
    fn setting_and_clearing_comes_back_to_where_it_was() {
        let mut state = State::default();
        state.set(&key("a"), item("1"));
        let (before, root, bytes) = (state.clone(), state.root(), state.bytes());
        state.set(&key("_sluice/validators/v"), item("{}"));
        assert!(state.clone().same_bindings(&state) && !state.same_bindings(&before));
        assert!(state.bindings()["_sluice/validators/v"].is_err());
        assert!(state.has_bindings() && state.root() != root);
        state.set(&key("_sluice/validators/v"), None);
        state.set(&key("absent"), None);
        assert!(!state.has_bindings() && state.same_bindings(&before));
        assert_eq!((state.root(), state.bytes(), state.len()), (root, bytes, before.len()));
    }

    #[test]
    fn the_root_tells_revision_media_and_value_apart() {
        let root = |change: fn(&mut Item)| {
            let mut value = item("1").unwrap();
            change(&mut value);
            let mut state = State::default();
            state.set(&key("a"), Some(value));
            state.root()
        };
        let plain = root(|_| ());
        assert_eq!(plain, root(|_| ()));
        assert_ne!(plain, root(|item| item.revision.seq = 1));
        assert_ne!(plain, root(|item| item.media = Media::parse("text/plain").unwrap()));
        assert_ne!(plain, root(|item| item.digest = Digest::of(b"2")));
    }
}
