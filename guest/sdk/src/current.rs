//! The state just before the change: other keys, and the old values of those the change edits.
//!
//! A binding says in `reads` which keys may be looked up; those the change edits always may. Asking for any
//! other ends the call, and the host names the key. In native tests [`crate::testing::given`] says what there is.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::{Change, Document, Edit, Finding};

/// The value of a key; none if it is absent.
pub fn get(key: &str) -> Option<Document> {
    host::get(key)
}

/// The value of a key as JSON of this type; a finding about that key if it is not.
pub fn lookup<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Finding> {
    let said = |finding: Finding| Finding { message: format!("{key}: {}", finding.message), pointer: None, ..finding };
    get(key).map(|document| document.json().map_err(said)).transpose()
}

/// The names of all keys that start with this prefix and may be looked up, in the order of their bytes.
pub fn keys(prefix: &str) -> impl Iterator<Item = String> {
    let (mut page, mut after) = (Vec::new().into_iter(), None);
    let prefix = prefix.to_owned();
    std::iter::from_fn(move || {
        if page.len() == 0 {
            page = host::keys(&prefix, after.as_deref()).into_iter();
            after = page.as_slice().last().cloned();
        }
        page.next()
    })
}

impl Edit {
    /// The value before the change; none on create.
    pub fn old(&self) -> Option<Document> {
        get(&self.key)
    }
}

impl Change {
    /// The value a key has if the change is applied: the edited one, or else the current one.
    pub fn after(&self, key: &str) -> Option<Cow<'_, Document>> {
        match self.edits.iter().find(|edit| edit.key == key) {
            Some(edit) => edit.new.as_ref().map(Cow::Borrowed),
            None => get(key).map(Cow::Owned),
        }
    }
}

#[cfg(target_family = "wasm")]
mod host {
    pub(super) use crate::bindings::sluice::validator::current::{get, keys};
}

#[cfg(not(target_family = "wasm"))]
mod host {
    pub(super) use crate::testing::{get, keys};
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::given;

    #[test]
    fn a_typed_look_up_says_which_key_is_wrong() {
        let state = [("a", "application/json", "7"), ("b", "application/json", "x")];
        given(&state, || {
            assert_eq!(lookup::<u8>("a"), Ok(Some(7)));
            assert_eq!(lookup::<u8>("c"), Ok(None));
            assert!(lookup::<u8>("b").unwrap_err().message.starts_with("b: "));
        });
    }

    #[test]
    fn after_the_change_its_own_edits_count() {
        let change = Change::of("a", "application/json", "8");
        given(&[("a", "", "7"), ("b", "", "9")], || {
            let text = |key| change.after(key).map(|document| document.text().unwrap().to_owned());
            assert_eq!([text("a"), text("b"), text("c")], [Some("8".into()), Some("9".into()), None]);
            assert_eq!(change.edits[0].old().unwrap().text().unwrap(), "7");
        });
    }

    #[test]
    fn keys_come_in_order_and_across_pages() {
        let names: Vec<String> = (0..2500).map(|n| format!("k/{n:04}")).collect();
        let state: Vec<_> = names.iter().map(|name| (name.as_str(), "", "")).chain([("l", "", "")]).collect();
        given(&state, || assert!(keys("k/").eq(names.iter().cloned())));
    }
}
