//! What a case expects: the decision, and which findings, by code and place.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::exit::usage;

/// Decisions a case may expect. A host refuses a change for the last three as well, but a test that passes
/// because its validator broke proves nothing, so they have to be meant.
pub const DECISIONS: [&str; 6] = ["accept", "warn", "reject", "limit", "trap", "unusable"];

/// What should be found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// One of [`DECISIONS`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub decision: String,
    /// All of them, in any order; when nothing is said, any will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Expected>>,
}

/// One finding. Messages are for people and may be reworded, so they are not compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub code: String,
    /// The key; not compared when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Expectation {
    /// Reads a file, none when it is not there.
    pub fn read(path: &Path) -> Result<Option<Expectation>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let read: Expectation = toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))?;
        if !read.decision.is_empty() && !DECISIONS.contains(&read.decision.as_str()) {
            let (found, known) = (&read.decision, DECISIONS.join(", "));
            return Err(usage(format!("{}: decision {found:?} is none of {known}", path.display())));
        }
        Ok(Some(read))
    }

    /// Writes it, for `--update`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).expect("strings and lists of them can be written as TOML");
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Expected {
    /// Whether this is the finding meant.
    pub fn is(&self, found: &Expected) -> bool {
        let same_key = self.key.is_none() || self.key == found.key;
        self.code == found.code && self.pointer == found.pointer && same_key
    }

    /// `out-of-bounds app/limits#/max`.
    pub fn line(&self) -> String {
        let (key, pointer) = (self.key.as_deref().unwrap_or_default(), self.pointer.as_deref());
        let place = pointer.map_or_else(|| key.to_owned(), |pointer| format!("{key}#{pointer}"));
        format!("{} {place}", self.code).trim_end().to_owned()
    }
}
