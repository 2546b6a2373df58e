//! What a storm was, in some lines.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::storm::history::History;

/// A storm that all survived.
#[derive(Debug, Default)]
pub struct Report {
    pub seed: u64,
    pub length: Duration,
    /// How often each kind of fault came.
    pub faults: BTreeMap<&'static str, usize>,
    /// Entries by outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    pub acknowledged: usize,
    pub indeterminate: usize,
    pub retried: usize,
    pub reads: usize,
    pub read_p99: Duration,
    pub read_max: Duration,
    /// Longest time from the end of a round to equal roots everywhere.
    pub converged_max: Duration,
    /// Snapshots that Redis keeps, and entries left in the log, at the end.
    pub snapshots: u64,
    pub left: u64,
}

impl Report {
    /// Counts what was seen.
    pub fn count(&mut self, history: &History) {
        let told = history.changes.iter().filter(|change| change.told.is_some()).count();
        (self.acknowledged, self.indeterminate) = (told, history.changes.len() - told);
        self.retried = history.changes.iter().filter(|change| change.attempts > 1).count();
        let mut took: Vec<Duration> = history.reads.iter().map(|read| read.took).collect();
        took.sort_unstable();
        self.reads = took.len();
        self.read_p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
        self.read_max = took.last().copied().unwrap_or_default();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |counts: &BTreeMap<&'static str, usize>| {
            counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "seed {}, {:?}", self.seed, self.length)?;
        writeln!(f, "faults     {}", counted(&self.faults))?;
        writeln!(
            f,
            "changes    {} acknowledged, {} indeterminate, {} tried more than once",
            self.acknowledged, self.indeterminate, self.retried
        )?;
        writeln!(f, "entries    {}", counted(&self.outcomes))?;
        writeln!(f, "snapshots  {} kept, {} entries left in the log", self.snapshots, self.left)?;
        writeln!(f, "reads      {}, failed: 0, p99 {:.1?}, longest {:.1?}", self.reads, self.read_p99, self.read_max)?;
        write!(f, "converged  within {:.1?} of each calm", self.converged_max)
    }
}
