//! How two sets of keys differ: files against the state, or one state against another.

use bytes::Bytes;
use sluice_core::{Item, Key, Media, State};

use crate::tree::{Value, Wanted};

/// A key that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub key: Key,
    pub before: Option<Side>,
    pub after: Option<Side>,
}

/// What a key is on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub bytes: Bytes,
    pub media: Media,
}

impl Difference {
    /// What happens to the key on the way from before to after.
    pub fn word(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (Some(_), None) => "removed",
            (Some(_), Some(_)) => "changed",
        }
    }
}

/// What must change so that keys equal the files. Keys under `prune` that no file stands for go away, but for what
/// the fold itself keeps, for which none can; without it, nothing does.
pub fn to_files(state: &State, wanted: &Wanted, prune: Option<&str>) -> Vec<Difference> {
    let puts = wanted
        .iter()
        .filter_map(|(key, value)| different(key, state.item(key).map(Side::of), Some(Side::wanted(value))));
    let is_gone = |key: &Key| !wanted.contains_key(key) && !key.is_of_fold();
    let rest = prune.into_iter().flat_map(|folder| state.range(folder, None)).filter(|(key, _)| is_gone(key));
    let mut all: Vec<Difference> =
        puts.chain(rest.filter_map(|(key, item)| different(key, Some(Side::of(item)), None))).collect();
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

/// What changed under `prefix` from one state to another.
pub fn to_state(before: &State, after: &State, prefix: &str) -> Vec<Difference> {
    let here = after
        .range(prefix, None)
        .filter_map(|(key, item)| different(key, before.item(key).map(Side::of), Some(Side::of(item))));
    let gone = before.range(prefix, None).filter(|(key, _)| after.item(key).is_none());
    let mut all: Vec<Difference> =
        here.chain(gone.filter_map(|(key, item)| different(key, Some(Side::of(item)), None))).collect();
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

/// How a key differs between two items, if it does.
pub fn between(key: &Key, before: Option<&Item>, after: Option<&Item>) -> Option<Difference> {
    different(key, before.map(Side::of), after.map(Side::of))
}

fn different(key: &Key, before: Option<Side>, after: Option<Side>) -> Option<Difference> {
    (before != after).then(|| Difference { key: key.clone(), before, after })
}

impl Side {
    fn of(item: &Item) -> Side {
        Side { bytes: item.bytes.clone(), media: item.media.clone() }
    }

    fn wanted(value: &Value) -> Side {
        Side { bytes: value.bytes.clone(), media: value.media.clone() }
    }
}

#[cfg(test)]
mod tests {
    use sluice_core::{Digest, Revision};

    use super::*;

    fn key(text: &str) -> Key {
        Key::parse(text.as_bytes()).unwrap()
    }

    fn state(keys: &[(&str, &'static str)]) -> State {
        let mut state = State::default();
        for (name, text) in keys {
            let (key, bytes) = (key(name), Bytes::from_static(text.as_bytes()));
            let item = Item {
                revision: Revision { ms: 1, seq: 0 },
                media: Media::of_key(&key),
                digest: Digest::of(&bytes),
                bytes,
            };
            state.set(&key, Some(item));
        }
        state
    }

    fn wanted(keys: &[(&str, &'static str)]) -> Wanted {
        let value = |name: &str, text: &'static str| Value {
            bytes: Bytes::from_static(text.as_bytes()),
            media: Media::of_key(&key(name)),
        };
        keys.iter().map(|(name, text)| (key(name), value(name, text))).collect()
    }

    fn words(differences: &[Difference]) -> Vec<String> {
        differences.iter().map(|difference| format!("{} {}", difference.word(), difference.key)).collect()
    }

    #[test]
    fn only_what_differs_changes() {
        let state = state(&[("a/same", "1"), ("a/old", "1"), ("a/gone", "1"), ("b/other", "1")]);
        let wanted = wanted(&[("a/same", "1"), ("a/old", "2"), ("a/new", "1")]);
        assert_eq!(words(&to_files(&state, &wanted, None)), ["added a/new", "changed a/old"]);
        assert_eq!(words(&to_files(&state, &wanted, Some("a/"))), ["removed a/gone", "added a/new", "changed a/old"]);
    }

    #[test]
    fn another_media_type_is_a_difference() {
        let state = state(&[("a.json", "1")]);
        let mut wanted = wanted(&[("a.json", "1")]);
        assert_eq!(words(&to_files(&state, &wanted, None)), Vec::<String>::new());
        wanted.get_mut(&key("a.json")).unwrap().media = Media::parse("text/x-json").unwrap();
        assert_eq!(words(&to_files(&state, &wanted, None)), ["changed a.json"]);
    }

    #[test]
    fn two_states_differ_by_what_was_put_and_deleted_between_them() {
        let (before, after) =
            (state(&[("a", "1"), ("b", "1"), ("c", "1")]), state(&[("a", "1"), ("b", "2"), ("d", "1")]));
        assert_eq!(words(&to_state(&before, &after, "")), ["changed b", "removed c", "added d"]);
        assert_eq!(words(&to_state(&after, &before, "d")), ["removed d"]);
    }
}
