//! What a validator's author types: the arguments of the verbs that make, try out and measure one.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use sluice_core::Revision;

use super::limits::LimitArgs;

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
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Only cases whose names match: * stands for any characters
    #[arg(long, value_name = "GLOB")]
    pub run: Option<String>,
    /// Write what was found into the expectations, where the decision is the expected one
    #[arg(long)]
    pub update: bool,
    /// Write a report for CI (JUnit XML) too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Test again whenever the component, a case or a source changes
    #[arg(long, conflicts_with = "update")]
    pub watch: bool,
}

/// A change of one document, and what is there before it.
#[derive(Debug, Default, Args)]
pub struct Document {
    /// The key it would have
    #[arg(long, default_value = "key")]
    pub key: String,
    /// Media type; default: by the key's extension
    #[arg(long = "type", value_name = "MEDIA")]
    pub media: Option<String>,
    /// A key that is there before, as KEY=VALUE or KEY=@file; its own key gives the old value
    #[arg(long, value_name = "KEY=VALUE")]
    pub given: Vec<String>,
    /// Keys it may look up besides its own: * within a segment, ** across; default: those given
    #[arg(long, value_name = "GLOB")]
    pub reads: Vec<String>,
    /// Settings: JSON, or @file
    #[arg(long)]
    pub settings: Option<String>,
    #[command(flatten)]
    pub limits: LimitArgs,
}

#[derive(Debug, Args)]
pub struct ValidatorRun {
    /// A component file, a built-in's name, or a digest
    pub component: String,
    /// The value; - reads stdin, @file a file
    pub value: String,
    #[command(flatten)]
    pub document: Document,
}

#[derive(Debug, Args)]
pub struct ValidatorBench {
    /// A component file, a built-in's name, or a digest
    pub component: String,
    /// The value judged; - reads stdin, @file a file
    #[arg(long, value_name = "VALUE", required_unless_present = "case")]
    pub value: Option<String>,
    /// A folder with change.toml instead, as validator test has them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["value", "key", "media", "given"])]
    pub case: Option<PathBuf>,
    #[command(flatten)]
    pub document: Document,
    /// Calls measured of each kind
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub runs: u32,
    /// Write what was measured, for --baseline later
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Compare with what was saved
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// End with 1 when anything is worse than the baseline by more than this factor
    #[arg(long, value_name = "X", requires = "baseline")]
    pub max_ratio: Option<f64>,
}

#[derive(Debug, Args)]
pub struct ValidatorRecord {
    /// From the log of the space; so far the only source
    #[arg(long, required = true)]
    pub from_log: bool,
    /// The file to write, JSON Lines
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Changes of the keys that this binding names now, with the verdicts it came to then
    #[arg(long, value_name = "NAME")]
    pub binding: Option<String>,
    /// Changes of these keys, with what became of them; repeatable
    #[arg(long, value_name = "GLOB", required_unless_present = "binding", conflicts_with = "binding")]
    pub keys: Vec<String>,
    /// Other keys to record the state of, for look-ups; repeatable; default: those the binding reads
    #[arg(long, value_name = "GLOB")]
    pub reads: Vec<String>,
    /// Only entries behind this revision
    #[arg(long, value_name = "REV")]
    pub since: Option<Revision>,
    /// At most this many, the newest
    #[arg(long, default_value_t = 1000)]
    pub limit: usize,
}

#[derive(Debug, Args)]
pub struct ValidatorReplay {
    /// A file that validator record wrote
    pub file: PathBuf,
    /// The new build: a component file, a built-in's name, or a digest
    pub component: String,
    /// Take settings, limits and reads from this binding as it is now, instead of the recorded one
    #[arg(long, value_name = "NAME")]
    pub binding: Option<String>,
    /// Settings: JSON, or @file
    #[arg(long)]
    pub settings: Option<String>,
    #[command(flatten)]
    pub limits: LimitArgs,
}

#[derive(Debug, Args)]
pub struct ValidatorWit {
    /// A version, such as 1.0.0; default: the newest
    pub version: Option<String>,
    /// List the versions instead
    #[arg(long, conflicts_with = "version")]
    pub list: bool,
}
