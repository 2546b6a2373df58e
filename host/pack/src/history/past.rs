//! What a key was at a revision, from what is known of it: a right answer, or none.

use std::collections::BTreeMap;

use sluice_core::{Item, Key, Revision};

use super::event::{Event, Former, What};

/// What a key was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then<'e> {
    /// This.
    Was(&'e Former),
    /// What it is where the history ends.
    Is(&'e Item),
    /// Absent.
    Absent,
    /// That is not kept; it is from this revision on.
    Unknown(Revision),
}

/// What a key was at `at`, by all its events there are in the order of their revisions, and by what it is where the
/// history ends (`end`). `floor` is the history's.
///
/// What came before the first change behind `at` tells it, and brings its own proof: a value that was put at or before
/// `at` and stood until then, stood at `at`. That the key was absent has no revision; it is believed where nothing of
/// the key is forgotten.
pub fn then<'e>(events: &'e [Event], at: Revision, floor: Revision, end: Option<&'e Item>) -> Then<'e> {
    let forgotten = events.iter().filter(|event| event.what == What::Forgotten).map(|event| event.revision).max();
    let known = forgotten.unwrap_or_default().max(floor);
    let behind = events.iter().filter(|event| event.revision > at).find_map(|event| match &event.what {
        What::Changed { former, .. } => Some(former.as_ref()),
        What::Refused { .. } | What::Forgotten => None,
    });
    match (behind, end) {
        (Some(Some(former)), _) if former.revision <= at => Then::Was(former),
        (Some(Some(former)), _) => Then::Unknown(former.revision),
        (None, Some(item)) if item.revision <= at => Then::Is(item),
        (None, Some(item)) => Then::Unknown(item.revision),
        (Some(None), _) | (None, None) if at >= known => Then::Absent,
        (Some(None), _) | (None, None) => Then::Unknown(known),
    }
}

/// Events by their keys, each key's in the order of their revisions.
pub fn undone(events: Vec<Event>) -> BTreeMap<Key, Vec<Event>> {
    let mut keys: BTreeMap<Key, Vec<Event>> = BTreeMap::new();
    for event in events {
        keys.entry(event.key.clone()).or_default().push(event);
    }
    keys.values_mut().for_each(|events| events.sort_by_key(|event| event.revision));
    keys
}
