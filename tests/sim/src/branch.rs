//! One history of the log, with the plain fold of every prefix of it beside.

use std::sync::Arc;

use sluice_core::{Change, Digest, Entry, Outcome, Revision, State, fold};

use crate::judge;

/// What became of an entry in the plain fold.
pub struct Line {
    /// The entry as it stands in the log.
    pub entry: Arc<Entry>,
    /// Its outcome.
    pub outcome: Outcome,
    /// Whether a verdict was asked for that may differ from plain acceptance.
    pub is_judged: bool,
}

/// A history: nothing lost, nothing late, one entry after the other.
#[derive(Clone)]
pub struct Branch {
    lines: Vec<Arc<Line>>,
    /// `states[n]` is the state after `n` entries.
    states: Vec<State>,
}

impl Default for Branch {
    fn default() -> Self {
        Branch { lines: Vec::new(), states: vec![State::default()] }
    }
}

impl Branch {
    /// Folds one entry more; `filled` is the same with its blobs.
    pub fn append(&mut self, entry: Arc<Entry>, filled: &Entry) -> &Line {
        let mut state = self.tip().clone();
        let mut is_judged = false;
        let outcome = fold::fold(&mut state, filled, |before, change| {
            is_judged = change.is_about_rules() || judge::bound(before, change).next().is_some();
            judge::judge(before, change)
        });
        self.states.push(state);
        self.lines.push(Arc::new(Line { entry, outcome, is_judged }));
        self.lines.last().expect("a line was just pushed")
    }

    /// The first entries of it.
    pub fn until(&self, entries: usize) -> Branch {
        Branch { lines: self.lines[..entries].to_vec(), states: self.states[..=entries].to_vec() }
    }

    /// How many entries there are up to and with `revision`.
    pub fn place(&self, revision: Revision) -> usize {
        self.lines.partition_point(|line| line.entry.revision <= revision)
    }

    /// The line of an entry.
    pub fn line(&self, revision: Revision) -> Option<&Line> {
        let place = self.place(revision).checked_sub(1)?;
        self.lines.get(place).filter(|line| line.entry.revision == revision).map(|line| &**line)
    }

    /// Whether it has this very entry.
    pub fn has(&self, revision: Revision, digest: Digest) -> bool {
        self.line(revision).is_some_and(|line| line.entry.digest == digest)
    }

    /// All lines.
    pub fn lines(&self) -> &[Arc<Line>] {
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

    /// Whether a state, with all that led to it, is of this history.
    pub fn leads_to(&self, state: &State) -> bool {
        self.after(state.index).is_some_and(|plain| (plain.cursor, plain.chain) == (state.cursor, state.chain))
    }

    /// How many entries two histories have in common.
    pub fn common(&self, other: &Branch) -> usize {
        let pairs = self.lines.iter().zip(&other.lines);
        pairs.take_while(|(one, two)| one.entry.digest == two.entry.digest).count()
    }
}

impl Line {
    /// Whether it changed something, or is to.
    pub fn came_to_something(&self) -> bool {
        let edits = self.entry.content.as_ref().is_ok_and(|change| !change.edits.is_empty());
        edits && !matches!(self.outcome, Outcome::Refused(_))
    }

    /// The field of a name.
    pub fn field(&self, wanted: &str) -> Option<&[u8]> {
        let field = self.entry.fields.iter().find(|(name, _)| name == wanted.as_bytes());
        field.map(|(_, value)| &value[..])
    }

    /// The change in it.
    pub fn change(&self) -> Option<&Change> {
        self.entry.content.as_ref().ok()
    }
}
