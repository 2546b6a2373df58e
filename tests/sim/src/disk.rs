//! What survives a crash: an image and the steps written behind it.

use std::sync::Arc;

use sluice_core::{Batch, Entry, State, Step, fold};

/// A disk that keeps whole batches, and forgets what was written and not yet synced.
#[derive(Default)]
pub struct Disk {
    image: State,
    steps: Vec<Step>,
    number: u64,
    unsynced: Vec<Arc<Batch>>,
    /// The state of the newest batch that is safe: what opening must give again.
    pub tip: State,
    /// What its files still tell of how it came there: a state, and the steps from there on.
    pub past: (State, Vec<Step>),
}

impl Disk {
    /// Starts to write a batch.
    ///
    /// # Errors
    /// When batches come out of order.
    pub fn write(&mut self, batch: &Arc<Batch>) -> Result<(), String> {
        let last = self.unsynced.last().map_or(self.number, |batch| batch.number);
        if batch.number == last + 1 {
            self.unsynced.push(batch.clone());
        } else if batch.number != last {
            return Err(format!("batch {} was written behind batch {last}", batch.number));
        }
        // Else it is written again because its answer was lost: it is there already.
        Ok(())
    }

    /// Everything written up to this batch is safe.
    pub fn sync(&mut self, number: u64) {
        let written = self.unsynced.partition_point(|batch| batch.number <= number);
        for batch in self.unsynced.drain(..written) {
            self.number = batch.number;
            if batch.is_restored {
                self.image = batch.state.clone();
                self.steps.clear();
                self.past = (batch.state.clone(), Vec::new());
            }
            self.steps.extend(batch.steps.iter().cloned());
            self.past.1.extend(batch.steps.iter().cloned());
            self.tip = batch.state.clone();
        }
    }

    /// The power goes. What was not synced may have reached the disk all the same, but whole or not at all.
    pub fn crash(&mut self, is_spared: bool) {
        if is_spared {
            self.sync(u64::MAX);
        }
        self.unsynced.clear();
    }

    /// As [`Disk::crash`], on a disk that does not keep its promise: the cursor moved, the values did not.
    pub fn tear(&mut self) {
        if let Some(batch) = self.unsynced.pop() {
            let mut torn = self.open();
            (torn.cursor, torn.index, torn.chain) = (batch.state.cursor, batch.state.index, batch.state.chain);
            self.image = torn.clone();
            self.tip = torn;
        }
    }

    /// The newest state that came as a whole and that is or may be on it: a log that lacks it leads nowhere from here.
    pub fn whole(&self) -> &State {
        let coming = self.unsynced.iter().rev().find(|batch| batch.is_restored);
        coming.map_or(&self.past.0, |batch| &batch.state)
    }

    /// Reads everything back, as a host does when it starts.
    pub fn open(&mut self) -> State {
        let mut state = std::mem::take(&mut self.image);
        self.steps.drain(..).for_each(|step| fold::replay(&mut state, &step));
        // Only the fields of an entry are written, so blobs of held ones are fetched again.
        let reread = |entry: &Entry| Arc::new(Entry::read(entry.revision, entry.fields.clone()));
        let held: Vec<_> = state.held.iter().map(|(revision, entry)| (*revision, reread(entry))).collect();
        state.held = held.into_iter().collect();
        self.image = state.clone();
        self.number = 0;
        state
    }
}
