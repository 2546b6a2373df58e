//! The one log all hosts read, with the plain fold of every prefix of it beside.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{Digest, Entry, Millis, Outcome, Revision, State, fold};

use crate::judge;

/// The fields of an entry.
pub type Fields = Vec<(Bytes, Bytes)>;

/// What became of an entry in the plain fold.
pub struct Line {
    /// The entry as it stands in the log.
    pub entry: Arc<Entry>,
    /// Its outcome.
    pub outcome: Outcome,
    /// Whether a verdict was asked for that may differ from plain acceptance.
    pub is_judged: bool,
}

/// The log and its plain fold: nothing lost, nothing late, one entry after the other.
pub struct Log {
    lines: Vec<Line>,
    /// `states[n]` is the state after `n` entries.
    states: Vec<State>,
    blobs: BTreeMap<Digest, (Bytes, Millis)>,
    /// How many entries the newest snapshot has folded, if there is one.
    snapshot: Option<usize>,
    /// How many entries are gone from the old end.
    trimmed: usize,
}

impl Default for Log {
    fn default() -> Self {
        Log { lines: Vec::new(), states: vec![State::default()], blobs: BTreeMap::new(), snapshot: None, trimmed: 0 }
    }
}

impl Log {
    /// Appends an entry, as `XADD` would, and folds it.
    pub fn append(&mut self, now: Millis, fields: Fields) -> &Line {
        let entry = Entry::read(self.next(now), fields);
        let mut filled = entry.clone();
        self.fill(&mut filled);
        let mut state = self.tip().clone();
        let mut is_judged = false;
        let outcome = fold::fold(&mut state, &filled, |before, change| {
            is_judged = change.is_about_rules() || judge::bound(before, change).next().is_some();
            judge::judge(before, change)
        });
        self.states.push(state);
        self.lines.push(Line { entry: Arc::new(entry), outcome, is_judged });
        self.lines.last().expect("a line was just pushed")
    }

    /// Stores a blob that hosts will find from `since` on.
    pub fn store(&mut self, bytes: Bytes, since: Millis) -> Digest {
        let digest = Digest::of(&bytes);
        self.blobs.entry(digest).or_insert((bytes, since));
        digest
    }

    /// The bytes of a blob, once they are there.
    pub fn blob(&self, digest: Digest, now: Millis) -> Option<&Bytes> {
        self.blobs.get(&digest).filter(|(_, since)| *since <= now).map(|(bytes, _)| bytes)
    }

    /// Up to `limit` entries behind `after`.
    pub fn read(&self, after: Revision, limit: usize) -> Vec<Arc<Entry>> {
        let start = self.place(after).max(self.trimmed);
        self.lines[start..].iter().take(limit).map(|line| line.entry.clone()).collect()
    }

    /// Stores the state after so many entries, unless a newer one is stored, and forgets some of these entries.
    pub fn snapshot_at(&mut self, entries: usize, trimmed: usize) {
        let newest = entries.min(self.lines.len()).max(self.snapshot.unwrap_or_default());
        self.snapshot = Some(newest);
        self.trimmed = self.trimmed.max(trimmed.min(newest));
    }

    /// The newest state that was stored.
    pub fn snapshot(&self) -> Option<&State> {
        self.states.get(self.snapshot?)
    }

    /// Whether entries behind this one are gone.
    pub fn is_trimmed_behind(&self, after: Revision) -> bool {
        self.place(after) < self.trimmed
    }

    /// How many entries there are up to and with `revision`.
    pub fn place(&self, revision: Revision) -> usize {
        self.lines.partition_point(|line| line.entry.revision <= revision)
    }

    /// The line of an entry.
    pub fn line(&self, revision: Revision) -> Option<&Line> {
        let place = self.place(revision).checked_sub(1)?;
        self.lines.get(place).filter(|line| line.entry.revision == revision)
    }

    /// All lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The state after so many entries.
    pub fn after(&self, entries: u64) -> Option<&State> {
        self.states.get(entries as usize)
    }

    /// The state just before an entry.
    pub fn before(&self, revision: Revision) -> Option<&State> {
        self.states.get(self.place(revision).checked_sub(1)?)
    }

    /// The state after all entries.
    pub fn tip(&self) -> &State {
        self.states.last().expect("there is always the empty state")
    }

    fn next(&self, now: Millis) -> Revision {
        let last = self.tip().cursor;
        let clock = Revision { ms: 1_000_000 + now.0, seq: 0 };
        if clock > last { clock } else { Revision { seq: last.seq + 1, ..last } }
    }

    fn fill(&self, entry: &mut Entry) {
        let Ok(change) = &mut entry.content else { return };
        let missing: Vec<_> = change.missing().collect();
        for blob in missing {
            let (bytes, _) = self.blobs.get(&blob.digest).expect("publishers store a blob before they name it");
            change.fill(blob, bytes);
        }
    }
}
