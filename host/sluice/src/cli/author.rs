//! What a validator's author types: the arguments of `validator test`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Default, Args)]
pub struct ValidatorTest {
    /// A folder of cases, or one with validator.toml and the folder cases
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// A component file or a built-in's name, instead of the one in validator.toml
    #[arg(long)]
    pub component: Option<String>,
    /// Settings: JSON, or @file
    #[arg(long)]
    pub settings: Option<String>,
    /// The key of cases that are files
    #[arg(long)]
    pub key: Option<String>,
    /// Fuel for one call
    #[arg(long)]
    pub fuel: Option<u64>,
    /// Memory for one call, in bytes
    #[arg(long)]
    pub memory_bytes: Option<u64>,
    /// Wall-clock backstop for one call, in ms
    #[arg(long)]
    pub time_ms: Option<u64>,
    /// Only cases whose names match: * stands for any characters
    #[arg(long, value_name = "GLOB")]
    pub run: Option<String>,
    /// Write what was found into the expectations, where the decision is the expected one
    #[arg(long)]
    pub update: bool,
    /// Write a report for CI (JUnit XML) too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}
