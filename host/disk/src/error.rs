//! Why a store cannot be opened.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::frame::VERSION;

/// Why a store cannot be opened. Damage is no reason: see [`crate::OpenReport`].
#[derive(Debug)]
pub enum OpenError {
    /// Another process has it open.
    Busy { folder: PathBuf, pid: Option<u32> },
    /// The folder or a file in it cannot be read or written.
    Unusable { path: PathBuf, doing: &'static str, error: io::Error },
    /// The folder holds another space.
    OtherSpace { file: PathBuf, found: String, wanted: String },
    /// A newer Sluice has written it; nothing was changed.
    Newer { file: PathBuf, version: u32 },
}

impl OpenError {
    /// Says what was being done to `path`.
    pub(crate) fn at(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.to_owned();
        move |error| OpenError::Unusable { path, doing, error }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Busy { folder, pid } => {
                let folder = folder.display();
                let pid = pid.map_or("unknown".to_owned(), |pid| pid.to_string());
                write!(f, "{folder} is in use by another sluice (pid {pid}): stop it, or name another folder")
            }
            OpenError::Unusable { path, doing, error } => write!(f, "{}", Failure { path, doing, error }),
            OpenError::OtherSpace { file, found, wanted } => write!(
                f,
                "{} belongs to space \"{found}\", not \"{wanted}\": name another folder, or correct the space",
                file.display()
            ),
            OpenError::Newer { file, version } => write!(
                f,
                "{} has format {version}, this sluice knows {VERSION}: use a newer sluice, or name another folder",
                file.display()
            ),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Unusable { error, .. } => Some(error),
            OpenError::Busy { .. } | OpenError::OtherSpace { .. } | OpenError::Newer { .. } => None,
        }
    }
}

/// A failed operation on a path, shown with what the operator can do about it.
pub(crate) struct Failure<'a> {
    pub path: &'a Path,
    pub doing: &'a str,
    pub error: &'a io::Error,
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { path, doing, error } = self;
        write!(f, "cannot {doing} {}: {error}: {}", path.display(), remedy(error.kind()))
    }
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "give the user sluice runs as the right to read and write it",
        io::ErrorKind::ReadOnlyFilesystem => "mount it writable, or name another folder",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "name a folder",
        _ => "check the disk; the kernel's log may say more",
    }
}
