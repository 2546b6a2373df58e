//! What a log lost, as this host's store still has it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use sluice_core::decode::NOTE_BYTES_MAX;
use sluice_core::{Entry, LOST_FIELD, Revision, State, Step, Turn, time};

/// The field that says when its time was over, in an entry that was so before it could come back. It changes nothing.
pub const OVER_FIELD: &str = "x-over";

/// The field of such an entry that names the keys it was about.
pub const KEYS_FIELD: &str = "x-keys";

/// Most entries, and bytes of entries, that are put back without somebody being asked.
pub const LOST_ENTRIES_MAX: usize = 10_000;
pub const LOST_BYTES_MAX: usize = 16 << 20;

/// An entry that the log lost.
pub struct Gone {
    pub entry: Arc<Entry>,
    /// The revision each edited key had before it, where the entry itself says nothing.
    bases: Vec<(String, Revision)>,
    /// When it begins, for which it was kept: what is there then is overwritten, whatever it is.
    from_ms: Option<u64>,
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
                let bare = edited.filter(|key| !change.bases.iter().any(|(based, _)| based == *key));
                let bases = bare.map(|key| (key.to_string(), before.revision_of(key))).collect();
                (self.entries, self.bytes) = (self.entries + 1, self.bytes + entry.bytes());
                // Beyond the bound they are only counted, so that a log from last year costs no memory.
                if !self.is_too_much() {
                    let from_ms = change.later.as_ref().and_then(|later| match later.turn {
                        Turn::Start(at) => Some(at),
                        Turn::End(_) => None,
                    });
                    self.gone.push(Gone { entry: entry.clone(), bases, from_ms });
                }
            }
            // Decided late: what came to nothing then was told its publisher, and does not come again.
            (Step::Released(_), Ok(_)) if is_refused => self.gone.retain(|gone| gone.entry.revision != entry.revision),
            (Step::Folded(_) | Step::Held(_) | Step::Released(_), Ok(_)) => (),
        }
    }
}

impl Gone {
    /// Whether what it says depends on the time it is published at.
    pub fn has_times(&self) -> bool {
        self.entry.content.as_ref().is_ok_and(|change| change.later.is_some())
    }

    /// The entry again; or, when its time is over by the log's clock, one that changes nothing and says so.
    pub fn fields(&self, names: &HashMap<Revision, Revision>, now_ms: u64) -> Vec<(Bytes, Bytes)> {
        let fields = self.again(names, now_ms);
        let until = fields.iter().find(|(name, _)| name == "until").map(|(_, until)| until.clone());
        let ms = |until: &Bytes| time::parse(std::str::from_utf8(until).ok()?);
        match until {
            Some(until) if ms(&until).is_some_and(|ms| ms <= now_ms) => self.over(fields, until),
            Some(_) | None => fields,
        }
    }

    fn over(&self, fields: Vec<(Bytes, Bytes)>, until: Bytes) -> Vec<(Bytes, Bytes)> {
        let kept = |name: &Bytes| matches!(&name[..], b"author" | b"reason" | b"token") || name == LOST_FIELD;
        let mut over: Vec<(Bytes, Bytes)> = fields.into_iter().filter(|(name, _)| kept(name)).collect();
        let edits = self.entry.content.iter().flat_map(|change| &change.edits);
        let mut keys = edits.map(|edit| edit.key.as_str()).collect::<Vec<_>>().join(",");
        keys.truncate(keys.floor_char_boundary(NOTE_BYTES_MAX));
        over.push((Bytes::from_static(b"tick"), Bytes::new()));
        over.push((Bytes::from_static(OVER_FIELD.as_bytes()), until));
        over.push((Bytes::from_static(KEYS_FIELD.as_bytes()), keys.into()));
        over
    }

    /// The entry again: its bases name what they named, also where that is lost and has come back under another name.
    fn again(&self, names: &HashMap<Revision, Revision>, now_ms: u64) -> Vec<(Bytes, Bytes)> {
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
        // One whose time has come meanwhile takes place at once, so it must not do away with what came since.
        let is_now = self.from_ms.is_none_or(|from_ms| from_ms <= now_ms);
        let bases = self.bases.iter().filter(|_| is_now);
        let bases = bases.map(|(key, base)| (format!("base:{key}").into(), renamed(*base).to_string().into()));
        fields.extend(bases);
        if self.entry.content.as_ref().is_ok_and(|change| change.token.is_none()) {
            fields.push((Bytes::from_static(b"token"), token(&self.entry)));
        }
        fields.push((Bytes::from_static(LOST_FIELD.as_bytes()), self.entry.revision.to_string().into()));
        fields
    }
}

/// Whether an entry only says that the time of a lost one is over.
pub fn is_over(entry: &Entry) -> bool {
    entry.fields.iter().any(|(name, _)| name == OVER_FIELD) && entry.fields.iter().any(|(name, _)| name == LOST_FIELD)
}

/// What keeps an entry from being applied twice.
pub fn token(entry: &Entry) -> Bytes {
    let own = entry.content.iter().find_map(|change| change.token.clone());
    own.unwrap_or_else(|| format!("lost:{}", entry.digest).into())
}
