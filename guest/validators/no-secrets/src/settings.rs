//! What a binding lets through, and how strict it is.

use serde::Deserialize;
use sluice_documents::glob;
use sluice_guest::{Finding, Severity};

/// What a binding says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Globs of JSON Pointers that are not looked at.
    pub allow: Vec<String>,
    /// Bits a character has to carry, on average, for a value under a suspicious name to count as secret.
    pub entropy_min: f64,
    /// Bytes such a value has to have.
    pub length_min: usize,
    /// How bad it is; what is no error rejects nothing.
    pub severity: Severity,
}

impl Default for Settings {
    fn default() -> Self {
        Self { allow: Vec::new(), entropy_min: 3.0, length_min: 8, severity: Severity::Error }
    }
}

impl Settings {
    /// Whether whatever is at this pointer may stay.
    pub(crate) fn allows(&self, pointer: &str) -> bool {
        self.allow.iter().any(|glob| glob::matches(glob, pointer))
    }
}

/// What is wrong with the settings.
pub(crate) fn check(settings: &Settings) -> Vec<Finding> {
    let wrong = |pointer: String, message: &str| Finding::error("settings", message).at(pointer);
    let globs = settings.allow.iter().enumerate().filter(|(_, glob)| !glob.is_empty() && !glob.starts_with('/'));
    let mut found: Vec<_> = globs
        .map(|(n, _)| wrong(format!("/allow/{n}"), "a JSON Pointer is empty or begins with a slash: `/spec/*/token`"))
        .collect();
    if !(0.0..=8.0).contains(&settings.entropy_min) {
        found.push(wrong("/entropy_min".into(), "a byte carries between 0 and 8 bits"));
    }
    found
}
