//! What a host is told about snapshots, trimming and ticks.

use serde::Deserialize;
use sluice_node::keeper::Settings;

/// Who keeps the space: one host at a time, among those where this is on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypedKeeper {
    /// Whether this host takes part.
    on: Option<bool>,
    /// How often it looks whether a snapshot is due.
    look_ms: Option<u64>,
    /// How old the newest snapshot must be before another is written.
    age_ms: Option<u64>,
    /// How many entries must have come since.
    behind: Option<u64>,
    /// How much of the log is kept, in log time.
    retention_ms: Option<u64>,
    /// How far behind a live host may be, in log time, for the log to be kept for it.
    laggard_ms: Option<u64>,
    /// How long parts of old snapshots stay.
    grace_ms: Option<u64>,
    /// How long the lease lasts unless renewed.
    lease_ms: Option<u64>,
    /// How long the log may be silent before a tick is appended; 0 appends none.
    tick_ms: Option<u64>,
}

impl TypedKeeper {
    /// None when it is off.
    pub fn meant(&self) -> Result<Option<Settings>, String> {
        let most = Settings::default();
        let meant = Settings {
            look_ms: self.look_ms.unwrap_or(most.look_ms),
            age_ms: self.age_ms.unwrap_or(most.age_ms),
            behind: self.behind.unwrap_or(most.behind),
            retention_ms: self.retention_ms.unwrap_or(most.retention_ms),
            laggard_ms: self.laggard_ms.unwrap_or(most.laggard_ms),
            grace_ms: self.grace_ms.unwrap_or(most.grace_ms),
            lease_ms: self.lease_ms.unwrap_or(most.lease_ms),
            tick_ms: self.tick_ms.unwrap_or(most.tick_ms),
        };
        let bounded = [("look_ms", meant.look_ms), ("lease_ms", meant.lease_ms)];
        if let Some((name, value)) = bounded.iter().find(|(_, value)| *value < 100) {
            return Err(format!("keeper.{name} is {value}: give at least 100"));
        }
        Ok(self.on.unwrap_or(true).then_some(meant))
    }
}
