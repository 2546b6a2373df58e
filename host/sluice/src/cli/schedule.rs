//! The arguments of `sluice schedule`.

use clap::{Args, Subcommand};
use sluice_core::Revision;

use super::PublishArgs;

#[derive(Debug, Subcommand)]
pub enum ScheduleVerb {
    /// List them, the earliest first
    Ls,
    /// Call one off: a change that has not begun never does, one that has stays
    Cancel(Cancel),
}

#[derive(Debug, Args)]
pub struct Cancel {
    /// Its revision, as ls shows it
    pub revision: Revision,
    #[command(flatten)]
    pub publish: PublishArgs,
}
