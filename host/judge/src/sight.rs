//! What one call may look up: the state just before the change, as far as its binding reads it.

use std::fmt;
use std::time::Instant;

use sluice_core::{Globs, Item, Key, State};

/// Names told at a time.
pub(crate) const PAGE: usize = 1000;
/// How often a long search looks at the clock, in keys passed over.
const LOOK_KEYS: usize = 1024;

/// The state before a change, through the eyes of one binding.
pub(crate) struct Sight {
    before: State,
    /// Keys of the change itself.
    own: Vec<Key>,
    reads: Globs,
}

/// Why a look-up was not answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Blind {
    /// The binding does not read this key: the same on every host.
    Denied(String),
    /// The clock ran out on this host.
    Late,
}

impl Sight {
    pub(crate) fn new(before: &State, own: Vec<Key>, reads: Globs) -> Sight {
        Sight { before: before.clone(), own, reads }
    }

    /// The value under a name.
    pub(crate) fn get(&self, name: &str) -> Result<Option<&Item>, Blind> {
        match self.may_see(name) {
            true => Ok(self.before.find(name.as_bytes())),
            false => Err(Blind::Denied(name.to_owned())),
        }
    }

    /// A page of names, in order, none that may not be seen: what else there is differs between hosts while
    /// one of them holds something back.
    pub(crate) fn names(&self, prefix: &str, after: Option<&str>, until: Instant) -> Result<Vec<String>, Blind> {
        let mut found = Vec::new();
        for (passed, (key, _)) in self.before.range(prefix, after).enumerate() {
            if passed % LOOK_KEYS == LOOK_KEYS - 1 && Instant::now() > until {
                return Err(Blind::Late);
            }
            if self.may_see(key.as_str()) {
                found.push(key.to_string());
                if found.len() == PAGE {
                    break;
                }
            }
        }
        Ok(found)
    }

    fn may_see(&self, name: &str) -> bool {
        if self.own.iter().any(|own| own.as_str() == name) {
            return true;
        }
        let segments: Vec<&str> = name.split('/').collect();
        self.reads.matches(&segments)
    }
}

impl fmt::Display for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blind::Denied(name) => write!(f, "looked up \"{name}\", which `reads` of its binding does not name"),
            Blind::Late => f.write_str("was still searching for keys"),
        }
    }
}

impl std::error::Error for Blind {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use sluice_core::{Digest, Media, Revision};

    use super::*;

    fn key(name: &str) -> Key {
        Key::parse(name.as_bytes()).unwrap()
    }

    fn sight(names: &[&str], own: &[&str], reads: &[&str]) -> Sight {
        let mut before = State::default();
        for name in names {
            let bytes = Bytes::copy_from_slice(name.as_bytes());
            let revision = Revision { ms: 1, seq: 0 };
            let item = Item { revision, media: Media::BYTES, digest: Digest::of(&bytes), bytes };
            before.set(&key(name), Some(item));
        }
        let reads = reads.iter().map(|glob| sluice_core::Glob::parse(glob).unwrap()).collect();
        Sight::new(&before, own.iter().map(|name| key(name)).collect(), reads)
    }

    #[test]
    fn own_keys_and_those_the_binding_reads_are_seen_and_no_others() {
        let sight = sight(&["a/1", "b/1", "c"], &["c"], &["a/*"]);
        assert!(sight.get("a/1").unwrap().is_some() && sight.get("c").unwrap().is_some());
        assert_eq!(sight.get("a/2"), Ok(None));
        assert_eq!(sight.get("b/1"), Err(Blind::Denied("b/1".into())));
        assert_eq!(sight.get("../\u{1b}"), Err(Blind::Denied("../\u{1b}".into())));
    }

    #[test]
    fn names_are_told_in_order_by_pages() {
        let names: Vec<String> = (0..2 * PAGE + 1).map(|n| format!("a/{n:05}")).chain(["b".into()]).collect();
        let sight = sight(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[], &["a/*"]);
        let until = Instant::now() + Duration::from_secs(60);
        let first = sight.names("", None, until).unwrap();
        assert_eq!((first.len(), first[0].as_str()), (PAGE, "a/00000"));
        let last = sight.names("", Some(&format!("a/{:05}", 2 * PAGE - 1)), until).unwrap();
        assert_eq!(last, [format!("a/{:05}", 2 * PAGE)]);
        assert!(sight.names("b", None, until).unwrap().is_empty());
        assert_eq!(sight.names("b", None, until).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_search_ends_with_its_time() {
        let names: Vec<String> = (0..2 * LOOK_KEYS).map(|n| format!("b/{n}")).collect();
        let sight = sight(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[], &["a"]);
        assert_eq!(sight.names("", None, Instant::now()), Err(Blind::Late));
    }
}
