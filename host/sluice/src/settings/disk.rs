//! What a host is told about its folder, and what tests do to it.

use std::time::Duration;

use serde::Deserialize;

/// How long a set must be current without a crash to be trusted.
const PROBATION_MS: u64 = 60_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypedDisk {
    /// Whether each batch is flushed before it is served. Off, a power cut may lose the newest batches
    /// from the disk; they come again from the log.
    sync: Option<bool>,
    /// How long a host must live with a set for it to be trusted; 0 counts no crashes. Defends against a set that
    /// makes every start end in a crash.
    probation_ms: Option<u64>,
}

/// The same as meant.
#[derive(Clone, Debug)]
pub struct Disk {
    pub is_synced: bool,
    /// None when crashes are not counted.
    pub probation: Option<Duration>,
}

impl TypedDisk {
    pub fn meant(&self) -> Result<Disk, String> {
        let probation_ms = self.probation_ms.unwrap_or(PROBATION_MS);
        if (1..100).contains(&probation_ms) {
            return Err(format!("disk.probation_ms is {probation_ms}: give at least 100, or 0 to count no crashes"));
        }
        let probation = (probation_ms > 0).then(|| Duration::from_millis(probation_ms));
        Ok(Disk { is_synced: self.sync.unwrap_or(true), probation })
    }
}

/// Faults on purpose, for tests; a release build knows of none.
pub fn failpoints() -> Option<String> {
    cfg!(debug_assertions).then(|| std::env::var("SLUICE_FAILPOINT").ok()).flatten().filter(|text| !text.is_empty())
}
