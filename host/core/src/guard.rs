//! The mass-change guard: what one change may do away with before somebody has to say that it is meant.
//!
//! A script that ran over an empty list, a template that rendered to nothing, a generated file of twice its size:
//! each is a valid change, and each has taken large services down. The guard looks at how much, never at what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::change::{Action, Change};
use crate::key::{Key, RESERVED};
use crate::state::State;

/// A change that deletes fewer keys is never guarded for what it deletes. What it does to the number of keys
/// matters to no other change, so these need not wait for each other.
pub const MASS_DELETES: usize = 10;
/// Prefixes looked at have at most so many segments: a bound on the work that one change can ask for.
const PREFIX_SEGMENTS_MAX: usize = 8;

/// How much one change may do away with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// Most keys one change may delete.
    pub deletes_max: u64,
    /// Most of all keys, in percent, that one change may delete.
    pub deletes_percent_max: u64,
    /// Whether one change may delete the last key under a prefix, or in the space.
    pub may_empty_prefixes: bool,
    /// A value may become smaller by at most this factor; 0 = by any.
    pub shrink_max: u64,
    /// A value may become larger by at most this factor; 0 = by any.
    pub grow_max: u64,
    /// Values below this many bytes count as this large when they are compared.
    pub small_bytes: u64,
}

impl Default for Guard {
    fn default() -> Guard {
        Guard {
            deletes_max: 1_000,
            deletes_percent_max: 50,
            may_empty_prefixes: false,
            shrink_max: 0,
            grow_max: 0,
            small_bytes: 4096,
        }
    }
}

impl Guard {
    /// Names the first bound that makes no sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mass = MASS_DELETES as u64;
        let factor = |value: u64| value == 0 || value >= 2;
        let wrong = [
            ("deletes_max", self.deletes_max, self.deletes_max >= mass, "10 or more"),
            (
                "deletes_percent_max",
                self.deletes_percent_max,
                (1..=100).contains(&self.deletes_percent_max),
                "1 to 100",
            ),
            ("shrink_max", self.shrink_max, factor(self.shrink_max), "2 or more, or 0 for any"),
            ("grow_max", self.grow_max, factor(self.grow_max), "2 or more, or 0 for any"),
        ];
        match wrong.into_iter().find(|(_, _, is_right, _)| !is_right) {
            Some((name, value, _, remedy)) => Err(format!("guard.{name} is {value}: give {remedy}")),
            None => Ok(()),
        }
    }

    /// Whether a change may take place without somebody saying that it is meant.
    ///
    /// # Errors
    /// What it does too much of, with the remedy.
    pub fn passes(&self, state: &State, change: &Change) -> Result<(), String> {
        if change.overrides.guard {
            return Ok(());
        }
        let found = self.sizes(state, change).or_else(|| self.deletes(state, change));
        found.map_or(Ok(()), |what| Err(format!("{what}; if it is meant, publish it again with override guard")))
    }

    /// Whether one state may take the place of another, as a snapshot does that was made while a host was away. That
    /// much was deleted is no wonder then; that little is left is one.
    ///
    /// # Errors
    /// What would go.
    pub fn admits(&self, have: &State, coming: &State) -> Result<(), String> {
        let own = have.range("", None).filter(|(key, _)| !key.is_reserved());
        let (mut all, mut gone) = (0, 0);
        for (key, _) in own {
            all += 1;
            gone += u64::from(coming.item(key).is_none());
        }
        match gone >= MASS_DELETES as u64 && gone * 100 > all * self.deletes_percent_max {
            true => Err(format!("it lacks {gone} of {all} keys, more than {} %", self.deletes_percent_max)),
            false => Ok(()),
        }
    }

    fn sizes(&self, state: &State, change: &Change) -> Option<String> {
        if self.shrink_max == 0 && self.grow_max == 0 {
            return None;
        }
        let is_beyond = |small: u64, large: u64, factor: u64| {
            factor > 0 && large.max(self.small_bytes) > small.max(self.small_bytes).saturating_mul(factor)
        };
        change.edits.iter().filter(|edit| !edit.key.is_reserved()).find_map(|edit| {
            let Action::Put(put) = &edit.action else { return None };
            let (old, new) = (state.item(&edit.key)?.bytes.len() as u64, put.content.length());
            let (key, shrink, grow) = (&edit.key, self.shrink_max, self.grow_max);
            if is_beyond(new, old, shrink) {
                return Some(format!("\"{key}\" shrinks from {old} to {new} bytes, to less than 1/{shrink}"));
            }
            is_beyond(old, new, grow)
                .then(|| format!("\"{key}\" grows from {old} to {new} bytes, to more than {grow} times"))
        })
    }

    fn deletes(&self, state: &State, change: &Change) -> Option<String> {
        if !change.is_mass() {
            return None;
        }
        let deleted: BTreeSet<&Key> = change.deletes().filter(|key| state.item(key).is_some()).collect();
        let count = deleted.len() as u64;
        if deleted.len() < MASS_DELETES {
            return None;
        }
        if count > self.deletes_max {
            return Some(format!("it deletes {count} keys, more than {}", self.deletes_max));
        }
        let all = (state.len() - state.range(RESERVED, None).count()) as u64;
        if count * 100 > all * self.deletes_percent_max {
            return Some(format!("it deletes {count} of {all} keys, more than {} %", self.deletes_percent_max));
        }
        if self.may_empty_prefixes {
            return None;
        }
        let puts = change.edits.iter().filter(|edit| edit.action != Action::Delete);
        let put: BTreeSet<&str> = puts.map(|edit| edit.key.as_str()).collect();
        let is_left = |prefix: &str| {
            put.range(prefix..).next().is_some_and(|key| key.starts_with(prefix))
                || state.range(prefix, None).any(|(key, _)| !deleted.contains(key))
        };
        let emptied = prefixes(&deleted).into_iter().find(|prefix| !is_left(prefix))?;
        Some(format!("it deletes all that is under \"{emptied}\""))
    }
}

/// The prefixes under which at least [`MASS_DELETES`] of these keys are, each with its slash, shortest first.
fn prefixes<'k>(deleted: &BTreeSet<&'k Key>) -> Vec<&'k str> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for key in deleted {
        let ends = key.as_str().match_indices('/').map(|(at, _)| at + 1).take(PREFIX_SEGMENTS_MAX);
        ends.for_each(|end| *counts.entry(&key.as_str()[..end]).or_default() += 1);
    }
    let mut many: Vec<&str> = counts.into_iter().filter(|(_, n)| *n >= MASS_DELETES).map(|(p, _)| p).collect();
    many.sort_by_key(|prefix| (prefix.len(), *prefix));
    many
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
