//! The limits of a binding. What is absent is not limited.

use serde::Deserialize;
use sluice_guest::{Finding, Severity};

/// What a binding says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Bytes of a document.
    pub bytes_max: Option<usize>,
    /// Lists and objects within each other; a number or a string alone has depth 0.
    pub depth_max: Option<usize>,
    /// Names of one object.
    pub names_max: Option<usize>,
    /// Items of one list.
    pub items_max: Option<usize>,
    /// Bytes of one string, of a name too.
    pub string_bytes_max: Option<usize>,
    /// New bytes for each old one.
    pub growth_max: Option<f64>,
    /// Of the old bytes, the share that may be gone.
    pub shrink_max: Option<f64>,
    /// Of what one list or object held, the share that may be gone.
    pub removed_max: Option<f64>,
    /// Documents up to so many bytes, old and new, may grow and shrink as they like.
    pub small_bytes: usize,
    /// Lists and objects of up to so many items may lose them.
    pub small_items: usize,
    /// How bad it is; what is no error rejects nothing.
    pub severity: Severity,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bytes_max: None,
            depth_max: None,
            names_max: None,
            items_max: None,
            string_bytes_max: None,
            growth_max: None,
            shrink_max: None,
            removed_max: None,
            small_bytes: 1024,
            small_items: 8,
            severity: Severity::Error,
        }
    }
}

impl Settings {
    /// Whether the old document counts, too.
    pub(crate) fn compares(&self) -> bool {
        [self.growth_max, self.shrink_max, self.removed_max].iter().any(Option::is_some)
    }

    /// Whether a document must be read as a value, not only be measured.
    pub(crate) fn has_shape(&self) -> bool {
        [self.depth_max, self.names_max, self.items_max, self.string_bytes_max].iter().any(Option::is_some)
    }
}

/// What is wrong with the settings.
pub(crate) fn check(settings: &Settings) -> Vec<Finding> {
    let wrong = |pointer: &str, message: &str| Finding::error("settings", message).at(pointer);
    let mut found = Vec::new();
    if settings.growth_max.is_some_and(|growth| growth < 1.0) {
        found.push(wrong("/growth_max", "below 1 no document could even stay as it is"));
    }
    for (pointer, share) in [("/shrink_max", settings.shrink_max), ("/removed_max", settings.removed_max)] {
        if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            found.push(wrong(pointer, "a share is between 0 and 1"));
        }
    }
    if !settings.has_shape() && settings.bytes_max.is_none() && !settings.compares() {
        found.push(wrong("", "nothing is limited: name a limit, for example `bytes_max`"));
    }
    found
}
