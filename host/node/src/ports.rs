//! What a node needs from the world. The traits belong to the node; each edge implements its own.
//!
//! Ports that wait for somebody else answer with futures; ports that only work (judging, writing) are
//! plain calls on a thread that may block. All are `dyn`: no generics cross a crate line.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{
    Batch, BlobRef, Digest, Entry, Fault, Lost, Place, PullError, Revision, Snapshot, Standing, State, Step, Verdict,
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
    /// Who does what only one host should do.
    pub leases: Arc<dyn Leases>,
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
    /// The newest snapshot, every digest of it checked; none when there is none beyond a place. What `have`, a state
    /// of the same space, has of it already need not be fetched.
    fn newest(&self, beyond: Place, have: State) -> Answer<'_, Result<Option<Box<Snapshot>>, Lost>>;

    /// The snapshots there are, newest first. The first is the one [`Snapshots::newest`] loads.
    fn known(&self) -> Answer<'_, Result<Vec<Kept>, Lost>>;

    /// Stores a state as the newest snapshot, unless somebody with a newer fencing token has stored one. Parts that are
    /// there already are not written again, unless `anew`, after some were found damaged.
    fn write(&self, state: State, lease: Lease, anew: bool) -> Answer<'_, Result<Kept, WriteError>>;

    /// Reads the newest snapshot back and checks every digest of it; none when there is none.
    fn check(&self) -> Answer<'_, Result<Option<Kept>, Lost>>;

    /// Deletes what only old snapshots are made of: neither the newest two nor any begun less than `grace_ms` ago, and
    /// nothing that `state` names. Answers how many parts went.
    fn sweep(&self, state: State, grace_ms: u64) -> Answer<'_, Result<u64, Lost>>;
}

/// A snapshot that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The fencing token under which it was written; later ones are higher.
    pub number: u64,
    /// The newest entry in it.
    pub revision: Revision,
    /// How many entries led to it.
    pub index: u64,
    /// Its root digest.
    pub root: Digest,
    /// Keys in it.
    pub keys: u64,
    /// Who wrote it.
    pub host: String,
    /// When, in ms since 1970 by the clock of that host.
    pub written_at_ms: u64,
    /// Bytes it takes.
    pub stored_bytes: u64,
    /// Parts it is made of.
    pub chunks: u64,
    /// How many of them had to be written.
    pub written_chunks: u64,
}

/// Why a snapshot was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The store is out of reach, or refuses.
    Away(Lost),
    /// Somebody with this newer fencing token has written one: the lease was lost.
    Fenced(u64),
}

/// What was before, for longer than the log tells.
pub trait Archive: Send + Sync {
    /// Adds to the history what led to a state that was just stored as the newest snapshot, under the lease of that. Only
    /// then may the log that tells of it be trimmed.
    fn archive(&self, state: State, lease: Lease) -> Answer<'_, Result<Archived, Lost>>;
}

/// A history that was added to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// From where on it is whole.
    pub floor: Revision,
    /// Bytes it takes.
    pub stored_bytes: u64,
    /// Parts it is made of.
    pub parts: u64,
    /// Why what was kept before had to be given up, if it had to.
    pub anew: Option<String>,
}

/// Leases: one holder at a time of a name, for as long as it lasts. A lease alone protects nothing, for its holder may
/// sleep past its end; what it is used for must compare fencing tokens (Kleppmann 2016, "How to do distributed locking").
pub trait Leases: Send + Sync {
    /// Takes a lease that nobody holds; none when somebody does. No two acquisitions ever get the same token, and a
    /// later one gets a higher.
    fn acquire(&self, resource: &str, ttl_ms: u64) -> Answer<'_, Result<Option<Lease>, Lost>>;

    /// Makes it last so much longer from now; `false` when it was lost.
    fn renew(&self, lease: &Lease, ttl_ms: u64) -> Answer<'_, Result<bool, Lost>>;

    /// Gives it back; `false` when it was lost, and then nothing happens to whoever holds it now.
    fn release(&self, lease: &Lease) -> Answer<'_, Result<bool, Lost>>;
}

/// A lease that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Of what.
    pub resource: String,
    /// The fencing token.
    pub token: u64,
    /// What only its holder knows.
    pub word: String,
}

/// The old end of the log, the only one where entries are deleted.
pub trait Retention: Send + Sync {
    /// Where it begins.
    fn reach(&self) -> Answer<'_, Result<Reach, Lost>>;

    /// Deletes all entries before a revision, and answers how many there were. The entry at it stays, so that a host that
    /// stands there can tell that it is the log it followed.
    fn trim(&self, before: Revision) -> Answer<'_, Result<u64, Lost>>;
}

/// Where a log begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The oldest entry there is; none when there is none.
    pub first: Option<Revision>,
    /// How many are gone; none when nobody counted.
    pub gone: Option<u64>,
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
    /// The revision it serves, by that report; none when it has expired.
    pub revision: Option<Revision>,
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

    /// Shows what was taken lately, oldest first, as far back as it is kept. A store that keeps nothing shows nothing.
    /// Blocks for as long as the disk takes.
    fn past(&self, see: &mut dyn FnMut(Past<'_>)) -> Result<(), Lost> {
        let _ = see;
        Ok(())
    }
}

/// One thing of what a store still knows of its history.
pub enum Past<'a> {
    /// The history begins with this state; what was shown before is of another.
    Begins(&'a State),
    /// This step led from one state to another.
    Took {
        /// The state it came upon.
        before: &'a State,
        /// The step.
        step: &'a Step,
        /// What it led to.
        after: &'a State,
    },
}

/// Why an entry could not be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The log is out of reach: nothing was appended.
    Away(String),
    /// It was sent, and whether it is in the log for good cannot be told: the answer was lost, or it is at this revision
    /// and less durable than it should be. A retry with the same token is the same change.
    Indeterminate {
        /// Where it is, if that was answered.
        revision: Option<Revision>,
        /// What kept it from being known.
        why: String,
    },
    /// The log's server refuses writes, in its own words: rights, memory, a read-only replica.
    Refused(String),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Away(why) => write!(f, "the log is out of reach: {why}"),
            AppendError::Indeterminate { revision: Some(revision), why } => {
                write!(f, "indeterminate: appended as {revision}, but {why}; a failover may lose it")
            }
            AppendError::Indeterminate { revision: None, why } => {
                write!(f, "indeterminate: the log may have taken it, or not: {why}")
            }
            AppendError::Refused(why) => write!(f, "the log refuses the entry: {why}"),
        }
    }
}

impl std::error::Error for AppendError {}
