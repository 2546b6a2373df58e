//! State x Entry x Verdict -> State x Outcome: the only place that refuses or applies.
//!
//! The fold falls into two halves, because a host that cannot tell a verdict yet must be able to go on
//! with other keys:
//!
//! 1. [`pass`] takes an entry in the order of the log: cursor, index, chain, token window.
//! 2. [`settle`] gives it its outcome, at once or, for an entry that was held, later. It looks at the
//!    entry's own keys only, so entries with no key in common settle in any order to the same state.
//!
//! [`fold`] is both in a row.

use std::sync::Arc;

use crate::change::{Action, Change, Content, Put};
use crate::effect::Step;
use crate::entry::Entry;
use crate::fence;
use crate::outcome::{Outcome, Refusal, Refused};
use crate::revision::Revision;
use crate::schedule::{self, Later};
use crate::state::{Item, State};
use crate::verdict::Verdict;

/// Folds one entry whose verdict is known: all steps, in order; the first that objects decides.
///
/// `verdict` is asked only when every earlier step lets the change through and a validator may care.
pub fn fold(state: &mut State, entry: &Entry, verdict: impl FnOnce(&State, &Change) -> Verdict) -> Outcome {
    let outcome = match pass(state, entry).and_then(|change| stands(state, change).map(|()| change)) {
        Err(refusal) => Outcome::Refused(refusal),
        Ok(change) if needs_verdict(state, change) => concluded(change, verdict(state, change)),
        Ok(change) => concluded(change, Verdict::accept()),
    };
    settle(state, entry, &outcome);
    outcome
}

/// Takes an entry in its order: decoding (step 1), the token (step 3) and the fencing tokens (step 4), which depend on the
/// entries before it and on nothing else. Moves cursor, index, chain and token window on, whatever it answers.
///
/// # Errors
/// The refusal, when the entry is malformed, a duplicate, or of somebody who lost the lock.
pub fn pass<'e>(state: &mut State, entry: &'e Entry) -> Result<&'e Change, Refusal> {
    state.cursor = entry.revision;
    state.index += 1;
    state.chain = entry.chained(state.chain);
    state.newest = entry.digest;
    let change = entry.content.as_ref().map_err(|malformed| Refusal::Malformed(malformed.clone()))?;
    if let Some(token) = &change.token {
        if let Some(first) = state.tokens.first(token) {
            return Err(Refusal::Duplicate(first));
        }
        state.tokens.remember(token.clone(), entry.revision);
    }
    fence::passes(state, change)?;
    fence::remember(state, entry.revision, change);
    Ok(change)
}

/// Whether each named key has the revision the publisher started from (step 5), and the change does away with no more
/// than the guard lets pass (step 6).
///
/// # Errors
/// The conflict, naming the first key that does not; or what the guard objects to.
pub fn stands(state: &State, change: &Change) -> Result<(), Refusal> {
    for (key, base) in &change.bases {
        let found = state.revision_of(key);
        if found != *base {
            return Err(Refusal::Conflict { key: key.clone(), base: *base, found });
        }
    }
    state.policy().guard.passes(state, change).and_then(|()| schedule::fits(state, change)).map_err(Refusal::Guarded)
}

/// Whether validators have a say (step 7): some are bound, or the change is about the rules themselves.
pub fn needs_verdict(state: &State, change: &Change) -> bool {
    (state.has_bindings() && !change.edits.is_empty()) || change.is_about_rules()
}

/// The outcome that follows from a verdict.
pub fn concluded(change: &Change, verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Accept(findings) if change.later.as_ref().is_some_and(Later::is_start) => Outcome::Scheduled(findings),
        Verdict::Accept(findings) => Outcome::Applied(findings),
        Verdict::Reject(cause, findings) => Outcome::Refused(Refusal::Rejected(cause, findings)),
    }
}

/// Gives an entry its outcome: its edits, all of them, or a remembered refusal.
pub fn settle(state: &mut State, entry: &Entry, outcome: &Outcome) {
    match (outcome, &entry.content) {
        (Outcome::Applied(_), Ok(change)) => {
            let kept = schedule::kept(state, entry, change);
            apply(state, entry.revision, change);
            kept.into_iter().for_each(|(key, item)| state.set(&key, Some(item)));
        }
        (Outcome::Scheduled(_), Ok(change)) => {
            let kept = schedule::kept(state, entry, change);
            kept.into_iter().for_each(|(key, item)| state.set(&key, Some(item)));
        }
        (Outcome::Applied(_) | Outcome::Scheduled(_), Err(_)) | (Outcome::Staged, Ok(_) | Err(_)) => (),
        (Outcome::Refused(refusal), content) => state.remember(Arc::new(Refused {
            revision: entry.revision,
            keys: content.iter().flat_map(|change| &change.edits).map(|edit| edit.key.clone()).collect(),
            author: content.as_ref().ok().and_then(|change| change.author.clone()),
            reason: content.as_ref().ok().and_then(|change| change.reason.clone()),
            refusal: refusal.clone(),
        })),
    }
}

/// Does a recorded step again: how a store gets from an older state to the newest, trusting nothing but
/// the verdicts it wrote down.
pub fn replay(state: &mut State, step: &Step) {
    match step {
        Step::Folded(settled) => {
            let verdict = settled.verdict.clone().unwrap_or_else(Verdict::accept);
            fold(state, &settled.entry, |_, _| verdict);
        }
        Step::Held(entry) => hold(state, entry),
        Step::Released(settled) => {
            release(state, &settled.entry, settled.verdict.clone());
        }
    }
}

/// Passes over an entry whose outcome must wait.
pub fn hold(state: &mut State, entry: &Arc<Entry>) {
    match pass(state, entry) {
        Ok(_) => drop(state.held.insert(entry.revision, entry.clone())),
        // What is refused here needs no judging, so the node never holds one.
        Err(refusal) => settle(state, entry, &Outcome::Refused(refusal)),
    }
}

/// Gives an entry that was held its outcome.
pub fn release(state: &mut State, entry: &Entry, verdict: Option<Verdict>) -> Outcome {
    state.held.remove(&entry.revision);
    let change = entry.content.as_ref().map_err(|malformed| Refusal::Malformed(malformed.clone()));
    let outcome = match change.and_then(|change| stands(state, change).map(|()| change)) {
        Err(refusal) => Outcome::Refused(refusal),
        Ok(change) => concluded(change, verdict.unwrap_or_else(Verdict::accept)),
    };
    settle(state, entry, &outcome);
    outcome
}

fn apply(state: &mut State, revision: Revision, change: &Change) {
    for edit in &change.edits {
        match &edit.action {
            Action::Put(Put { media, digest, content: Content::Here(bytes) }) => {
                let item = Item { revision, media: media.clone(), digest: *digest, bytes: bytes.clone() };
                state.set(&edit.key, Some(item));
            }
            // The node fetches blobs before it asks for a verdict, so there is nothing to put here.
            Action::Put(Put { content: Content::At(_), .. }) => (),
            Action::Delete => state.set(&edit.key, None),
        }
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
