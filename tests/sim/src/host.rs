//! One host: a node, its disk, and what its readers have seen.

use std::collections::{BTreeMap, BTreeSet};

use sluice_core::{Digest, Effect, Entry, Key, Millis, Node, Revision, Settings, State, Verdict};

use crate::disk::Disk;

/// One host of the simulated fleet.
#[derive(Default)]
pub struct Host {
    /// Rises with every start; answers to an earlier life reach nobody.
    pub life: u64,
    /// The node, while the host is up.
    pub node: Option<Node>,
    /// Its disk.
    pub disk: Disk,
    /// What its readers see.
    pub served: State,
    /// The furthest its readers have seen, in any life.
    pub seen: Revision,
    /// When it last held what it has against what the log counts.
    pub counted: Option<Millis>,
    /// The entries its validators have ruled on in this life.
    pub judged: BTreeSet<(Revision, Digest)>,
    /// The newest pull; a log answers only that one.
    pub pull: u64,
    /// When it will be woken.
    pub wake: Option<Millis>,
    /// It has been asked to stop.
    pub is_stopping: bool,
    stale: BTreeMap<Key, Verdict>,
}

/// Bounds small enough that histories reach them.
pub fn settings() -> Settings {
    Settings {
        line_entries_max: 12,
        line_bytes_max: 4_096,
        held_max: 4,
        pull_wait_ms: 3_000,
        restore_wait_ms: 4_000,
        answer_wait_ms: 2_000,
        retry_min_ms: 20,
        retry_max_ms: 1_000,
        pull_retry_max_ms: 500,
        report_min_ms: 100,
        report_max_ms: 2_000,
    }
}

impl Host {
    /// Starts from what the disk has.
    pub fn start(&mut self, now: Millis) -> Vec<Effect> {
        let (node, effects) = Node::start(settings(), self.disk.open(), now);
        self.life += 1;
        self.served = node.served().clone();
        self.node = Some(node);
        (self.is_stopping, self.wake, self.counted) = (false, None, None);
        self.judged.clear();
        self.stale.clear();
        effects
    }

    /// The verdict on an entry that a broken cache would give: the first one on the same key.
    pub fn stale(&mut self, entry: &Entry, verdict: Verdict) -> Verdict {
        let first = entry.content.iter().find_map(|change| change.edits.first());
        match first {
            Some(edit) => self.stale.entry(edit.key.clone()).or_insert(verdict).clone(),
            None => verdict,
        }
    }
}
