//! A secret that was found, told without telling it.

use sluice_guest::Finding;

/// A secret in a text.
pub(crate) struct Hit<'t> {
    /// Short and stable, for machines.
    pub code: &'static str,
    /// What it is, for people.
    pub kind: &'static str,
    /// The characters all of its kind begin with, if they do. Public, unlike what follows.
    pub prefix: &'static str,
    /// The secret itself. It goes nowhere.
    pub text: &'t str,
}

/// Characters of a prefix that are shown.
const SHOWN_MAX: usize = 4;

impl Hit<'_> {
    /// The finding: kind and length, and of the secret no more than what all of its kind begin with.
    pub(crate) fn finding(&self) -> Finding {
        let length = self.text.chars().count();
        let message = match self.prefix {
            "" => format!("{} ({length} characters)", self.kind),
            prefix => format!("{} ({}…, {length} characters)", self.kind, &prefix[..prefix.len().min(SHOWN_MAX)]),
        };
        Finding::error(self.code, message)
            .help("publish a reference to it instead; it is in the log by now, so replace it where it is used")
    }
}
