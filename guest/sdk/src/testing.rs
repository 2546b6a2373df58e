//! For native tests of a validator: the state its look-ups find.

use crate::{Content, Document, Revision};

#[cfg(not(target_family = "wasm"))]
std::thread_local! {
    static STATE: std::cell::RefCell<std::collections::BTreeMap<String, Document>> = const {
        std::cell::RefCell::new(std::collections::BTreeMap::new())
    };
}

/// A document as a host hands it over.
pub fn document(media_type: &str, text: &str) -> Document {
    Document {
        body: Content::Text(text.into()),
        media_type: media_type.into(),
        revision: Revision { millis: 1, sequence: 0 },
    }
}

/// Runs a test on a state: keys with their media types and texts. Any of them may be looked up.
#[cfg(not(target_family = "wasm"))]
pub fn given<T>(state: &[(&str, &str, &str)], test: impl FnOnce() -> T) -> T {
    let items = state.iter().map(|(key, media_type, text)| ((*key).to_owned(), document(media_type, text)));
    let before = STATE.replace(items.collect());
    let result = test();
    STATE.set(before);
    result
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn get(key: &str) -> Option<Document> {
    STATE.with_borrow(|state| state.get(key).cloned())
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn keys(prefix: &str, after: Option<&str>) -> Vec<String> {
    /// As on a host.
    const PAGE: usize = 1000;
    let is_meant = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
    STATE.with_borrow(|state| state.keys().filter(is_meant).take(PAGE).cloned().collect())
}
