//! What a node needs from the world. The traits belong to the node; each edge implements its own.
//!
//! Ports that wait for somebody else answer with futures; ports that only work (judging, writing) are
//! plain calls on a thread that may block. All are `dyn`: no generics cross a crate line.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{
    Batch, BlobRef, Digest, Entry, Fault, Lost, Place, PullError, Revision, Snapshot, Standing, State, Verdict,
};

/// A future that may run on any thread.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a judge answers: a verdict, or the fault that kept it from one, in words for operators.
pub type Judgement = Result<Verdict, (Fault, String)>;

/// The edges of one host.
#[derive(Clone)]
pub struct Ports {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Large values and components.
    pub blobs: Arc<dyn Blobs>,
    /// Whole states, stored for others.
    pub snapshots: Arc<dyn Snapshots>,
    /// Where this host says how far it is.
    pub reports: Arc<dyn Reports>,
    /// The validators.
    pub judge: Arc<dyn Judge>,
    /// The local disk.
    pub store: Arc<dyn Store>,
}

/// The one ordered log of a space.
pub trait Log: Send + Sync {
    /// The entries behind `after`, oldest first and without a gap, as many as make a good batch; waits a
    /// bounded time for the first, and answers with none when there is no news. Dropping the future must
    /// be safe at any point, and so must a second call while the first still waits.
    ///
    /// A log that lacks the entry at `after`, has another in its place, or no longer has all behind it, says so: it is
    /// not the log this host has followed, or not all of it.
    fn pull(&self, after: Place) -> Answer<'_, Result<Vec<Arc<Entry>>, PullError>>;

    /// Appends one entry and answers with its revision. What it will come to is the fold's business.
    fn append(&self, fields: Vec<(Bytes, Bytes)>) -> Answer<'_, Result<Revision, AppendError>>;

    /// Up to `limit` entries from `from` on (inclusive), for people who look at history. Never waits.
    fn read(&self, from: Revision, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, Lost>>;
}

/// Bytes by their BLAKE3.
pub trait Blobs: Send + Sync {
    /// The bytes of a blob. The caller checks them against the digest.
    fn fetch(&self, digest: Digest) -> Answer<'_, Result<Bytes, Lost>>;

    /// Stores bytes under their digest; storing them again changes nothing.
    fn store(&self, bytes: Bytes) -> Answer<'_, Result<BlobRef, Lost>>;
}

/// Whole states, stored for hosts that cannot or need not read all of the log.
pub trait Snapshots: Send + Sync {
    /// The newest snapshot, every digest of it checked; none when there is none beyond a place.
    fn newest(&self, beyond: Place) -> Answer<'_, Result<Option<Box<Snapshot>>, Lost>>;
}

/// Where a host says how far it is.
pub trait Reports: Send + Sync {
    /// Replaces this host's report. It expires when it is not renewed.
    fn report(&self, standing: Standing) -> Answer<'_, Result<(), Lost>>;
}

/// A host that was heard of, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its name.
    pub host: String,
    /// When it wrote its last report, in ms since 1970 by its own clock.
    pub seen_ms: u64,
    /// That report as it wrote it, which is JSON; none when it has expired.
    pub report: Option<Bytes>,
}

/// All hosts of the space, for people who look at the fleet.
pub trait Hosts: Send + Sync {
    /// Every host heard of lately, by name.
    fn heard(&self) -> Answer<'_, Result<Vec<Heard>, Lost>>;
}

/// The validators.
pub trait Judge: Send + Sync {
    /// Runs all bound validators over one change, on the state just before it. A pure function of its
    /// arguments, but for faults. Blocks for as long as the validators' time limits allow.
    fn judge(&self, entry: &Entry, before: &State) -> Judgement;

    /// Whether [`Judge::judge`] would go straight to the validators: nothing to fetch or compile first.
    fn is_ready(&self, entry: &Entry, before: &State) -> bool;
}

/// The local disk. Opening one gives the state it had; see the crate that implements it.
pub trait Store: Send + Sync {
    /// Makes a batch durable, all of it or nothing: state and cursor move together. Doing it again with
    /// the batch written last changes nothing. Blocks for as long as the disk takes.
    fn persist(&self, batch: &Batch) -> Result<(), Lost>;
}

/// Why an entry could not be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The log is out of reach: nothing was appended, or nobody can tell. A retry with the same token is safe.
    Away(String),
    /// The log's server refuses writes, in its own words: rights, memory, a read-only replica.
    Refused(String),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Away(why) => write!(f, "the log is out of reach: {why}"),
            AppendError::Refused(why) => write!(f, "the log refuses the entry: {why}"),
        }
    }
}

impl std::error::Error for AppendError {}
