//! Settings, from the text of the binding to the validator's own type.

use serde::de::DeserializeOwned;

use crate::{Fault, Finding};

/// The settings as the validator's type. A fault, not a finding: they are not the publisher's doing.
pub fn parse<S: DeserializeOwned>(text: &str) -> Result<S, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::Settings(error.to_string()))
}

/// What is wrong with the settings: their form first, then what the validator itself objects to.
pub fn check<S: DeserializeOwned>(text: &str, more: impl FnOnce(&S) -> Vec<Finding>) -> Vec<Finding> {
    match serde_json::from_str(text) {
        Ok(settings) => more(&settings),
        Err(error) => vec![Finding::error("settings", error.to_string())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_another_form_are_refused_when_they_are_checked() {
        let found = check::<u8>("\"many\"", |_| Vec::new());
        assert_eq!(found[0].code, "settings");
        assert!(check::<u8>("3", |_| Vec::new()).is_empty());
    }
}
