//! What validators answer.

use std::fmt;
use std::sync::Arc;

use crate::key::Key;

/// A validator's answer on a change, or of all validators together. A pure function of the change, the
/// state before it and the bindings in force, so every host comes to the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The change may become current; the findings are warnings and notes.
    Accept(Arc<[Finding]>),
    /// It may not.
    Reject(Cause, Arc<[Finding]>),
}

impl Verdict {
    /// Accepted without a word.
    pub fn accept() -> Verdict {
        Verdict::Accept(Arc::new([]))
    }
}

/// What made a validator reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It said so.
    Verdict,
    /// It used up its fuel or memory.
    Limit,
    /// It trapped.
    Trap,
}

/// One remark of a validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The binding's name.
    pub validator: Arc<str>,
    /// How bad it is; a verdict does not follow from it.
    pub severity: Severity,
    /// Stable and for machines.
    pub code: Arc<str>,
    /// For people.
    pub message: Arc<str>,
    /// The key it is about, when it is about one.
    pub key: Option<Key>,
    /// Where in the new document (RFC 6901).
    pub pointer: Option<Arc<str>>,
    /// A link or sentence that helps.
    pub help: Option<Arc<str>>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Wrong.
    Error,
    /// Doubtful.
    Warning,
    /// Worth knowing.
    Info,
}

/// Why a host could not tell. Not a pure function of the input, hence no verdict: the change waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The wall clock ran out before the fuel did: this host is overloaded.
    Time,
    /// This host is out of memory or instances.
    Memory,
    /// A component or blob could not be had.
    Missing,
    /// The host's own machinery failed.
    Internal,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Verdict => "verdict",
            Cause::Limit => "limit",
            Cause::Trap => "trap",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Time => "time",
            Fault::Memory => "memory",
            Fault::Missing => "missing",
            Fault::Internal => "internal",
        })
    }
}
