//! An entry on its way to its outcome.

use std::sync::Arc;

use bytes::Bytes;

use crate::change::{BlobRef, Change};
use crate::effect::{Held, Millis};
use crate::entry::Entry;
use crate::reach::Reach;
use crate::state::State;
use crate::verdict::{Fault, Verdict};
use crate::{fence, fold};

/// An entry that has no outcome yet.
///
/// ```text
///            ask             judged
///   Fresh ─────────▶ Asked ─────────▶ Judged ──▶ settled
///     ▲                │
///     │ due            │ fault, or the blob is lost
///     └──── Resting ◀──┘
/// ```
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The entry.
    pub entry: Arc<Entry>,
    /// How far it has come.
    pub stage: Stage,
    /// How often it faulted.
    pub tries: u32,
    /// The latest fault.
    pub fault: Option<(Fault, String)>,
    /// What it reaches, as last worked out.
    reach: Option<Reach>,
}

/// How far an entry has come.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Nothing has been asked.
    Fresh,
    /// An answer is expected until then; later it counts as lost and is asked for again.
    Asked { until: Millis },
    /// The verdict is here.
    Judged(Verdict),
    /// A fault; not to be tried again before then.
    Resting { until: Millis },
}

/// What an entry needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Its outcome can be decided, with this verdict where one was asked for.
    Outcome(Option<Verdict>),
    /// Bytes of blobs.
    Blobs,
    /// A verdict.
    Verdict,
    /// An answer, which is on its way.
    Answer,
    /// Time: it faulted.
    Rest,
}

impl Waiting {
    /// An entry just pulled, or just read back from the store.
    pub fn new(entry: Arc<Entry>) -> Waiting {
        Waiting { entry, stage: Stage::Fresh, tries: 0, fault: None, reach: None }
    }

    /// What is needed to settle it on `state`, given that nothing earlier is open on its keys. `passed`
    /// says that its token has been taken already.
    pub fn need(&self, state: &State, passed: bool, now: Millis) -> Need {
        let Ok(change) = &self.entry.content else { return Need::Outcome(None) };
        if !passed && self.is_refused(state) || fold::stands(state, change).is_err() {
            return Need::Outcome(None);
        }
        match &self.stage {
            Stage::Asked { until } if now < *until => Need::Answer,
            Stage::Resting { until } if now < *until => Need::Rest,
            Stage::Judged(verdict) => Need::Outcome(Some(verdict.clone())),
            Stage::Fresh | Stage::Asked { .. } | Stage::Resting { .. } => fresh_need(state, change),
        }
    }

    /// Whether it is refused for what it is, because its token was seen, or because the lock was lost, whatever its keys hold.
    pub fn is_refused(&self, state: &State) -> bool {
        match &self.entry.content {
            Err(_) => true,
            Ok(change) => {
                change.token.as_ref().is_some_and(|token| state.tokens.first(token).is_some())
                    || fence::passes(state, change).is_err()
            }
        }
    }

    /// What it reaches under the bindings of a state; worked out again only when these have changed.
    pub fn reach(&mut self, state: &State) -> Reach {
        match &self.reach {
            Some(reach) if reach.is_under(state) => reach.clone(),
            Some(_) | None => self.reach.insert(Reach::of(&self.entry, state)).clone(),
        }
    }

    /// Whether the bytes of this blob are still missing.
    pub fn misses(&self, blob: BlobRef) -> bool {
        self.entry.content.as_ref().is_ok_and(|change| change.missing().any(|missing| missing == blob))
    }

    /// Takes the bytes of a blob, which the caller has checked. Whether it reaches less now: what a binding names
    /// is known only from its bytes.
    pub fn fill(&mut self, blob: BlobRef, bytes: &Bytes) -> bool {
        let Ok(change) = &mut Arc::make_mut(&mut self.entry).content else { return false };
        change.fill(blob, bytes);
        let is_narrower = change.is_about_rules();
        if is_narrower {
            self.reach = None;
        }
        if change.missing().next().is_none() {
            self.stage = Stage::Fresh;
        }
        is_narrower
    }

    /// When it next wants to be looked at.
    pub fn deadline(&self) -> Option<Millis> {
        match self.stage {
            Stage::Asked { until } | Stage::Resting { until } => Some(until),
            Stage::Fresh | Stage::Judged(_) => None,
        }
    }

    /// Takes back a question, or a rest, that is over while its turn has not come: it will be asked when it has.
    /// A deadline left standing in the past would make the caller spin.
    pub fn wait_for_turn(&mut self, now: Millis) {
        if self.deadline().is_some_and(|due| now >= due) {
            self.stage = Stage::Fresh;
        }
    }

    /// Notes a fault and when to try again.
    pub fn rest(&mut self, until: Millis, fault: Fault, why: String) {
        self.tries = self.tries.saturating_add(1);
        self.fault = Some((fault, why));
        self.stage = Stage::Resting { until };
    }

    /// How it is shown to people.
    pub fn shown(&self) -> Held {
        let edits = self.entry.content.iter().flat_map(|change| &change.edits);
        Held {
            revision: self.entry.revision,
            keys: edits.map(|edit| edit.key.clone()).collect(),
            fault: self.fault.clone(),
            tries: self.tries,
        }
    }
}

fn fresh_need(state: &State, change: &Change) -> Need {
    if change.missing().next().is_some() {
        Need::Blobs
    } else if fold::needs_verdict(state, change) {
        Need::Verdict
    } else {
        Need::Outcome(None)
    }
}
