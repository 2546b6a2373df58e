//! The arguments of `sluice snapshot`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum SnapshotVerb {
    /// Write one now, of all the log leads to
    Write,
    /// Write the state at the log's end to a file, with the components it names
    Save {
        /// Where to
        file: PathBuf,
    },
    /// Put a saved state where hosts find it: into an empty space, which goes on behind it
    Restore(Restore),
    /// Check every digest of the newest snapshot in Redis, or of a saved one
    Verify {
        /// The file [default: the newest in Redis]
        file: Option<PathBuf>,
    },
    /// List the snapshots in Redis, newest first
    Ls,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// The file
    pub file: PathBuf,
    /// Also where there is a log or a snapshot: new hosts begin with this one, and go on in the log that is there
    #[arg(long)]
    pub force: bool,
}
