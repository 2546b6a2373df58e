//! Who may publish during a freeze.

use serde::Deserialize;
use sluice_guest::{Change, Finding};

/// A change is let through if all that is given here is true of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    metadata: Option<String>,
    #[serde(default)]
    value: Option<String>,
}

impl Exception {
    /// What is wrong with it; the pointer is within it.
    pub(crate) fn fault(&self) -> Option<Finding> {
        let wrong = |pointer: &str, message: &str| Some(Finding::error("exception", message).at(pointer));
        match self {
            Self { author: None, metadata: None, .. } => wrong("", "an exception names an author or metadata"),
            Self { metadata: None, value: Some(_), .. } => wrong("/value", "a value of which metadata?"),
            _ => None,
        }
    }

    /// Whether it lets this change through.
    pub(crate) fn holds(&self, change: &Change) -> bool {
        let author = self.author.as_ref().is_none_or(|author| change.author.as_ref() == Some(author));
        let is_meant = |value: &str| self.value.as_ref().map_or(!value.is_empty(), |wanted| wanted == value);
        let metadata = self
            .metadata
            .as_ref()
            .is_none_or(|wanted| change.metadata.iter().any(|(name, value)| name == wanted && is_meant(value)));
        author && metadata && self.fault().is_none()
    }

    /// The exception in words.
    pub(crate) fn words(&self) -> String {
        let author = self.author.as_ref().map(|author| format!("author {author}"));
        let metadata = self.metadata.as_ref().map(|name| match &self.value {
            Some(value) => format!("{name}: {value}"),
            None => name.clone(),
        });
        [author, metadata].into_iter().flatten().collect::<Vec<_>>().join(" with ")
    }
}
