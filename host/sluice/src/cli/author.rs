//! What a validator's author types: the arguments of `validator new`, `build` and `test`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

#[derive(Debug, Args)]
pub struct ValidatorNew {
    /// The folder to make; its last name is the validator's: lower case, digits and -
    pub path: PathBuf,
    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    pub lang: Lang,
    /// For Rust: an SDK that is there already, such as guest/sdk of a checkout; default: a copy of our own in sdk/
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<PathBuf>,
}

/// Languages that `validator new` makes projects for, and `validator build` builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    Rust,
    Js,
    Python,
    C,
}

#[derive(Debug, Args)]
pub struct ValidatorBuild {
    /// The project
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Bytes of stack, for Rust and C; less makes each call faster, a rule that recurses deeply needs more; default: 65536
    #[arg(long, value_parser = clap::value_parser!(u32).range(4_096..=16_777_216))]
    pub stack_bytes: Option<u32>,
    /// Where to put the component; default: target/NAME.wasm of the project
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

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
