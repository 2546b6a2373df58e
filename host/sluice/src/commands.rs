//! One verb, one file; this is the table of verbs.

mod apply;
mod check;
mod compile;
mod completions;
mod delete;
mod dev;
mod diff;
mod doctor;
mod get;
mod help;
mod history;
mod host;
mod hosts;
mod lock;
mod ls;
mod put;
mod reseed;
mod rifts;
mod rollback;
mod schedule;
mod show;
mod snapshot;
mod status;
mod validator;
mod version;
mod watch;

use anyhow::Result;

use crate::cli::{Cli, Verb};
use crate::exit::Ended;
use crate::space::Context;

/// Runs one verb.
pub fn run(cli: Cli) -> Result<Ended> {
    let context = Context::new(&cli);
    match cli.verb {
        Verb::Dev(args) => dev::run(&context, &args),
        Verb::Host(verb) => host::run(&context, &verb),
        Verb::Put(args) => put::run(&context, &args),
        Verb::Get(args) => get::run(&context, &args),
        Verb::Delete(args) => delete::run(&context, &args),
        Verb::Ls(args) => ls::run(&context, &args),
        Verb::Watch(args) => watch::run(&context, &args),
        Verb::Apply(args) => apply::run(&context, &args),
        Verb::Diff(args) => diff::run(&context, &args),
        Verb::Check(args) => check::run(&context, &args),
        Verb::Status(args) => status::run(&context, &args),
        Verb::Hosts => hosts::run(&context),
        Verb::History(args) => history::run(&context, &args),
        Verb::Show(args) => show::run(&context, &args),
        Verb::Schedule(verb) => schedule::run(&context, &verb),
        Verb::Rollback(args) => rollback::run(&context, &args),
        Verb::Validator(verb) => validator::run(&context, &verb),
        Verb::Snapshot(verb) => snapshot::run(&context, &verb),
        Verb::Rifts => rifts::run(&context),
        Verb::Reseed(args) => reseed::run(&context, &args),
        Verb::Lock(verb) => lock::run(&context, &verb),
        Verb::LockWarden => lock::warden(),
        Verb::Doctor(args) => doctor::run(&context, &args),
        Verb::Compile => compile::run(),
        Verb::Completions { shell } => completions::run(shell),
        Verb::Version => version::run(&context),
        Verb::Help { topic } => help::run(&topic),
    }
}
