//! How much a validator may use for one change.

use serde::Deserialize;

/// What one call may use. What is counted alike on every host, such as fuel and memory, makes running out an
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
    /// Elements of each table of the component.
    pub table_elements: u64,
    /// Core instances one component is made of: one for a module, more when it is composed of several.
    pub instances: u64,
    /// Bytes a call may hand to the host: its findings, and what it asks for.
    pub result_bytes: u64,
    /// Lines a call may log; the rest is dropped. None at all may be meant.
    pub log_lines: u64,
    /// Calls of this binding under way on one host at a time.
    pub concurrent_calls: u64,
}

impl Limits {
    /// What a binding gets that does not say: about a second, and 64 MiB.
    pub const DEFAULT: Limits = Limits {
        fuel: 2_000_000_000,
        memory_bytes: 64 << 20,
        time_ms: 10_000,
        table_elements: 20_000,
        instances: 64,
        result_bytes: 1 << 20,
        log_lines: 64,
        concurrent_calls: 32,
    };
    /// The most a binding may ask for. Memory, tables and instances are also what the pool reserves.
    pub const MAX: Limits = Limits {
        fuel: 50_000_000_000,
        memory_bytes: 256 << 20,
        time_ms: 60_000,
        table_elements: 20_000,
        instances: 64,
        result_bytes: 16 << 20,
        log_lines: 1_000,
        concurrent_calls: 32,
    };

    /// Names the first limit that is too small to mean anything or beyond [`Limits::MAX`].
    ///
    /// # Errors
    /// In words for the publisher.
    pub fn check(&self) -> Result<(), String> {
        let most = Limits::MAX;
        let all = [
            ("fuel", self.fuel, 1, most.fuel),
            ("memory_bytes", self.memory_bytes, 1, most.memory_bytes),
            ("time_ms", self.time_ms, 1, most.time_ms),
            ("table_elements", self.table_elements, 1, most.table_elements),
            ("instances", self.instances, 1, most.instances),
            ("result_bytes", self.result_bytes, 1, most.result_bytes),
            ("log_lines", self.log_lines, 0, most.log_lines),
            ("concurrent_calls", self.concurrent_calls, 1, most.concurrent_calls),
        ];
        match all.into_iter().find(|(_, value, least, most)| !(*least..=*most).contains(value)) {
            Some((name, value, least, most)) => Err(format!("limits.{name} is {value}: give {least} to {most}")),
            None => Ok(()),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
