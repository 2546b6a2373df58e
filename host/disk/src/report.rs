//! What opening found.

use std::fmt;
use std::path::PathBuf;

/// What opening a store found, for the log and for `sluice doctor`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The image the state was built on; none when it was built from the logs alone.
    pub image: Option<PathBuf>,
    /// How many log records were replayed on top of it.
    pub records: u64,
    /// Everything that could not be used. When this is not empty the state may be an older one.
    pub damaged: Vec<Damage>,
    /// There were files, and none of them could be used: the host starts with nothing.
    pub is_emptied: bool,
}

/// A file, or the tail of one, that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which file.
    pub file: PathBuf,
    /// From which byte on; 0 for all of it.
    pub at: u64,
    /// How many bytes could not be used.
    pub bytes: u64,
    /// What is wrong with them.
    pub what: String,
    /// Where they have been put.
    pub set_aside: Option<PathBuf>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { file, at, bytes, what, set_aside } = self;
        write!(f, "{}: {what} at byte {at}: {bytes} bytes were not used", file.display())?;
        match set_aside {
            Some(path) => write!(f, ", see {}", path.display()),
            None => Ok(()),
        }
    }
}
