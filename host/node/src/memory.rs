//! Every port in memory: for tests, for trying things out, and as the reference the suites compare with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use sluice_core::{Batch, BlobRef, Digest, Entry, Lost, Place, PullError, Revision, Standing, State, Verdict, fold};
use tokio::sync::watch;

use crate::hub::wall_ms;
pub use crate::memory::snapshots::{MemoryArchive, MemoryLeases, MemorySnapshots};
use crate::ports::{Answer, AppendError, Blobs, Heard, Hosts, Judge, Judgement, Log, Reach, Reports, Retention, Store};

mod snapshots;

/// How long a pull waits for news.
const PULL_WAIT: Duration = Duration::from_secs(5);

/// Entries in one answer, so that a long log comes in several.
pub const PULL_ENTRIES_MAX: usize = 256;

/// A log in memory.
pub struct MemoryLog {
    entries: Mutex<Vec<Arc<Entry>>>,
    gone: Mutex<u64>,
    tip: watch::Sender<Revision>,
}

impl Default for MemoryLog {
    fn default() -> Self {
        MemoryLog { entries: Mutex::default(), gone: Mutex::default(), tip: watch::Sender::new(Revision::ZERO) }
    }
}

impl MemoryLog {
    /// Appends fields given as text; for tests.
    pub fn write(&self, fields: &[(&str, &str)]) -> Revision {
        let owned = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        self.push(fields.iter().map(|(name, value)| (owned(name), owned(value))).collect())
    }

    fn push(&self, fields: Vec<(Bytes, Bytes)>) -> Revision {
        let mut entries = locked(&self.entries);
        let last = entries.last().map_or(Revision::ZERO, |entry| entry.revision);
        let now = Revision { ms: wall_ms(), seq: 0 };
        let revision = if now > last { now } else { Revision { seq: last.seq + 1, ..last } };
        entries.push(Arc::new(Entry::read(revision, fields)));
        drop(entries);
        self.tip.send_replace(revision);
        revision
    }

    fn from(&self, is_wanted: impl Fn(Revision) -> bool, limit: usize) -> Vec<Arc<Entry>> {
        let entries = locked(&self.entries);
        let start = entries.partition_point(|entry| !is_wanted(entry.revision));
        entries[start..].iter().take(limit).cloned().collect()
    }
}

impl Log for MemoryLog {
    fn pull(&self, after: Place) -> Answer<'_, Result<Vec<Arc<Entry>>, PullError>> {
        let after = after.revision;
        Box::pin(async move {
            let mut tip = self.tip.subscribe();
            // No news is an answer too, hence the wait's own result does not matter.
            drop(tokio::time::timeout(PULL_WAIT, tip.wait_for(|tip| *tip > after)).await);
            Ok(self.from(|revision| revision > after, PULL_ENTRIES_MAX))
        })
    }

    fn append(&self, fields: Vec<(Bytes, Bytes)>) -> Answer<'_, Result<Revision, AppendError>> {
        Box::pin(async move { Ok(self.push(fields)) })
    }

    fn read(&self, from: Revision, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, Lost>> {
        Box::pin(async move { Ok(self.from(|revision| revision >= from, limit)) })
    }
}

impl Retention for MemoryLog {
    fn reach(&self) -> Answer<'_, Result<Reach, Lost>> {
        let first = locked(&self.entries).first().map(|entry| entry.revision);
        let reach = Reach { first, gone: Some(*locked(&self.gone)) };
        Box::pin(async move { Ok(reach) })
    }

    fn trim(&self, before: Revision) -> Answer<'_, Result<u64, Lost>> {
        let mut entries = locked(&self.entries);
        let count = entries.partition_point(|entry| entry.revision < before);
        entries.drain(..count);
        *locked(&self.gone) += count as u64;
        Box::pin(async move { Ok(count as u64) })
    }
}

/// Blobs in memory.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<HashMap<Digest, Bytes>>);

impl Blobs for MemoryBlobs {
    fn fetch(&self, digest: Digest) -> Answer<'_, Result<Bytes, Lost>> {
        let found = locked(&self.0).get(&digest).cloned();
        Box::pin(async move { found.ok_or_else(|| Lost(format!("blob {digest} is not there"))) })
    }

    fn store(&self, bytes: Bytes) -> Answer<'_, Result<BlobRef, Lost>> {
        let blob = BlobRef { digest: Digest::of(&bytes), length: bytes.len() as u64 };
        locked(&self.0).insert(blob.digest, bytes);
        Box::pin(async move { Ok(blob) })
    }
}

/// Keeps the newest report.
#[derive(Default)]
pub struct MemoryReports(Mutex<Option<Standing>>);

impl MemoryReports {
    /// The newest report.
    pub fn latest(&self) -> Option<Standing> {
        locked(&self.0).clone()
    }
}

impl Reports for MemoryReports {
    fn report(&self, standing: Standing) -> Answer<'_, Result<(), Lost>> {
        *locked(&self.0) = Some(standing);
        Box::pin(async { Ok(()) })
    }
}

/// The hosts somebody says there are.
#[derive(Default)]
pub struct MemoryHosts(pub Vec<Heard>);

impl Hosts for MemoryHosts {
    fn heard(&self) -> Answer<'_, Result<Vec<Heard>, Lost>> {
        Box::pin(async move { Ok(self.0.clone()) })
    }
}

/// A store that lasts as long as the process: it folds the steps again, as a real one would at its start.
#[derive(Default)]
pub struct MemoryStore(Mutex<(u64, State)>);

impl MemoryStore {
    /// What a host that starts now would find.
    pub fn state(&self) -> State {
        locked(&self.0).1.clone()
    }
}

impl Store for MemoryStore {
    fn persist(&self, batch: &Batch) -> Result<(), Lost> {
        let mut kept = locked(&self.0);
        if batch.number > kept.0 {
            if batch.is_restored {
                kept.1 = batch.state.clone();
            }
            batch.steps.iter().for_each(|step| fold::replay(&mut kept.1, step));
            kept.0 = batch.number;
        }
        Ok(())
    }
}

/// A judge that is a plain function.
pub struct FnJudge<F>(pub F);

impl<F: Fn(&Entry, &State) -> Judgement + Send + Sync> Judge for FnJudge<F> {
    fn judge(&self, entry: &Entry, before: &State) -> Judgement {
        (self.0)(entry, before)
    }

    fn is_ready(&self, _: &Entry, _: &State) -> bool {
        true
    }
}

/// A judge that accepts everything.
pub fn accept_all() -> impl Judge {
    FnJudge(|_: &Entry, _: &State| Ok(Verdict::accept()))
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}
