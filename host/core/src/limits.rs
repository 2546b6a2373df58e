//! How much a validator may use for one change.

use serde::Deserialize;

/// What one call may use. Fuel and memory are counted alike on every host, so running out of them is an
/// answer about the change; time is not, and only stops what fuel somehow did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Units of fuel; about one for each WebAssembly instruction.
    pub fuel: u64,
    /// Bytes of all memories of the component together.
    pub memory_bytes: u64,
    /// Milliseconds by the host's clock.
    pub time_ms: u64,
    pub table_elements: u64,
    pub instances: u64,
    pub result_bytes: u64,
    pub log_lines: u64,
    pub concurrent_calls: u64,
}

impl Limits {
    /// What a binding gets that does not say: about a second, and 64 MiB.
    pub const DEFAULT: Limits = Limits {
        fuel: 2_000_000_000,
        memory_bytes: 64 << 20,
        time_ms: 10_000,
        table_elements: 20_000,
        instances: 32,
        result_bytes: 1 << 20,
        log_lines: 64,
        concurrent_calls: 32,
    };
    /// The most a binding may ask for. The memory is also what each slot of the pool reserves.
    pub const MAX: Limits = Limits {
        fuel: 50_000_000_000,
        memory_bytes: 256 << 20,
        time_ms: 60_000,
        table_elements: 20_000,
        instances: 32,
        result_bytes: 16 << 20,
        log_lines: 1000,
        concurrent_calls: 32,
    };

    /// Names the first limit that is zero or beyond [`Limits::MAX`].
    ///
    /// # Errors
    /// In words for the publisher.
    pub fn check(&self) -> Result<(), String> {
        let most = Limits::MAX;
        let all = [
            ("fuel", self.fuel, most.fuel),
            ("memory_bytes", self.memory_bytes, most.memory_bytes),
            ("time_ms", self.time_ms, most.time_ms),
        ];
        match all.into_iter().find(|(_, value, most)| *value == 0 || value > most) {
            Some((name, value, most)) => Err(format!("limits.{name} is {value}: give 1 to {most}")),
            None => Ok(()),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
