//! Severities, as settings write them.

use serde::de::{Deserialize, Deserializer, Error};

use crate::Severity;

/// `error`, `warning` or `info`, so that settings can say how bad a finding is.
impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "error" => Ok(Self::Error),
            "warning" => Ok(Self::Warning),
            "info" => Ok(Self::Info),
            other => Err(D::Error::unknown_variant(other, &["error", "warning", "info"])),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Severity;

    #[test]
    fn a_severity_is_one_of_three_words() {
        assert_eq!(serde_json::from_str::<Severity>("\"warning\"").unwrap(), Severity::Warning);
        assert!(serde_json::from_str::<Severity>("\"fatal\"").is_err());
    }
}
