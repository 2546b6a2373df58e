//! Holds what was seen against what the log came to, and objects to whatever Sluice promises not to happen.

use std::collections::BTreeMap;

use crate::host::order;
use crate::storm::history::{Change, History, Read, Standing};
use crate::storm::model::{Model, Order};

/// More of one kind say no more.
const OBJECTIONS_MAX: usize = 40;

/// Everything that should not have happened, in words; nothing when all is well.
pub fn objections(model: &Model, history: &History) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(history.changes.iter().filter_map(|change| unkept(model, change)));
    found.extend(doubled(model));
    found.extend(unwanted(model, history));
    found.extend(reads(model, history));
    found.extend(standings(&history.standings));
    found.truncate(OBJECTIONS_MAX);
    found
}

/// An acknowledgement that the log does not bear out.
fn unkept(model: &Model, change: &Change) -> Option<String> {
    let (id, told) = (&change.id, change.told.as_ref()?);
    let revision = &told.revision;
    let Some(outcome) = model.outcomes.get(&order(revision)) else {
        return Some(format!("lost: change {id} was acknowledged as {revision}, which the log does not have"));
    };
    if outcome.change.as_ref() != Some(id) {
        return Some(format!("mixed up: change {id} was acknowledged as {revision}, which is {:?}", outcome.change));
    }
    if let Some(told) = told.outcome.as_ref().filter(|told| *told != outcome.class) {
        return Some(format!("mistold: change {id} at {revision} is {}, its publisher was told {told}", outcome.class));
    }
    // The first attempt decides, and there must be one.
    let of_it = model.outcomes.values().filter(|outcome| outcome.change.as_ref() == Some(id));
    let decided = of_it.filter(|outcome| outcome.class != "duplicate").count();
    let is_malformed = outcome.class == "malformed";
    (decided != 1 && !is_malformed).then(|| format!("change {id} was decided {decided} times, not once"))
}

/// Changes that took place more than once.
fn doubled(model: &Model) -> Vec<String> {
    let mut applied: BTreeMap<&str, Vec<Order>> = BTreeMap::new();
    for (revision, outcome) in model.outcomes.iter().filter(|(_, outcome)| outcome.class == "applied") {
        if let Some(change) = &outcome.change {
            applied.entry(change).or_default().push(*revision);
        }
    }
    let doubled = applied.iter().filter(|(_, revisions)| revisions.len() > 1);
    doubled.map(|(change, revisions)| format!("applied twice: change {change} at {revisions:?}")).collect()
}

/// Entries that nobody published.
fn unwanted(model: &Model, history: &History) -> Vec<String> {
    let wanted: std::collections::BTreeSet<&str> = history.changes.iter().map(|change| change.id.as_str()).collect();
    let strange = model.outcomes.iter().filter_map(|(at, outcome)| Some((at, outcome.change.as_deref()?)));
    let strange = strange.filter(|(_, change)| !wanted.contains(change));
    strange.map(|(at, change)| format!("nobody published change {change}, which is at {at:?}")).collect()
}

/// Reads that failed, showed what never was, or went back.
fn reads(model: &Model, history: &History) -> Vec<String> {
    // How far along the values of a key each host is known to be. Not along the log: a host that holds a change
    // back goes on with others.
    let mut places: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    let mut found = Vec::new();
    for read in &history.reads {
        let values = model.values.get(&read.key).map(Vec::as_slice).unwrap_or_default();
        let begun = values.iter().take_while(|(at, _)| *at <= order(&history.begun)).count();
        let place = places.entry((read.host, &read.key)).or_insert(begun);
        match shown(read, values, *place) {
            Ok(next) => *place = next,
            Err(why) => found.push(format!("host {} at {:?}: {}: {why}", read.host + 1, read.at, read.key)),
        }
    }
    found
}

/// Which of a key's values this is, counted from 1; 0 is its absence before the first.
fn shown(read: &Read, values: &[(Order, Option<String>)], place: usize) -> Result<usize, String> {
    let Read { code, revision, text, .. } = read;
    let next = match code {
        200 => values.iter().position(|(at, value)| *at == order(revision) && value.as_ref() == Some(text)),
        404 if place == 0 => return Ok(0),
        404 => values.iter().enumerate().position(|(at, (_, value))| at + 1 >= place && value.is_none()),
        _ => return Err(format!("read failed: {code} {text}")),
    };
    let Some(next) = next else {
        return Err(format!("{code} {revision} {text:?}: it never had that, or not any more behind value {place}"));
    };
    match next + 1 >= place {
        true => Ok(next + 1),
        false => Err(format!("went back from value {place} to {}: {revision} {text:?}", next + 1)),
    }
}

/// Hosts that fell behind themselves, or differ.
fn standings(standings: &[Standing]) -> Vec<String> {
    let mut served: BTreeMap<usize, Order> = BTreeMap::new();
    let mut digests: BTreeMap<Order, &Standing> = BTreeMap::new();
    let mut found = Vec::new();
    for standing in standings {
        let (host, at) = (standing.host + 1, order(&standing.revision));
        let before = served.insert(standing.host, at).unwrap_or_default();
        if at < before {
            found.push(format!("host {host} went back from {before:?} to {at:?}"));
        }
        if !standing.is_holding {
            let other = digests.entry(at).or_insert(standing);
            if (&other.chain, &other.root) != (&standing.chain, &standing.root) {
                found.push(format!("hosts {} and {host} differ at {at:?}", other.host + 1));
            }
        }
    }
    found
}
