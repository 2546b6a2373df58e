//! Snapshots and leases in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use sluice_core::{Lost, Place, Revision, Snapshot, State};
use tokio::time::Instant;

use super::locked;
use crate::hub::wall_ms;
use crate::ports::{Answer, Archive, Archived, Kept, Lease, Leases, Snapshots, WriteError};

/// Keeps the snapshots it is given, each whole.
#[derive(Default)]
pub struct MemorySnapshots(Mutex<BTreeMap<u64, (Kept, State)>>);

impl Snapshots for MemorySnapshots {
    fn newest(&self, beyond: Place, _: State) -> Answer<'_, Result<Option<Box<Snapshot>>, Lost>> {
        let newest = locked(&self.0).values().next_back().map(|(_, state)| state.clone());
        let newest = newest.filter(|state| state.cursor > beyond.revision);
        Box::pin(async move { Ok(newest.map(|state| Box::new(Snapshot { state }))) })
    }

    fn known(&self) -> Answer<'_, Result<Vec<Kept>, Lost>> {
        let known = locked(&self.0).values().rev().map(|(kept, _)| kept.clone()).collect();
        Box::pin(async move { Ok(known) })
    }

    fn write(&self, state: State, lease: Lease, _: bool) -> Answer<'_, Result<Kept, WriteError>> {
        let mut all = locked(&self.0);
        let newest = all.keys().next_back().copied().unwrap_or_default();
        let written = match newest > lease.token {
            true => Err(WriteError::Fenced(newest)),
            false => {
                let kept = Kept {
                    number: lease.token,
                    revision: state.cursor,
                    index: state.index,
                    root: state.root(),
                    keys: state.len() as u64,
                    host: "memory".to_owned(),
                    written_at_ms: wall_ms(),
                    stored_bytes: state.bytes(),
                    chunks: 1,
                    written_chunks: 1,
                };
                all.insert(lease.token, (kept.clone(), state));
                Ok(kept)
            }
        };
        Box::pin(async move { written })
    }

    fn check(&self) -> Answer<'_, Result<Option<Kept>, Lost>> {
        let newest = locked(&self.0).values().next_back().map(|(kept, _)| kept.clone());
        Box::pin(async move { Ok(newest) })
    }

    fn sweep(&self, _: State, grace_ms: u64) -> Answer<'_, Result<u64, Lost>> {
        let mut all = locked(&self.0);
        let before = all.len();
        let kept: Vec<u64> = all.keys().rev().take(2).copied().collect();
        let oldest = wall_ms().saturating_sub(grace_ms);
        all.retain(|number, (about, _)| kept.contains(number) || about.written_at_ms > oldest);
        let gone = (before - all.len()) as u64;
        Box::pin(async move { Ok(gone) })
    }
}

/// Keeps where each state stood that it was given; or nothing, while it is told to fail.
#[derive(Default)]
pub struct MemoryArchive {
    /// What was archived.
    pub through: Mutex<Vec<Revision>>,
    /// Why it fails.
    pub fault: Mutex<Option<Lost>>,
}

impl Archive for MemoryArchive {
    fn archive(&self, state: State, _: Lease) -> Answer<'_, Result<Archived, Lost>> {
        let done = match locked(&self.fault).clone() {
            Some(lost) => Err(lost),
            None => {
                locked(&self.through).push(state.cursor);
                Ok(Archived::default())
            }
        };
        Box::pin(async move { done })
    }
}

/// Leases among the hosts of one process, by the clock of the runtime.
#[derive(Default)]
pub struct MemoryLeases(Mutex<Held>);

#[derive(Default)]
struct Held {
    tokens: u64,
    held: BTreeMap<String, (Lease, Instant)>,
}

impl Held {
    /// The lease, when it is held by whoever knows its word and has not run out.
    fn of(&mut self, lease: &Lease) -> Option<&mut (Lease, Instant)> {
        let held = self.held.get_mut(&lease.resource)?;
        (held.0 == *lease && held.1 > Instant::now()).then_some(held)
    }
}

impl Leases for MemoryLeases {
    fn acquire(&self, resource: &str, ttl_ms: u64) -> Answer<'_, Result<Option<Lease>, Lost>> {
        let (mut all, now) = (locked(&self.0), Instant::now());
        let is_free = all.held.get(resource).is_none_or(|(_, end)| *end <= now);
        let taken = is_free.then(|| {
            all.tokens += 1;
            let lease = Lease { resource: resource.to_owned(), token: all.tokens, word: all.tokens.to_string() };
            all.held.insert(resource.to_owned(), (lease.clone(), now + Duration::from_millis(ttl_ms)));
            lease
        });
        Box::pin(async move { Ok(taken) })
    }

    fn renew(&self, lease: &Lease, ttl_ms: u64) -> Answer<'_, Result<bool, Lost>> {
        let mut all = locked(&self.0);
        let renewed = all.of(lease).map(|held| held.1 = Instant::now() + Duration::from_millis(ttl_ms)).is_some();
        Box::pin(async move { Ok(renewed) })
    }

    fn release(&self, lease: &Lease) -> Answer<'_, Result<bool, Lost>> {
        let mut all = locked(&self.0);
        let released = all.of(lease).is_some();
        if released {
            all.held.remove(&lease.resource);
        }
        Box::pin(async move { Ok(released) })
    }
}
