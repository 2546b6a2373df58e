//! What must hold after every step, each law a function. `Err` says which was broken and how.

use std::collections::BTreeSet;
use std::sync::Arc;

use sluice_core::key::{COMPONENTS, FENCES, VALIDATORS};
use sluice_core::{Ask, Batch, Change, Entry, Item, Key, Millis, Node, Outcome, Place, Revision, Rift, State, Step};

use crate::branch::Branch;
use crate::host::{Host, settings};
use crate::judge;
use crate::log::Log;
use crate::world::PULL_ENTRIES_MAX;

mod lost;

pub use lost::{fences_never_fall, nothing_twice, nothing_unseen, nothing_vanishes, owed_is_back};

/// What a law says when it is broken.
pub type Law = Result<(), String>;

/// Readers never see an older revision than they have seen, not even across a crash.
pub fn served_never_falls(host: &Host) -> Law {
    holds(host.served.cursor >= host.seen, || format!("served {} after {}", host.served.cursor, host.seen))
}

/// A node looks at everything that is due, so its deadline lies ahead; else its caller would spin.
pub fn deadline_lies_ahead(node: &Node, now: Millis) -> Law {
    let due = node.deadline();
    holds(due.is_none_or(|due| due > now), || format!("the deadline {due:?} is not ahead of {now:?}"))
}

/// What stepped aside is one set, however it is looked at, and bounded.
pub fn held_is_one_bounded_set(node: &Node) -> Law {
    let folded: Vec<Revision> = node.folded().held.keys().copied().collect();
    let shown: Vec<Revision> = node.standing().held.iter().map(|held| held.revision).collect();
    holds(folded == shown, || format!("the state holds {folded:?}, the node {shown:?}"))?;
    holds(folded.len() <= settings().held_max, || format!("{} entries stepped aside", folded.len()))
}

/// A node says where it stands so that its log can tell whether it still is the same one.
pub fn place_is_known(place: &Place, log: &Log) -> Law {
    let is_of = |branch: &Branch| {
        let digest = branch.line(place.revision).map(|line| line.entry.digest);
        place.index == Some(branch.place(place.revision) as u64) && place.entry == digest
    };
    holds(log.branches().any(is_of), || {
        let found: Vec<_> = log.branches().map(|branch| branch.place(place.revision)).collect();
        format!("{place:?} is nowhere in the log, which has it at {found:?}")
    })
}

/// No more is pulled than may be in the line, in the batch being folded and in the one being written, which
/// have one bound together; the last pull may go beyond it by as much as a pull brings.
pub fn pulls_are_bounded(host: &Host, after: &Place) -> Law {
    let ahead = after.index.unwrap_or_default().saturating_sub(host.disk.tip.index);
    let most = (settings().line_entries_max + PULL_ENTRIES_MAX) as u64;
    holds(ahead <= most, || format!("{ahead} entries are pulled and not yet on disk"))
}

/// Validators see whole changes, no two on one key, and for each the rules that name it, the old values and all
/// that it may look up as a log has them just before it.
pub fn asks_are_fair(ask: &Ask, log: &Log) -> Law {
    let mut keys = BTreeSet::new();
    for entry in &ask.entries {
        let at = entry.revision;
        let Ok(change) = &entry.content else { return Err(format!("{at} is malformed, yet was judged")) };
        holds(change.missing().next().is_none(), || format!("{at} was judged without its blobs"))?;
        for key in change.keys().collect::<BTreeSet<&Key>>() {
            holds(keys.insert(key), || format!("{key} is in two changes of one ask"))?;
        }
        // What comes behind a hole has two pasts, and a host may be in either.
        let led = log.branches().filter(|branch| branch.leads_to(&ask.before) && branch.has(at, entry.digest));
        let none = Err(format!("{at} does not follow on {} in any log", ask.before.cursor));
        led.filter_map(|branch| branch.before(at))
            .fold(none, |law, before| law.or_else(|_| is_fair(ask, change, at, before)))?;
    }
    Ok(())
}

fn is_fair(ask: &Ask, change: &Change, at: Revision, before: &State) -> Law {
    for key in change.keys() {
        holds(is_same(ask.before.item(key), before.item(key)), || {
            format!("{at} was judged on {key} at {}", ask.before.revision_of(key))
        })?;
    }
    holds(rules(&ask.before, change).eq(rules(before, change)), || format!("{at} was judged under other rules"))?;
    holds(looked_up(&ask.before, change).eq(looked_up(before, change)), || {
        format!("{at} was judged while what it looks up was another")
    })
}

/// Every outcome is that of the plain fold.
pub fn outcomes_agree(batch: &Batch, log: &Log) -> Law {
    let Some(log) = log.branch_of(&batch.state) else { return Err(no_log(&batch.state)) };
    for step in &batch.steps {
        let (Step::Folded(settled) | Step::Released(settled)) = step else { continue };
        let at = settled.entry.revision;
        let Some(line) = log.line(at) else { return Err(format!("{at} is not in the log")) };
        holds(settled.outcome == line.outcome, || {
            format!("{at} came to {:?}, not {:?}", settled.outcome, line.outcome)
        })?;
    }
    Ok(())
}

/// Nothing becomes current whose verdict was needed and never given on this host.
pub fn applied_was_judged(host: &Host, batch: &Batch, log: &Log) -> Law {
    let Some(log) = log.branch_of(&batch.state) else { return Err(no_log(&batch.state)) };
    for step in &batch.steps {
        let (Step::Folded(settled) | Step::Released(settled)) = step else { continue };
        let at = settled.entry.revision;
        let needs = log.line(at).is_some_and(|line| line.is_judged) && matches!(settled.outcome, Outcome::Applied(_));
        holds(!needs || host.judged.contains(&(at, settled.entry.digest)), || format!("{at} was never judged"))?;
    }
    Ok(())
}

/// A state is the plain fold, in one history that there was, of as many entries as it has folded; where entries are held, their keys stand
/// as they were just before the oldest that touches them, and everything else as if they were not there. Fencing tokens are
/// taken in the order of the log, held or not.
pub fn state_is_the_fold(state: &State, log: &Log) -> Law {
    let Some(log) = log.branch_of(state) else { return Err(no_log(state)) };
    let Some(plain) = log.after(state.index) else { return Err(no_log(state)) };
    holds(state.tokens.iter().eq(plain.tokens.iter()), || "the tokens differ".to_owned())?;
    let settled = plain.refused.iter().filter(|refused| !state.held.contains_key(&refused.revision));
    holds(state.refused.iter().eq(settled), || {
        let revisions = |state: &State| {
            state.refused.iter().map(|refused| (refused.revision, refused.refusal.clone())).collect::<Vec<_>>()
        };
        format!("refused {:?}, not {:?}", revisions(state), revisions(plain))
    })?;
    if state.held.is_empty() {
        let sums = |state: &State| (state.root(), state.len(), state.bytes(), state.has_bindings());
        return holds(sums(state) == sums(plain), || format!("{:?} is not {:?}", sums(state), sums(plain)));
    }
    let keys = state.range("", None).chain(plain.range("", None)).map(|(key, _)| key);
    for key in keys.collect::<BTreeSet<_>>() {
        let waits = |entry: &&Arc<Entry>| entry.content.iter().any(|change| touches(change, key));
        let oldest = state.held.values().find(|entry| !key.as_str().starts_with(FENCES) && waits(entry));
        let expected = oldest.and_then(|entry| log.before(entry.revision)).unwrap_or(plain);
        let (found, wanted) = (state.item(key), expected.item(key));
        holds(is_same(found, wanted), || {
            format!("{key} is {found:?}, not {wanted:?}, while {:?} are held", state.held.keys().collect::<Vec<_>>())
        })?;
    }
    Ok(())
}

/// At the end all hosts stand where the plain fold stands.
pub fn has_arrived(host: &Host, log: &Log) -> bool {
    host.node.as_ref().is_some_and(|node| {
        let served = node.served();
        let is_there = served.index == log.tip().index && log.leads_to(served);
        is_there && served.held.is_empty() && node.is_settled() && !host.is_stopping
    })
}

/// A host whose log was emptied serves what it had, and says so.
pub fn stands_still(host: &Host) -> bool {
    host.node.as_ref().is_some_and(|node| {
        let is_told = node.standing().rift == Some(Rift::Reset);
        is_told && node.served().index > 0 && node.is_settled() && !host.is_stopping
    })
}

fn no_log(state: &State) -> String {
    format!("entry {} at {} is the end of no log there was", state.index, state.cursor)
}

fn touches(change: &Change, key: &Key) -> bool {
    change.is_barrier() || change.keys().any(|other| other == key)
}

/// The bindings that judge a change: their names and their documents, which are the same or not.
fn rules<'s>(state: &'s State, change: &'s Change) -> impl Iterator<Item = (&'s str, Option<&'s Item>)> {
    let item = |name: &str| state.find(format!("{VALIDATORS}{name}").as_bytes());
    judge::bound(state, change).map(move |binding| (&*binding.name, item(&binding.name)))
}

/// All that may be looked up to judge a change.
fn looked_up<'s>(state: &'s State, change: &'s Change) -> impl Iterator<Item = (&'s Key, &'s Item)> {
    let binds = change.edits.iter().any(|edit| edit.key.as_str().starts_with(VALIDATORS));
    let is_read = move |key: &Key| {
        let segments: Vec<&str> = key.as_str().split('/').collect();
        (binds && key.as_str().starts_with(COMPONENTS))
            || judge::bound(state, change).any(|binding| binding.reads.matches(&segments))
    };
    state.range("", None).filter(move |(key, _)| is_read(key))
}

fn is_same(a: Option<&Item>, b: Option<&Item>) -> bool {
    a == b
}

fn holds(is_held: bool, why: impl FnOnce() -> String) -> Law {
    if is_held { Ok(()) } else { Err(why()) }
}
