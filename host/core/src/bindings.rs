//! The bindings in force, and which of them may name a key.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use crate::binding::{Binding, BindingError};
use crate::key::{Key, VALIDATORS};

/// A binding document, read; or what is wrong with one, which a version let in that could read it.
pub type Read = Arc<Result<Binding, BindingError>>;

/// Under this the index keeps what any first segment may be meant by; no key has it as one.
const ANY: &str = "*";

/// Bindings by their keys. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    all: OrdMap<Key, Read>,
    /// By the first segment of the keys they name, so that a change looks at its own few and not at all thousand.
    by_start: OrdMap<Arc<str>, OrdSet<Key>>,
}

impl Bindings {
    /// The bindings that may name one of these keys, in the order of all: those that name one are among them.
    pub fn near<'b, 'k>(&'b self, keys: impl Iterator<Item = &'k Key>) -> impl Iterator<Item = (&'b Key, &'b Read)> {
        let starts: BTreeSet<&str> = keys.map(start_of).chain([ANY]).collect();
        let near: BTreeSet<&Key> = starts.iter().filter_map(|start| self.by_start.get(*start)).flatten().collect();
        near.into_iter().filter_map(|key| self.all.get_key_value(key))
    }

    /// Whether no binding has come or gone between two of one line of descent. That two unrelated ones are equal is
    /// not found out.
    pub fn is_shared_with(&self, other: &Bindings) -> bool {
        self.all.ptr_eq(&other.all)
    }

    /// Takes the document under a key of [`VALIDATORS`].
    pub(crate) fn put(&mut self, key: &Key, bytes: &[u8]) {
        self.delete(key);
        let name = key.as_str().strip_prefix(VALIDATORS).unwrap_or(key.as_str());
        let read = Arc::new(Binding::parse(name, bytes));
        for start in starts_of(&read) {
            let mut near = self.by_start.get(&*start).cloned().unwrap_or_default();
            near.insert(key.clone());
            self.by_start.insert(start, near);
        }
        self.all.insert(key.clone(), read);
    }

    /// Forgets the one under a key, if there is one.
    pub(crate) fn delete(&mut self, key: &Key) {
        let Some(read) = self.all.remove(key) else { return };
        for start in starts_of(&read) {
            let mut near = self.by_start.get(&*start).cloned().unwrap_or_default();
            near.remove(key);
            match near.is_empty() {
                true => drop(self.by_start.remove(&*start)),
                false => drop(self.by_start.insert(start, near)),
            }
        }
        // A map that was emptied is not the map that never had anything, and the second is the usual one.
        if self.all.is_empty() {
            *self = Bindings::default();
        }
    }
}

impl Deref for Bindings {
    type Target = OrdMap<Key, Read>;

    fn deref(&self) -> &OrdMap<Key, Read> {
        &self.all
    }
}

/// Under which first segments a binding is found.
fn starts_of(read: &Read) -> BTreeSet<Arc<str>> {
    match &**read {
        Ok(binding) => binding.keys.iter().map(|glob| glob.start().unwrap_or(ANY).into()).collect(),
        // Nobody knows what it names.
        Err(_) => [ANY.into()].into(),
    }
}

fn start_of(key: &Key) -> &str {
    key.as_str().split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn key(name: &str) -> Key {
        Key::parse(name.as_bytes()).unwrap()
    }

    fn bindings(all: &[(&str, &[&str])]) -> Bindings {
        let mut bindings = Bindings::default();
        for (name, keys) in all {
            let keys: Vec<String> = keys.iter().map(|glob| format!("{glob:?}")).collect();
            let text = format!(r#"{{"keys": [{}], "component": "{}"}}"#, keys.join(","), Digest::ZERO);
            bindings.put(&key(&format!("{VALIDATORS}{name}")), text.as_bytes());
        }
        bindings
    }

    fn near(bindings: &Bindings, keys: &[&str]) -> Vec<String> {
        let keys: Vec<Key> = keys.iter().map(|name| key(name)).collect();
        let near = bindings.near(keys.iter()).map(|(key, _)| key.as_str().strip_prefix(VALIDATORS).unwrap().to_owned());
        near.collect()
    }

    #[test]
    fn a_change_is_near_what_begins_as_it_does_and_what_begins_with_anything() {
        let mut all =
            bindings(&[("d", &["app/*", "web"]), ("c", &["**"]), ("b", &["a*/x"]), ("a", &["app/**"]), ("e", &["z"])]);
        assert_eq!(near(&all, &["app/x"]), ["a", "b", "c", "d"]);
        assert_eq!(near(&all, &["web", "z"]), ["b", "c", "d", "e"]);
        all.put(&key("_sluice/validators/d"), b"{");
        assert_eq!(near(&all, &["other"]), ["b", "c", "d"], "one that cannot be read may name anything");
        all.delete(&key("_sluice/validators/d"));
        assert_eq!(near(&all, &["web"]), ["b", "c"]);
    }

    #[test]
    fn without_bindings_it_is_as_if_there_had_never_been_any() {
        let mut all = bindings(&[("a", &["app/*"])]);
        assert!(!all.is_shared_with(&Bindings::default()));
        all.delete(&key("_sluice/validators/a"));
        assert!(all.is_shared_with(&Bindings::default()) && all.by_start.is_empty());
    }
}
