//! What publishers and readers saw, written down while it happens and judged afterwards.

use std::time::Duration;

/// All that was seen from outside.
#[derive(Debug, Default)]
pub struct History {
    /// All hosts had this revision before anything was read.
    pub begun: String,
    pub changes: Vec<Change>,
    pub reads: Vec<Read>,
    pub standings: Vec<Standing>,
}

/// A change somebody wanted, however often it was tried.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Its name, which every attempt carries as the reason: independent of tokens.
    pub id: String,
    pub attempts: u32,
    /// What was acknowledged; none when nobody can tell.
    pub told: Option<Told>,
}

/// An acknowledgement.
#[derive(Clone, Debug)]
pub struct Told {
    pub revision: String,
    /// What became of it, where the way of publishing tells that.
    pub outcome: Option<String>,
}

/// An answer to one who asked a host for a key.
#[derive(Clone, Debug, Default)]
pub struct Read {
    pub host: usize,
    pub key: String,
    /// The HTTP status; 0 when there was no answer.
    pub code: u16,
    /// That of the value; where there is none, that of the state.
    pub revision: String,
    /// The value, or what went wrong.
    pub text: String,
    /// Since the storm began, and how long it took.
    pub at: Duration,
    pub took: Duration,
}

/// Where a host said that it stands.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub host: usize,
    pub revision: String,
    pub chain: String,
    pub root: String,
    /// A host that holds a change back has another root until it is decided.
    pub is_holding: bool,
}
