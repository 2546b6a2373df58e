//! The rules of a binding.

use serde::Deserialize;
use sluice_documents::glob;
use sluice_guest::{Finding, Severity};

/// What a binding says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub references: Vec<Rule>,
}

/// Where references are, and what they lead to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Glob of the keys whose documents refer.
    r#in: String,
    /// Where in them, as a JSON Pointer whose `*` is any one step.
    pub at: String,
    /// The key referred to; `{}` is the value found.
    to: String,
    /// How bad it is; what is no error rejects nothing.
    #[serde(default = "error")]
    severity: Severity,
}

fn error() -> Severity {
    Severity::Error
}

impl Rule {
    /// Whether the documents of this key refer.
    pub(crate) fn is_in(&self, key: &str) -> bool {
        glob::matches(&self.r#in, key)
    }

    /// What all keys whose documents refer begin with.
    pub(crate) fn prefix(&self) -> &str {
        self.r#in.split('*').next().unwrap_or_default()
    }

    /// The key that a value refers to.
    pub(crate) fn key(&self, name: &str) -> String {
        self.to.replacen("{}", name, 1)
    }

    /// The value that refers to a key, if this rule's can.
    pub(crate) fn name<'k>(&self, key: &'k str) -> Option<&'k str> {
        let (start, end) = self.to.split_once("{}")?;
        key.strip_prefix(start)?.strip_suffix(end)
    }

    /// A finding as bad as the rule says.
    pub(crate) fn finding(&self, code: &str, message: String) -> Finding {
        Finding { severity: self.severity, ..Finding::error(code, message) }
    }
}

/// What is wrong with the settings.
pub(crate) fn check(settings: &Settings) -> Vec<Finding> {
    let wrong = |pointer: String, message: &str| Finding::error("settings", message).at(pointer);
    if settings.references.is_empty() {
        return vec![wrong("/references".into(), "no reference is described: give at least one")];
    }
    let mut found = Vec::new();
    for (n, rule) in settings.references.iter().enumerate() {
        if rule.to.matches("{}").count() != 1 {
            found.push(wrong(format!("/references/{n}/to"), "write {} once, where the value found belongs"));
        }
        if !rule.at.is_empty() && !rule.at.starts_with('/') {
            found.push(wrong(format!("/references/{n}/at"), "a JSON Pointer is empty or begins with a slash"));
        }
    }
    found
}
