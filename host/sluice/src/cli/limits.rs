//! The limits of one call as flags: the same for every verb that binds a validator, or acts as if it did.

use clap::Args;
use serde_json::{Map, Value};

/// What is left out has the hosts' defaults.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Limits of one call")]
pub struct LimitArgs {
    /// Fuel, in about WebAssembly instructions
    #[arg(long, value_name = "N")]
    pub fuel: Option<u64>,
    /// Memory, in bytes
    #[arg(long, value_name = "N")]
    pub memory_bytes: Option<u64>,
    /// Wall clock, in ms: a backstop behind the fuel
    #[arg(long, value_name = "N")]
    pub time_ms: Option<u64>,
    /// Elements of each table
    #[arg(long, value_name = "N")]
    pub table_elements: Option<u64>,
    /// Core instances the component is made of
    #[arg(long, value_name = "N")]
    pub instances: Option<u64>,
    /// Bytes handed to the host at once
    #[arg(long, value_name = "N")]
    pub result_bytes: Option<u64>,
    /// Log lines kept
    #[arg(long, value_name = "N")]
    pub log_lines: Option<u64>,
    /// Calls under way at a time on one host
    #[arg(long, value_name = "N")]
    pub concurrent_calls: Option<u64>,
}

impl LimitArgs {
    /// What was said, as a binding has it.
    pub fn document(&self) -> Map<String, Value> {
        let all = [
            ("fuel", self.fuel),
            ("memory_bytes", self.memory_bytes),
            ("time_ms", self.time_ms),
            ("table_elements", self.table_elements),
            ("instances", self.instances),
            ("result_bytes", self.result_bytes),
            ("log_lines", self.log_lines),
            ("concurrent_calls", self.concurrent_calls),
        ];
        all.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), limit?.into()))).collect()
    }
}
