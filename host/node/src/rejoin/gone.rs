//! What a log lost, as this host's store still has it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{Entry, LOST_FIELD, Later, Revision, State, Step};

/// Most entries, and bytes of entries, that are put back without somebody being asked.
pub const LOST_ENTRIES_MAX: usize = 10_000;
pub const LOST_BYTES_MAX: usize = 16 << 20;

/// An entry that the log lost.
pub struct Gone {
    pub entry: Arc<Entry>,
    /// The revision each edited key had before it, where the entry itself says nothing.
    bases: Vec<(String, Revision)>,
}

/// Where this host and the log part.
pub struct Fork {
    pub state: State,
    pub gone: Vec<Gone>,
    entries: usize,
    bytes: usize,
}

impl Fork {
    /// A fork behind this state.
    pub fn at(state: &State) -> Fork {
        Fork { state: state.clone(), gone: Vec::new(), entries: 0, bytes: 0 }
    }

    /// Whether so much is gone that a failover is no likely reason: somebody should look at it.
    pub fn is_too_much(&self) -> bool {
        self.entries > LOST_ENTRIES_MAX || self.bytes > LOST_BYTES_MAX
    }

    /// Notes what came behind it, if it came to something or may.
    pub fn take(&mut self, before: &State, step: &Step, after: &State) {
        let entry = step.entry();
        let is_refused = after.refused.iter().rev().any(|refused| refused.revision == entry.revision);
        match (step, &entry.content) {
            (_, Err(_)) => (),
            (Step::Folded(_) | Step::Held(_), Ok(change)) if !is_refused && !change.edits.is_empty() => {
                let edited = change.edits.iter().map(|edit| &edit.key);
                // What begins later overwrites what is there then, whatever it is.
                let is_now = !change.later.as_ref().is_some_and(Later::is_start);
                let bare = edited.filter(|key| is_now && !change.bases.iter().any(|(based, _)| based == *key));
                let bases = bare.map(|key| (key.to_string(), before.revision_of(key))).collect();
                (self.entries, self.bytes) = (self.entries + 1, self.bytes + entry.bytes());
                // Beyond the bound they are only counted, so that a log from last year costs no memory.
                if !self.is_too_much() {
                    self.gone.push(Gone { entry: entry.clone(), bases });
                }
            }
            // Decided late: what came to nothing then was told its publisher, and does not come again.
            (Step::Released(_), Ok(_)) if is_refused => self.gone.retain(|gone| gone.entry.revision != entry.revision),
            (Step::Folded(_) | Step::Held(_) | Step::Released(_), Ok(_)) => (),
        }
    }
}

impl Gone {
    /// The entry again: its bases name what they named, also where that is lost and has come back under another name.
    pub fn fields(&self, names: &HashMap<Revision, Revision>) -> Vec<(Bytes, Bytes)> {
        let renamed = |revision: Revision| names.get(&revision).copied().unwrap_or(revision);
        let mut fields: Vec<(Bytes, Bytes)> = Vec::with_capacity(self.entry.fields.len() + self.bases.len() + 2);
        for (name, value) in &self.entry.fields {
            let base = name.starts_with(b"base:").then(|| std::str::from_utf8(value).ok()?.parse::<Revision>().ok());
            let value = match base.flatten() {
                Some(base) => renamed(base).to_string().into(),
                None => value.clone(),
            };
            // An entry that is lost a second time is named as it was last.
            if name != LOST_FIELD {
                fields.push((name.clone(), value));
            }
        }
        let bases =
            self.bases.iter().map(|(key, base)| (format!("base:{key}").into(), renamed(*base).to_string().into()));
        fields.extend(bases);
        if self.entry.content.as_ref().is_ok_and(|change| change.token.is_none()) {
            fields.push((Bytes::from_static(b"token"), token(&self.entry)));
        }
        fields.push((Bytes::from_static(LOST_FIELD.as_bytes()), self.entry.revision.to_string().into()));
        fields
    }
}

/// What keeps an entry from being applied twice.
pub fn token(entry: &Entry) -> Bytes {
    let own = entry.content.iter().find_map(|change| change.token.clone());
    own.unwrap_or_else(|| format!("lost:{}", entry.digest).into())
}
