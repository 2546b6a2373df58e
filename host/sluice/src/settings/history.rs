//! What a host is told about how much history is kept.

use serde::Deserialize;
use sluice_pack::history::Bounds;

/// What outlives the trimming of the log.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypedHistory {
    /// How many changes of each key are kept at least.
    versions: Option<u64>,
    /// How many bytes all of it may take; then the oldest goes first.
    bytes: Option<u64>,
}

impl TypedHistory {
    /// The bounds meant.
    pub fn meant(&self) -> Result<Bounds, String> {
        let most = Bounds::default();
        let meant =
            Bounds { versions: self.versions.unwrap_or(most.versions), bytes: self.bytes.unwrap_or(most.bytes) };
        match meant.versions {
            0 => Err("history.versions is 0: give at least 1".to_owned()),
            _ => Ok(meant),
        }
    }
}
