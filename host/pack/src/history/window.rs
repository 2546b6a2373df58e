//! What entries add to a history, one after the other, while they are folded.

use std::sync::Arc;

use sluice_core::{Entry, Key, Outcome, Refusal, Revision, State, Subtree};

use super::event::{Event, Former, What};
use super::index::Run;
use super::note::Note;
use super::part::Page;

/// Bytes of values that are kept unpacked; then they become a run.
const OPEN_BYTES_MAX: u64 = 32 << 20;
/// What an event takes beside its value, about.
const EVENT_BYTES: u64 = 128;

/// A stretch of the log that is being folded.
#[derive(Default)]
pub struct Window {
    events: Vec<Event>,
    bytes: u64,
    notes: Vec<Note>,
    pages: Vec<Page>,
    runs: Vec<Run>,
}

impl Window {
    /// Sees one entry, with its outcome and the states around it. What changed is read off the states, not the entry:
    /// whatever makes a change current, it is seen.
    pub fn see(&mut self, entry: &Entry, outcome: &Outcome, before: &State, after: &State) {
        let change = entry.content.as_ref().ok();
        let (author, reason) = (change.and_then(|c| c.author.clone()), change.and_then(|c| c.reason.clone()));
        let edits = edits(entry);
        let known = self.events.len();
        for key in changed(before, after) {
            let bytes = after.item(&key).map(|item| item.bytes.len() as u64);
            let former = before.item(&key).map(Former::of);
            self.push(Event {
                what: What::Changed { bytes, former },
                revision: entry.revision,
                author: author.clone(),
                reason: reason.clone(),
                key,
            });
        }
        if let Outcome::Refused(refusal) = outcome {
            for (key, bytes) in &edits {
                self.push(refused(entry.revision, key, *bytes, refusal, (&author, &reason)));
            }
        }
        // A tick says nothing but that time goes on.
        let is_tick = self.events.len() == known && edits.is_empty() && matches!(outcome, Outcome::Applied(_));
        if !is_tick || reason.is_some() {
            let (revision, index, digest) = (entry.revision, after.index, entry.digest);
            self.notes.push(Note { revision, index, digest, author, reason, outcome: outcome.clone(), edits });
        }
        if self.bytes > OPEN_BYTES_MAX {
            self.close();
        }
    }

    /// The runs and notes it comes to, and the pages they are made of.
    pub fn done(mut self) -> (Vec<Run>, Vec<Note>, Vec<Page>) {
        self.close();
        (self.runs, self.notes, self.pages)
    }

    fn push(&mut self, event: Event) {
        self.bytes += EVENT_BYTES + event.value_bytes();
        self.events.push(event);
    }

    fn close(&mut self) {
        self.bytes = 0;
        let mut events = std::mem::take(&mut self.events);
        events.sort_by(Event::order);
        let pages = Page::events(&events);
        if !pages.is_empty() {
            self.runs.push(Run { parts: pages.iter().map(|page| page.about).collect() });
            self.pages.extend(pages);
        }
    }
}

fn refused(
    revision: Revision,
    key: &Key,
    bytes: Option<u64>,
    refusal: &Refusal,
    (author, reason): (&Option<Arc<str>>, &Option<Arc<str>>),
) -> Event {
    let what = What::Refused { bytes, class: refusal.class().into(), message: refusal.to_string().into() };
    Event { key: key.clone(), revision, author: author.clone(), reason: reason.clone(), what }
}

/// The keys an entry wanted to edit. By its fields as they stand: one that makes no sense wanted something, too.
fn edits(entry: &Entry) -> Vec<(Key, Option<u64>)> {
    let edits = entry.fields.iter().filter_map(|(name, value)| {
        let (verb, key) = std::str::from_utf8(name).ok()?.split_once(':')?;
        let bytes = match verb {
            "put" => Some(value.len() as u64),
            "put-blob" => Some(std::str::from_utf8(value).ok()?.split_once(' ')?.1.parse().ok()?),
            "del" => None,
            _ => return None,
        };
        Some((Key::parse(key.as_bytes()).ok()?, bytes))
    });
    edits.collect()
}

/// The keys that are not the same in two states. Costs what differs, by the digests of the trie.
pub fn changed(before: &State, after: &State) -> Vec<Key> {
    // Deep enough that a subtree has about one item, whose place need not be looked for further.
    let depth = (before.len().max(after.len()) as u64 + 1).ilog2() as usize + 1;
    let (mut open, mut keys) = (vec![Subtree::ALL], Vec::new());
    while let Some(under) = open.pop() {
        if before.digest(&under) == after.digest(&under) {
            continue;
        }
        match under.halves() {
            Some(halves) if under.depth() < depth => open.extend(halves),
            Some(_) | None => {
                let (old, new) = (before.items(&under), after.items(&under));
                let is_new = |(key, item): &&(&Key, &_)| before.item(key) != Some(*item);
                keys.extend(new.iter().filter(is_new).map(|(key, _)| (*key).clone()));
                keys.extend(old.iter().filter(|(key, _)| after.item(key).is_none()).map(|(key, _)| (*key).clone()));
            }
        }
    }
    keys.sort_unstable_by(|a: &Key, b: &Key| a.as_str().cmp(b.as_str()));
    keys
}
