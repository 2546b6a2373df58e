//! What the drive loop counts. Names and labels are documented in `docs/OPERATING.md`; a key is never a label.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use sluice_core::{Batch, Event, Judged, Lost, Outcome, PullError, Revision, Snapshot, Step};
use tracing::{info, warn};

use crate::hub::wall_ms;

/// Reasons remembered for changes that are held; at the limit all are said again. A node holds fewer changes.
const UNTOLD_MAX: usize = 4096;

/// Handles made once, so that counting costs an atomic addition.
pub struct Meter {
    fold_seconds: Histogram,
    propagation_seconds: Histogram,
    revision_seconds: Gauge,
    keys: Gauge,
    held: Gauge,
    source_faults: Counter,
    store_faults: Counter,
    resyncs: Counter,
    is_away: bool,
    /// How often validators could not tell about a change in these words.
    untold: HashMap<(Revision, String), u64>,
}

impl Default for Meter {
    fn default() -> Self {
        Meter {
            fold_seconds: histogram!("sluice_fold_seconds"),
            propagation_seconds: histogram!("sluice_propagation_seconds"),
            revision_seconds: gauge!("sluice_revision_timestamp_seconds"),
            keys: gauge!("sluice_keys"),
            held: gauge!("sluice_held_entries"),
            source_faults: counter!("sluice_faults_total", "kind" => "source"),
            store_faults: counter!("sluice_faults_total", "kind" => "store"),
            resyncs: counter!("sluice_resyncs_total", "why" => "reconnect"),
            is_away: false,
            untold: HashMap::new(),
        }
    }
}

impl Meter {
    /// Counts what went wrong, and says it once.
    pub fn seen(&mut self, event: &Event) {
        match event {
            Event::Pulled { result: Err(error), .. } => {
                self.source_faults.increment(1);
                let Lost(why) = error.lost();
                match (std::mem::replace(&mut self.is_away, true), error) {
                    (false, PullError::Away(_)) => warn!(%why, "log out of reach, serving on"),
                    (false, PullError::Apart(apart)) => {
                        counter!("sluice_resyncs_total", "why" => apart.rift.as_str()).increment(1);
                        tracing::error!(rift = apart.rift.as_str(), %why, "not the log this host has followed, serving on");
                    }
                    (true, _) => (),
                }
            }
            Event::Restored(Err(lost)) => warn!(why = %lost.0, "no snapshot could be loaded"),
            Event::Restored(Ok(snapshot)) => {
                if let Some(Snapshot { state }) = snapshot.as_deref() {
                    info!(revision = %state.cursor, keys = state.len(), "snapshot loaded");
                }
            }
            Event::Pulled { result: Ok(_), .. } => {
                if std::mem::replace(&mut self.is_away, false) {
                    self.resyncs.increment(1);
                    info!("log in reach again");
                }
            }
            Event::Persisted { result: Err(lost), .. } => {
                self.store_faults.increment(1);
                tracing::error!(why = %lost.0, "batch not written, serving what is on disk");
            }
            Event::Judged(answers) => answers.iter().for_each(|answer| self.judged(answer)),
            Event::Fetched { .. } | Event::Persisted { .. } | Event::Reported | Event::Tick | Event::Stop => (),
        }
    }

    /// Says why a change is held when the words are new, and again at the second, fourth, eighth time.
    fn judged(&mut self, answer: &Judged) {
        let Err((fault, why)) = &answer.result else {
            return self.untold.retain(|(revision, _), _| *revision != answer.revision);
        };
        counter!("sluice_faults_total", "kind" => fault.to_string()).increment(1);
        if self.untold.len() >= UNTOLD_MAX {
            self.untold.clear();
        }
        let times = self.untold.entry((answer.revision, why.clone())).or_default();
        *times += 1;
        if times.is_power_of_two() {
            warn!(revision = %answer.revision, %fault, %why, times = *times, "validators could not tell, holding the change");
        }
    }

    /// Counts the time one event took.
    pub fn folded(&self, took: Duration) {
        self.fold_seconds.record(took);
    }

    /// Counts what a batch came to.
    pub fn installed(&self, batch: &Batch) {
        let settled = batch.steps.iter().filter_map(|step| match step {
            Step::Folded(settled) | Step::Released(settled) => Some(settled),
            Step::Held(_) => None,
        });
        let mut applied = 0;
        for settled in settled {
            match &settled.outcome {
                Outcome::Applied(_) => applied += 1,
                outcome @ (Outcome::Scheduled(_) | Outcome::Staged | Outcome::Refused(_)) => {
                    counter!("sluice_entries_total", "outcome" => outcome.class()).increment(1);
                    tracing::debug!(revision = %settled.entry.revision, outcome = outcome.class(), "not applied");
                }
            }
        }
        counter!("sluice_entries_total", "outcome" => "applied").increment(applied);
        self.propagation_seconds.record(wall_ms().saturating_sub(batch.state.cursor.ms) as f64 / 1000.0);
        self.revision_seconds.set(batch.state.cursor.ms as f64 / 1000.0);
        self.keys.set(batch.state.len() as f64);
        self.held.set(batch.state.held.len() as f64);
    }
}
