//! `_sluice/policy`: what holds for the space as a whole.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::glob::{Glob, Globs};
use crate::guard::Guard;
use crate::key::Key;

/// Where the policy lives.
pub const POLICY: &str = "_sluice/policy";

/// Most rules about freshness: a read asks each of them.
const FRESHNESS_MAX: usize = 64;
/// Most globs of one rule.
const GLOBS_MAX: usize = 64;
/// Least time after which a host may be called stale, in ms: ticks come at that pace.
const STALE_MS_MIN: u64 = 1_000;

/// What holds for the space as a whole. Absent, and where it says nothing, the defaults hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How much one change may do away with.
    pub guard: Guard,
    /// How old what is read may be; the first rule that names a key counts.
    pub freshness: Vec<Freshness>,
}

/// How old some keys may be, and what happens to reads of them then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Which keys.
    pub keys: Globs,
    /// Milliseconds without an entry of the log, ticks among them, after which these keys are stale.
    pub stale_after_ms: u64,
    /// What becomes of reads of stale keys.
    pub reads: Reads,
}

/// What becomes of reads of keys that are stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// They are answered as always; the host says that it is stale.
    #[default]
    Serve,
    /// They are answered, and each answer says that it is stale.
    Warn,
    /// They are refused: an old value would be worse than none.
    Refuse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    guard: Guard,
    #[serde(default)]
    freshness: Vec<WrittenFreshness>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFreshness {
    keys: Vec<String>,
    stale_after_ms: u64,
    #[serde(default)]
    reads: Reads,
}

impl Policy {
    /// Reads a policy document.
    ///
    /// # Errors
    /// Names the first thing wrong, in words for the publisher.
    pub fn parse(bytes: &[u8]) -> Result<Policy, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        objects(&value)?;
        let Written { guard, freshness } = serde_json::from_value(value).map_err(|error| error.to_string())?;
        guard.check()?;
        if freshness.len() > FRESHNESS_MAX {
            return Err(format!("freshness has {} rules: give at most {FRESHNESS_MAX}", freshness.len()));
        }
        let freshness = freshness.into_iter().enumerate().map(|(at, rule)| rule.read(at)).collect::<Result<_, _>>()?;
        Ok(Policy { guard, freshness })
    }

    /// The rule about the age of a key, if one names it.
    pub fn freshness_of(&self, key: &Key) -> Option<&Freshness> {
        if self.freshness.is_empty() {
            return None;
        }
        let segments: Vec<&str> = key.as_str().split('/').collect();
        self.freshness.iter().find(|rule| rule.keys.matches(&segments))
    }
}

impl WrittenFreshness {
    fn read(self, at: usize) -> Result<Freshness, String> {
        let WrittenFreshness { keys, stale_after_ms, reads } = self;
        if keys.is_empty() || keys.len() > GLOBS_MAX {
            return Err(format!("freshness[{at}].keys has {} globs: give 1 to {GLOBS_MAX}", keys.len()));
        }
        if stale_after_ms < STALE_MS_MIN {
            return Err(format!("freshness[{at}].stale_after_ms is {stale_after_ms}: give {STALE_MS_MIN} or more"));
        }
        let glob = |text: &String| Glob::parse(text).map_err(|error| format!("freshness[{at}].keys: {error}"));
        let keys = keys.iter().map(glob).collect::<Result<Vec<_>, _>>()?.into_iter().collect();
        Ok(Freshness { keys, stale_after_ms, reads })
    }
}

/// A list would be read as the members of an object in their order, which nobody means.
fn objects(value: &Value) -> Result<(), String> {
    let members = [("", Some(value)), ("guard", value.get("guard"))].into_iter();
    let rules = value.get("freshness").and_then(Value::as_array).into_iter().flatten();
    let mut all = members.filter_map(|(name, value)| Some((name, value?))).chain(rules.map(|rule| ("freshness", rule)));
    match all.find(|(_, value)| !value.is_object()) {
        Some((name, _)) => Err(format!("{name} is not an object: write {{\"name\": value}}").trim_start().to_owned()),
        None => Ok(()),
    }
}

/// The policy of a state, read once when it came into force.
pub(crate) fn read(bytes: Option<&[u8]>) -> Arc<Policy> {
    // An entry with a document that cannot be read is refused; only a later version can have let one in.
    Arc::new(bytes.and_then(|bytes| Policy::parse(bytes).ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_default() {
        assert_eq!(Policy::parse(b"{}"), Ok(Policy::default()));
        let policy = Policy::parse(br#"{"guard": {"deletes_max": 20}, "freshness": []}"#).unwrap();
        assert_eq!(policy.guard, Guard { deletes_max: 20, ..Guard::default() });
    }

    #[test]
    fn the_first_rule_that_names_a_key_counts() {
        let text = br#"{"freshness": [
            {"keys": ["flags/**"], "stale_after_ms": 60000, "reads": "refuse"},
            {"keys": ["**"], "stale_after_ms": 1000}]}"#;
        let policy = Policy::parse(text).unwrap();
        let of = |key: &str| policy.freshness_of(&Key::parse(key.as_bytes()).unwrap()).unwrap();
        assert_eq!((of("flags/a").stale_after_ms, of("flags/a").reads), (60_000, Reads::Refuse));
        assert_eq!((of("web").stale_after_ms, of("web").reads), (1_000, Reads::Serve));
        assert_eq!(Policy::default().freshness_of(&Key::parse(b"web").unwrap()), None);
    }

    #[test]
    fn what_is_wrong_is_named_with_the_remedy() {
        for (text, part) in [
            ("", "EOF"),
            ("[]", "is not an object"),
            (r#"{"guard": [20]}"#, "guard is not an object"),
            (r#"{"freshness": [[["a"], 5000]]}"#, "freshness is not an object"),
            (r#"{"guards": {}}"#, "unknown field `guards`"),
            (r#"{"guard": {"deletes": 5}}"#, "unknown field `deletes`"),
            (r#"{"guard": {"deletes_max": 9}}"#, "guard.deletes_max is 9: give 10 or more"),
            (r#"{"guard": {"deletes_percent_max": 101}}"#, "guard.deletes_percent_max is 101: give 1 to 100"),
            (r#"{"guard": {"shrink_max": 1}}"#, "guard.shrink_max is 1: give 2 or more"),
            (r#"{"guard": {"grow_max": 1.5}}"#, "invalid type"),
            (r#"{"freshness": [{"keys": [], "stale_after_ms": 1}]}"#, "freshness[0].keys has 0 globs: give 1 to 64"),
            (r#"{"freshness": [{"keys": ["a"], "stale_after_ms": 5}]}"#, "give 1000 or more"),
            (r#"{"freshness": [{"keys": ["a//b"], "stale_after_ms": 5000}]}"#, "freshness[0].keys"),
            (r#"{"freshness": [{"keys": ["a"], "stale_after_ms": 5000, "reads": "drop"}]}"#, "unknown variant `drop`"),
        ] {
            let error = Policy::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
