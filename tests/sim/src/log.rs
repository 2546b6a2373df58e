//! The one log all hosts read, as a server keeps it: it can lose its end, be emptied, or lack entries in the middle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use sluice_core::probe::StreamFacts;
use sluice_core::{Digest, Entry, Millis, Revision, State};

use crate::branch::{Branch, Line};

/// The fields of an entry.
pub type Fields = Vec<(Bytes, Bytes)>;

/// The log with its plain fold, and every other history that it had.
#[derive(Default)]
pub struct Log {
    branch: Branch,
    /// What it was before it lost something, each as long as it was then.
    pub lost: Vec<Branch>,
    /// What it was when people put something else in its place: what is only in there is gone, as they were told.
    pub aside: Vec<Branch>,
    /// What readers see of it that came too late for what was deleted from its middle, or too early for what was put
    /// before it.
    holed: Option<Branch>,
    deleted: BTreeSet<usize>,
    blobs: Blobs,
    /// The newest state that was stored, if one was.
    snapshot: Option<State>,
    /// How many entries are gone from the old end.
    trimmed: usize,
    /// How far the server's clock is off, in ms.
    pub skew_ms: i64,
    /// Revisions that are given out a second time, as by a server that took over within the same ms.
    again: VecDeque<Revision>,
}

#[derive(Default)]
struct Blobs(BTreeMap<Digest, (Bytes, Millis)>);

impl Log {
    /// Appends an entry, as `XADD` would, and folds it.
    pub fn append(&mut self, now: Millis, mut fields: Fields) -> &Line {
        let revision = self.next(now);
        let mut entry = Entry::read(revision, fields.clone());
        // What is the same in all, id included, is the same entry: nobody could tell, so it does not happen here.
        if self.lost.iter().chain(&self.aside).any(|branch| branch.has(revision, entry.digest)) {
            fields.push((Bytes::from_static(b"x-again"), Bytes::from(self.lost.len().to_string())));
            entry = Entry::read(revision, fields);
        }
        self.push(Arc::new(entry))
    }

    fn push(&mut self, entry: Arc<Entry>) -> &Line {
        let filled = self.blobs.filled(&entry);
        if let Some(holed) = &mut self.holed {
            holed.append(entry.clone(), &filled);
        }
        self.branch.append(entry, &filled)
    }

    /// Stores a blob that hosts will find from `since` on.
    pub fn store(&mut self, bytes: Bytes, since: Millis) -> Digest {
        let digest = Digest::of(&bytes);
        self.blobs.0.entry(digest).or_insert((bytes, since));
        digest
    }

    /// The bytes of a blob, once they are there.
    pub fn blob(&self, digest: Digest, now: Millis) -> Option<&Bytes> {
        self.blobs.0.get(&digest).filter(|(_, since)| *since <= now).map(|(bytes, _)| bytes)
    }

    /// Up to `limit` entries behind `after`.
    pub fn read(&self, after: Revision, limit: usize) -> Vec<Arc<Entry>> {
        let start = self.place(after);
        let there = self.there().skip_while(|(place, _)| *place < start);
        there.take(limit).map(|(_, entry)| entry.clone()).collect()
    }

    /// What the server says of it; none when there is no stream.
    pub fn facts(&self) -> Option<StreamFacts> {
        if self.lines().is_empty() {
            return None;
        }
        let end = |(_, entry): (usize, &Arc<Entry>)| entry.revision;
        Some(StreamFacts {
            length: self.there().count() as u64,
            last: self.tip().cursor,
            first: self.there().next().map(end),
            newest: self.there().last().map(end),
            added: Some(self.tip().index),
        })
    }

    fn there(&self) -> impl Iterator<Item = (usize, &Arc<Entry>)> {
        let lines = self.lines().iter().enumerate().skip(self.trimmed);
        lines.filter(|(place, _)| !self.deleted.contains(place)).map(|(place, line)| (place, &line.entry))
    }

    /// Stores a state, unless a newer one is stored.
    pub fn keep(&mut self, state: &State) {
        if self.snapshot.as_ref().is_none_or(|newest| newest.index < state.index) {
            self.snapshot = Some(state.clone());
        }
    }

    /// Forgets so many entries, as far as a stored state has them.
    pub fn trim(&mut self, entries: usize) {
        let kept = self.snapshot.as_ref().map_or(0, |state| state.index as usize);
        self.trimmed = self.trimmed.max(entries.min(kept));
    }

    /// The newest state that was stored.
    pub fn snapshot(&self) -> Option<&State> {
        self.snapshot.as_ref()
    }

    /// How many entries are gone from the old end.
    pub fn trimmed(&self) -> usize {
        self.trimmed
    }

    /// Another server takes over that has got so many entries, and may give out the ids of the others again.
    pub fn fail_over(&mut self, kept: usize, is_again: bool) {
        let lost = std::mem::take(&mut self.branch);
        self.branch = lost.until(kept);
        let revisions = lost.lines()[kept..].iter().map(|line| line.entry.revision);
        self.again = if is_again { revisions.collect() } else { VecDeque::new() };
        self.lost.push(lost);
    }

    /// Somebody deletes the stream.
    pub fn reset(&mut self) {
        self.lost.push(std::mem::take(&mut self.branch));
        (self.trimmed, self.snapshot) = (0, None);
    }

    /// Somebody puts before it what a host has; entries that are not later than that are set aside.
    pub fn reseed(&mut self, have: &State) {
        let Some(led) = self.branch_of(have) else { return };
        let led = led.until(have.index as usize);
        let since = std::mem::replace(&mut self.branch, led);
        (self.trimmed, self.snapshot) = (have.index as usize, Some(have.clone()));
        let is_later = since.lines().first().is_some_and(|line| line.entry.revision > have.cursor);
        for line in since.lines().iter().filter(|_| is_later) {
            self.push(line.entry.clone());
        }
        match is_later {
            // Who began with it goes on with it, and lacks what now comes before, until it looks at the log's count.
            true => self.holed = Some(since),
            false => self.aside.push(since),
        }
    }

    /// Somebody deletes an entry.
    pub fn delete(&mut self, place: usize) {
        let mut holed = self.branch.until(place);
        for line in &self.branch.lines()[place + 1..] {
            holed.append(line.entry.clone(), &self.blobs.filled(&line.entry));
        }
        self.deleted.insert(place);
        self.holed = Some(holed);
    }

    /// All histories there were, the newest first.
    pub fn branches(&self) -> impl Iterator<Item = &Branch> {
        [&self.branch].into_iter().chain(&self.holed).chain(self.lost.iter().rev()).chain(&self.aside)
    }

    /// The history that led to a state.
    pub fn branch_of(&self, state: &State) -> Option<&Branch> {
        self.branches().find(|branch| branch.leads_to(state))
    }

    fn next(&mut self, now: Millis) -> Revision {
        let last = self.tip().cursor;
        if let Some(again) = self.again.pop_front().filter(|again| *again > last) {
            return again;
        }
        let clock = Revision { ms: (10_000_000 + now.0).saturating_add_signed(self.skew_ms), seq: 0 };
        if clock > last { clock } else { Revision { seq: last.seq + 1, ..last } }
    }
}

/// Most of what is asked is asked of the history that is left.
impl Deref for Log {
    type Target = Branch;

    fn deref(&self) -> &Branch {
        &self.branch
    }
}

impl Blobs {
    fn filled(&self, entry: &Entry) -> Entry {
        let mut entry = entry.clone();
        if let Ok(change) = &mut entry.content {
            let missing: Vec<_> = change.missing().collect();
            for blob in missing {
                let (bytes, _) = self.0.get(&blob.digest).expect("publishers store a blob before they name it");
                change.fill(blob, bytes);
            }
        }
        entry
    }
}
