//! Back to a log that lost entries this host has: they are appended again, and the log is folded anew beside what is served.
//!
//! ```text
//!   what this host took:   1 2 3 4 5          newest entry both have: 3
//!   what the log has:      1 2 3 6            4 and 5 are appended again, as 7 and 8
//!   what all hosts fold:   1 2 3 6 7 8        and only then the state is swapped
//! ```
//!
//! Each host of the lost branch does so, one at a time under a lease. The tokens keep an entry from being applied twice:
//! its own, or one derived from its digest. An edit gets the revision that its key had when it was applied as its base, so
//! a lost change never does away with a newer one unseen: it ends as a conflict, which is told.

mod back;
mod gone;

use std::collections::HashMap;
use std::sync::Arc;

use metrics::counter;
use sluice_core::{Change, Digest, Entry, Event, Lost, Outcome, Revision, Snapshot, State, Step, Verdict, fold};
use tokio::sync::{Mutex, mpsc};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::ports::{Blobs, Judge, Leases, Log, Past, Ports, Store};

use back::Back;
use gone::{Fork, LOST_BYTES_MAX, LOST_ENTRIES_MAX};
pub use gone::{KEYS_FIELD, OVER_FIELD};

/// The lease of whoever appends lost entries.
pub const LOST: &str = "lost";
/// What became of a lost entry whose time was over before it could come back.
const OVER: &str = "over";
/// How long the lease lasts unless renewed; who stops in the middle keeps others from it no longer.
pub const LEASE_MS: u64 = 60_000;
/// Entries read at a time.
const PAGE: usize = 256;

/// What rejoining needs of the world.
#[derive(Clone)]
pub struct Rejoin {
    log: Arc<dyn Log>,
    blobs: Arc<dyn Blobs>,
    judge: Arc<dyn Judge>,
    store: Arc<dyn Store>,
    leases: Arc<dyn Leases>,
    /// One try at a time: it may take longer than the node waits for its answer.
    turn: Arc<Mutex<()>>,
}

/// What became of a lost entry.
struct Came {
    old: Revision,
    new: Revision,
    outcome: Outcome,
    is_over: bool,
}

impl Rejoin {
    /// By way of a host's edges.
    pub fn new(ports: &Ports) -> Rejoin {
        // Shown from the start, so that the first of them is seen as a step.
        for class in ["applied", "conflict", OVER] {
            counter!("sluice_lost_entries_total", "outcome" => class).increment(0);
        }
        let Ports { log, blobs, judge, store, leases, .. } = ports.clone();
        Rejoin { log, blobs, judge, store, leases, turn: Arc::default() }
    }

    /// Does it beside everything else, and says what came of it.
    pub fn start(&self, have: State, answers: mpsc::UnboundedSender<Event>) {
        let this = self.clone();
        tokio::spawn(async move {
            if let Some(result) = this.run(have).await {
                // When the loop has ended there is nobody left to tell.
                drop(answers.send(Event::Restored(result)));
            }
        });
    }

    /// Appends what the log lost and folds all of it; none while another try is under way.
    ///
    /// # Errors
    /// Something is out of reach, cannot be decided, or this host keeps nothing that the log still has.
    pub async fn run(&self, have: State) -> Option<Result<Option<Box<Snapshot>>, Lost>> {
        let _turn = self.turn.try_lock().ok()?;
        Some(self.rejoin(&have).await.map(|state| Some(Box::new(Snapshot { state }))))
    }

    async fn rejoin(&self, have: &State) -> Result<State, Lost> {
        let taken = self.taken().await?;
        let common = self.common(&taken).await?;
        let fork = self.fork(common).await?;
        let Some(lease) = self.leases.acquire(LOST, LEASE_MS).await? else {
            return Err(Lost("another host appends what the log lost: this one comes next".to_owned()));
        };
        let back = Back::new(&*self.log, &*self.leases, &lease);
        let appended = back.append(common.0, &fork.gone, have.cursor).await;
        drop(self.leases.release(&lease).await);
        let appended = appended?;
        let (state, outcomes) = self.fold(fork.state, &appended).await?;
        if state.cursor <= have.cursor {
            return Err(Lost(format!("the log ends at {}, before {}: it goes on soon", state.cursor, have.cursor)));
        }
        for Came { old, new, outcome, is_over } in outcomes {
            let class = if is_over { OVER } else { outcome.class() };
            counter!("sluice_lost_entries_total", "outcome" => class).increment(1);
            match outcome {
                Outcome::Applied(_) | Outcome::Scheduled(_) | Outcome::Staged => {
                    info!(lost = %old, revision = %new, class, "lost entry is back")
                }
                Outcome::Refused(why) => warn!(lost = %old, revision = %new, class, %why, "lost entry is not applied"),
            }
        }
        info!(fork = %common.0, revision = %state.cursor, "this host follows the log that is left");
        Ok(state)
    }

    /// What this host took lately, oldest first.
    async fn taken(&self) -> Result<Vec<(Revision, Digest)>, Lost> {
        let mut taken = Vec::new();
        let store = self.store.clone();
        let shown = spawn_blocking(move || {
            let shown = store.past(&mut |past| match past {
                Past::Begins(state) => taken = vec![(state.cursor, state.newest)],
                Past::Took { step: Step::Folded(_) | Step::Held(_), after, .. } => {
                    taken.push((after.cursor, after.newest));
                }
                Past::Took { step: Step::Released(_), .. } => (),
            });
            shown.map(|()| taken)
        });
        shown.await.map_err(|error| Lost(error.to_string()))?
    }

    /// The newest of these that the log still has. From its beginning to the fork it has all, behind that none.
    async fn common(&self, taken: &[(Revision, Digest)]) -> Result<(Revision, Digest), Lost> {
        let first = self.log.read(Revision::ZERO, 1).await?.first().map_or(Revision::ZERO, |entry| entry.revision);
        let taken = &taken[taken.partition_point(|(revision, _)| *revision < first)..];
        let (mut step, mut unknown) = (1, taken.len());
        let mut known = loop {
            if unknown == 0 {
                return Err(Lost(
                    "it has none of the entries this host keeps either: sluice reseed --force sets it aside and goes on \
                     with what hosts have"
                        .to_owned(),
                ));
            }
            let at = unknown.saturating_sub(step);
            if self.has(taken[at]).await? {
                break at;
            }
            (unknown, step) = (at, step.saturating_mul(2));
        };
        while known + 1 < unknown {
            let middle = known + (unknown - known) / 2;
            match self.has(taken[middle]).await? {
                true => known = middle,
                false => unknown = middle,
            }
        }
        Ok(taken[known])
    }

    async fn has(&self, (revision, digest): (Revision, Digest)) -> Result<bool, Lost> {
        let found = self.log.read(revision, 1).await?;
        Ok(found.first().is_some_and(|entry| entry.revision == revision && entry.digest == digest))
    }

    /// The state at the fork, and the entries behind it that came to something, or may.
    async fn fork(&self, common: (Revision, Digest)) -> Result<Fork, Lost> {
        let store = self.store.clone();
        let found = spawn_blocking(move || {
            let mut fork: Option<Fork> = None;
            let is_there = |state: &State| (state.cursor, state.newest) == common;
            store.past(&mut |past| match past {
                Past::Begins(state) => {
                    fork = is_there(state).then(|| Fork::at(state));
                }
                Past::Took { before, step, after } => match &mut fork {
                    None if is_there(after) => fork = Some(Fork::at(after)),
                    None => (),
                    Some(fork) => fork.take(before, step, after),
                },
            })?;
            let fork =
                fork.ok_or_else(|| Lost("the store forgot where the log parts: it is looked again".to_owned()))?;
            match fork.is_too_much() {
                false => Ok(fork),
                true => Err(Lost(format!(
                    "it lost more than is put back unasked ({LOST_ENTRIES_MAX} entries, {LOST_BYTES_MAX} bytes): sluice reseed \
                     --force sets it aside and goes on with what hosts have"
                ))),
            }
        });
        found.await.map_err(|error| Lost(error.to_string()))?
    }

    /// Folds the log from the fork to its end, beside what is served. What cannot be decided ends it, for now.
    async fn fold(&self, mut state: State, appended: &HashMap<Revision, Revision>) -> Result<(State, Vec<Came>), Lost> {
        for (revision, entry) in state.held.clone() {
            let entry = self.filled(entry).await?;
            let stands = entry.content.as_ref().is_ok_and(|change| fold::stands(&state, change).is_ok());
            let verdict = if stands { Some(self.judged(&entry, &state).await?) } else { None };
            let class = fold::release(&mut state, &entry, verdict).class();
            info!(%revision, class, "held change decided"); // What stands in here runs only where it is logged.
        }
        let mut outcomes = Vec::new();
        loop {
            let page = self.log.read(next(state.cursor), PAGE).await?;
            if page.is_empty() {
                return Ok((state, outcomes));
            }
            for entry in page {
                let entry = self.filled(entry).await?;
                let (revision, judge, is_over) = (entry.revision, self.judge.clone(), gone::is_over(&entry));
                let folded = spawn_blocking(move || {
                    let mut fault = None;
                    let outcome = fold::fold(&mut state, &entry, |before, _| {
                        judge.judge(&entry, before).unwrap_or_else(|told| {
                            fault = Some(told);
                            Verdict::accept()
                        })
                    });
                    (state, outcome, fault)
                });
                let (folded, outcome, fault) = folded.await.map_err(|error| Lost(error.to_string()))?;
                if let Some((fault, why)) = fault {
                    return Err(Lost(format!("what became of {revision} cannot be told: {fault}: {why}")));
                }
                state = folded;
                let old = appended.get(&revision).copied();
                outcomes.extend(old.map(|old| Came { old, new: revision, outcome, is_over }));
            }
        }
    }

    async fn judged(&self, entry: &Arc<Entry>, before: &State) -> Result<Verdict, Lost> {
        let (judge, about, state) = (self.judge.clone(), entry.clone(), before.clone());
        if entry.content.as_ref().is_ok_and(|change| !fold::needs_verdict(before, change)) {
            return Ok(Verdict::accept());
        }
        let judged = spawn_blocking(move || judge.judge(&about, &state));
        let judged = judged.await.map_err(|error| Lost(error.to_string()))?;
        judged.map_err(|(fault, why)| Lost(format!("what became of {} cannot be told: {fault}: {why}", entry.revision)))
    }

    async fn filled(&self, mut entry: Arc<Entry>) -> Result<Arc<Entry>, Lost> {
        let missing: Vec<_> = entry.content.iter().flat_map(Change::missing).collect();
        for blob in missing {
            let bytes = self.blobs.fetch(blob.digest).await?;
            if Digest::of(&bytes) != blob.digest || bytes.len() as u64 != blob.length {
                return Err(Lost(format!("blob {} has other bytes than it is named for", blob.digest)));
            }
            if let Ok(change) = &mut Arc::make_mut(&mut entry).content {
                change.fill(blob, &bytes);
            }
        }
        Ok(entry)
    }
}

fn next(cursor: Revision) -> Revision {
    Revision { seq: cursor.seq.saturating_add(1), ..cursor }
}
