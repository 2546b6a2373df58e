//! What the fold decides.

use std::fmt;
use std::sync::Arc;

use crate::decode::Malformed;
use crate::key::Key;
use crate::revision::Revision;
use crate::verdict::{Cause, Finding};

/// What became of an entry. Every host comes to the same outcome for the same log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its edits are current; the findings are warnings and notes.
    Applied(Arc<[Finding]>),
    /// It waits for its time; the findings are warnings and notes.
    Scheduled(Arc<[Finding]>),
    /// It waits for its rollout.
    Staged,
    /// Nothing of it became current, nor ever will.
    Refused(Refusal),
}

/// Why an entry was refused: the first of the fold's steps that objected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A field is unknown, wrong or out of bounds.
    Malformed(Malformed),
    /// Its signature is missing or does not count for these keys.
    Untrusted(String),
    /// Its token was seen before, at this revision.
    Duplicate(Revision),
    /// Its fencing token is older than one already seen.
    Fenced { resource: String, token: u64, highest: u64 },
    /// A key does not have the revision the publisher started from.
    Conflict { key: Key, base: Revision, found: Revision },
    /// It changes more than the guard lets pass.
    Guarded(String),
    /// Validators reject it.
    Rejected(Cause, Arc<[Finding]>),
}

/// A refusal that is remembered, with what people need to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The entry refused.
    pub revision: Revision,
    /// The keys it wanted to edit; empty when it could not be read.
    pub keys: Arc<[Key]>,
    /// Who.
    pub author: Option<Arc<str>>,
    /// Why it was published.
    pub reason: Option<Arc<str>>,
    /// Why it was refused.
    pub refusal: Refusal,
}

impl Outcome {
    /// The outcome's name in reports, metrics and HTTP.
    pub fn class(&self) -> &'static str {
        match self {
            Outcome::Applied(_) => "applied",
            Outcome::Scheduled(_) => "scheduled",
            Outcome::Staged => "staged",
            Outcome::Refused(refusal) => refusal.class(),
        }
    }

    /// What validators remarked.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Outcome::Applied(findings)
            | Outcome::Scheduled(findings)
            | Outcome::Refused(Refusal::Rejected(_, findings)) => findings,
            Outcome::Staged
            | Outcome::Refused(
                Refusal::Malformed(_)
                | Refusal::Untrusted(_)
                | Refusal::Duplicate(_)
                | Refusal::Fenced { .. }
                | Refusal::Conflict { .. }
                | Refusal::Guarded(_),
            ) => &[],
        }
    }
}

impl Refusal {
    /// The refusal's name in reports, metrics and HTTP.
    pub fn class(&self) -> &'static str {
        match self {
            Refusal::Malformed(_) => "malformed",
            Refusal::Untrusted(_) => "untrusted",
            Refusal::Duplicate(_) => "duplicate",
            Refusal::Fenced { .. } => "fenced",
            Refusal::Conflict { .. } => "conflict",
            Refusal::Guarded(_) => "guarded",
            Refusal::Rejected(..) => "rejected",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Malformed(malformed) => write!(f, "{malformed}"),
            Refusal::Untrusted(why) | Refusal::Guarded(why) => f.write_str(why),
            Refusal::Duplicate(first) => write!(f, "the same token was published before, at {first}"),
            Refusal::Fenced { resource, token, highest } => {
                write!(f, "fencing token {token} of {resource} is older than {highest}: the lock was lost")
            }
            Refusal::Conflict { key, base, found } if *found == Revision::ZERO => {
                write!(f, "key \"{key}\" is absent, not at {base}: read it again and retry")
            }
            Refusal::Conflict { key, base, found } if *base == Revision::ZERO => {
                write!(f, "key \"{key}\" exists at {found}, not absent: read it again and retry")
            }
            Refusal::Conflict { key, base, found } => {
                write!(f, "key \"{key}\" is at {found}, not {base}: read it again and retry")
            }
            Refusal::Rejected(cause, findings) => match (findings.first(), cause) {
                (Some(finding), _) => write!(f, "{}: {}", finding.validator, finding.message),
                (None, cause) => write!(f, "rejected by a validator ({cause})"),
            },
        }
    }
}
