//! Everything a node can be told, and everything it can ask for: the whole vocabulary on one page.
//!
//! Every effect is safe to carry out twice. An answer may come late, twice or never; one that never
//! comes is asked for again at [`crate::Node::deadline`].
//!
//! | effect    | answer      | carried out by            |
//! |-----------|-------------|---------------------------|
//! | `Pull`    | `Pulled`    | the log                   |
//! | `Fetch`   | `Fetched`   | the blobs                 |
//! | `Judge`   | `Judged`    | the validators            |
//! | `Persist` | `Persisted` | the local store           |
//! | `Install` | none        | a pointer swap, cannot fail |
//! | `Report`  | `Reported`  | the log's neighbourhood   |
//! | `Restore` | `Restored`  | the snapshots             |
//! | `Rejoin`  | `Restored`  | the log and the store     |

use std::ops::Add;
use std::sync::Arc;

use bytes::Bytes;

use crate::change::BlobRef;
use crate::digest::Digest;
use crate::entry::Entry;
use crate::key::Key;
use crate::outcome::Outcome;
use crate::revision::Revision;
use crate::state::State;
use crate::verdict::{Fault, Finding, Verdict};

/// Milliseconds on the host's own monotonic clock. Only differences mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Add<u64> for Millis {
    type Output = Millis;

    fn add(self, ms: u64) -> Millis {
        Millis(self.0.saturating_add(ms))
    }
}

/// What an edge could not do, in words for operators. The node's only reaction is to ask again, later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost(pub String);

/// A place in the log, by all that tells whether a log still is the one a host has followed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The newest entry taken. Alone it is no identity: after a failover the same revision can name another entry.
    pub revision: Revision,
    /// How many entries there are up to and with it; none when nobody counted.
    pub index: Option<u64>,
    /// That entry's digest; none when it is not known, or there is no entry yet.
    pub entry: Option<Digest>,
}

impl From<Revision> for Place {
    /// A place about which nothing else is known, so nothing else is checked.
    fn from(revision: Revision) -> Place {
        Place { revision, index: None, entry: None }
    }
}

/// Why a pull brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullError {
    /// The log is out of reach; asked again, later.
    Away(Lost),
    /// The log that is there is not the one this host has followed so far. Nothing of it may be applied.
    Apart(Apart),
}

/// How a log came to be another than the one a host has followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// What kind of difference it is.
    pub rift: Rift,
    /// For operators, with the remedy.
    pub why: String,
}

/// The ways in which a log and a host come apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rift {
    /// The log was emptied, or another began in its place.
    Reset,
    /// Entries the host has not seen are gone from its old end. A snapshot beyond them is the way on.
    Trimmed,
    /// It has another history: a failover lost entries that the host has.
    Forked,
    /// Entries were deleted from its middle before this host read them. Only a snapshot by a host that has them leads on.
    Hole,
}

impl Rift {
    /// Its name in reports, metrics and HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Rift::Reset => "reset",
            Rift::Trimmed => "trimmed",
            Rift::Forked => "forked",
            Rift::Hole => "hole",
        }
    }
}

impl PullError {
    /// In words for operators.
    pub fn lost(&self) -> Lost {
        match self {
            PullError::Away(lost) => lost.clone(),
            PullError::Apart(apart) => Lost(apart.why.clone()),
        }
    }
}

/// The state of a space as somebody stored it for others.
#[derive(Clone)]
pub struct Snapshot {
    /// The state; whoever loaded it has checked every digest.
    pub state: State,
}

/// What the world tells the node.
#[derive(Clone, Debug)]
pub enum Event {
    /// The entries behind `after`, in order, without a gap; none when the wait ended without news.
    Pulled { after: Revision, result: Result<Vec<Arc<Entry>>, PullError> },
    /// The bytes of a blob. The node checks the digest itself.
    Fetched { blob: BlobRef, result: Result<Bytes, Lost> },
    /// Answers of the validators, each for one entry.
    Judged(Vec<Judged>),
    /// The batch with this number is on disk, or could not be written.
    Persisted { number: u64, result: Result<(), Lost> },
    /// The newest snapshot, none when there is none beyond the place asked for; or why it could not be had.
    Restored(Result<Option<Box<Snapshot>>, Lost>),
    /// The report went out, or did not: nothing depends on it.
    Reported,
    /// The deadline has passed.
    Tick,
    /// Take nothing new; finish what is on its way to the disk.
    Stop,
}

/// The validators' answer on one entry.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which entry.
    pub revision: Revision,
    /// Its identity, for a revision alone is none.
    pub digest: Digest,
    /// The verdict of all bound validators together, or why this host could not tell.
    pub result: Result<Verdict, (Fault, String)>,
}

/// What the node asks of the world.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Wait for entries behind `after`.
    Pull { after: Place },
    /// Get a blob.
    Fetch { blob: BlobRef },
    /// Run the bound validators over each of these changes.
    Judge(Ask),
    /// Make a batch durable. Batches come one at a time, in the order of their numbers.
    Persist(Arc<Batch>),
    /// Serve the state of this batch: it is on disk now.
    Install(Arc<Batch>),
    /// Tell the others where this host stands.
    Report(Standing),
    /// Look for a snapshot beyond this place: the log alone does not lead on from it, or would take long.
    Restore { beyond: Place },
    /// Put back into the log what it lost and this host has, and fold all of it beside what is served.
    Rejoin,
}

/// Changes to judge, and the state just before them. No two of them have a key in common, and `before`
/// holds for each of them all that earlier entries did to its keys.
#[derive(Clone)]
pub struct Ask {
    /// The entries, whose content is a change with all its blobs at hand.
    pub entries: Vec<Arc<Entry>>,
    /// The state just before.
    pub before: State,
}

/// Entries folded since the batch before, and the state they lead to.
#[derive(Clone)]
pub struct Batch {
    /// Rises by one.
    pub number: u64,
    /// What happened, in order; [`crate::fold::replay`] over it gives `state` again.
    pub steps: Vec<Step>,
    /// The state after it.
    pub state: State,
    /// Whether the state came from a snapshot: it follows from no batch before, and `steps` are none.
    pub is_restored: bool,
}

/// One step of the fold, with the one thing in it that is not a function of the log: the verdict.
#[derive(Clone, Debug)]
pub enum Step {
    /// An entry was folded.
    Folded(Settled),
    /// An entry was passed over because of a fault; its outcome is open.
    Held(Arc<Entry>),
    /// An entry held before got its outcome.
    Released(Settled),
}

impl Step {
    /// The entry it is about.
    pub fn entry(&self) -> &Arc<Entry> {
        match self {
            Step::Folded(settled) | Step::Released(settled) => &settled.entry,
            Step::Held(entry) => entry,
        }
    }
}

/// An entry with its outcome.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The entry.
    pub entry: Arc<Entry>,
    /// The verdict, where one was asked for.
    pub verdict: Option<Verdict>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Where a host stands.
#[derive(Clone)]
pub struct Standing {
    /// What it serves.
    pub state: State,
    /// What it could not decide yet.
    pub held: Vec<Held>,
    /// Why the log is out of reach or cannot be followed, if so.
    pub source: Option<Lost>,
    /// How the log differs from the one this host has followed, if it does.
    pub rift: Option<Rift>,
    /// Why the disk takes nothing, if so.
    pub store: Option<Lost>,
    /// Why an older set is served than the host has, if so: a newer one made it crash.
    pub probation: Option<Lost>,
    /// What validators said lately about changes they let pass.
    pub remarks: Vec<Remark>,
}

/// What validators said about a change that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The change.
    pub revision: Revision,
    /// At least one.
    pub findings: Arc<[Finding]>,
}

/// An entry that waits because of a fault, or behind one that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The entry.
    pub revision: Revision,
    /// The keys that keep their old values meanwhile.
    pub keys: Vec<Key>,
    /// The fault and its words; none for an entry that only waits behind another.
    pub fault: Option<(Fault, String)>,
    /// How often it was tried.
    pub tries: u32,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| entry.revision)).finish()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{} to {} ({} steps)", self.number, self.state.cursor, self.steps.len())
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot of {}", self.state.cursor)
    }
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at {}, {} held", self.state.cursor, self.held.len())
    }
}
