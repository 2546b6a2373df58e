//! The `sluice` command and daemon.
//!
//! - [`cli`]: what was typed; [`exit`]: how it ends; [`output`]: what it prints
//! - [`settings`]: what a host is told; [`wiring`]: the only place that names concrete edges
//! - [`space`]: a space as commands reach it over Redis; [`replica`]: the fold, run here
//! - [`draft`]: a change as commands write it; [`publish`]: the way in; [`told`]: what came of it
//! - [`way`]: to the space, over Redis or [`through`] a host, whose events [`sse`] reads; [`fleet`]: what all hosts report
//! - [`tree`], [`plan`]: files as keys, and what must change; [`prefix`], [`payload`], [`utc`]: small words
//! - [`commands`]: one verb, one file

pub mod cli;
pub mod commands;
pub mod draft;
pub mod exit;
pub mod fleet;
pub mod output;
pub mod past;
pub mod payload;
pub mod plan;
pub mod prefix;
pub mod publish;
pub mod replica;
pub mod settings;
pub mod space;
pub mod sse;
pub mod telemetry;
pub mod through;
pub mod told;
pub mod tree;
pub mod utc;
pub mod way;
pub mod wiring;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Runs one command line.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match cli::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    report_bugs();
    exit::code(commands::run(cli))
}

/// Help and version go to stdout with 0, wrong usage to stderr with 2. A closed pipe harms neither.
fn usage(error: &clap::Error) -> ExitCode {
    drop(error.print());
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// A panic is a bug of ours: say so, with what a report needs, and end with 70 wherever it happened on the
/// main thread. Other threads' panics are told the same way and end what they were doing.
fn report_bugs() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        eprintln!(
            "error: this is a bug in sluice {}: please report it with the lines above",
            env!("CARGO_PKG_VERSION")
        );
        if std::thread::current().name() == Some("main") {
            exit_as_bug();
        }
    }));
}

// Not a return value, because a panic has none: the one place beside `main` that ends the process.
fn exit_as_bug() -> ! {
    std::process::exit(70)
}
