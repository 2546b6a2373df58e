//! Every change the store makes to the disk, one method a system call: the only place where it can go wrong.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};

/// The configuration of a whole fleet is nobody else's business.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A change of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A folder is made, and those above it.
    Folder(&'a Path),
    /// A file is opened for writing, and made if need be.
    Create(&'a Path),
    /// Bytes are written into a file.
    Write { path: &'a Path, at: u64, bytes: &'a [u8] },
    /// A file is given room up to `end`.
    Reserve { path: &'a Path, end: u64 },
    /// A file is cut off, or made longer with zeros.
    Cut { path: &'a Path, end: u64 },
    /// What was written to a file reaches the disk itself.
    Flush(&'a Path),
    /// A file gets another name.
    Rename { from: &'a Path, to: &'a Path },
    /// A file goes.
    Remove(&'a Path),
    /// The names in a folder reach the disk itself.
    FlushFolder(&'a Path),
}

/// What becomes of a change.
#[derive(Debug)]
pub enum Act {
    /// It is made.
    Go,
    /// It is not, with this error.
    Fail(io::Error),
    /// This many bytes of a write are written, and then comes this error. Of others nothing is done.
    Part(usize, io::Error),
}

/// Stands before the disk: sees each change, and may keep it from being made. For tests of what the store does then.
pub trait Watch: Send + Sync {
    /// A change is about to be made.
    fn before(&self, change: &Change<'_>) -> Act;

    /// It has been made, or the part of it that was to be.
    fn after(&self, change: &Change<'_>);
}

/// The way to the disk.
#[derive(Clone, Default)]
pub struct Files(Option<Arc<dyn Watch>>);

/// A file being written.
#[derive(Debug)]
pub struct Output {
    pub file: File,
    pub path: PathBuf,
}

impl Files {
    /// With somebody before the disk.
    pub fn watched(watch: Arc<dyn Watch>) -> Files {
        Files(Some(watch))
    }

    pub(crate) fn make_folder(&self, path: &Path) -> io::Result<()> {
        let make = || DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
        self.change(&Change::Folder(path), make)
    }

    /// Opens a file for writing, and makes it if need be; `anew` empties one that is there.
    pub(crate) fn create(&self, path: &Path, anew: bool) -> io::Result<Output> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(anew).mode(FILE_MODE);
        let file = self.change(&Change::Create(path), || options.open(path))?;
        Ok(Output { file, path: path.to_owned() })
    }

    pub(crate) fn write_at(&self, to: &Output, at: u64, bytes: &[u8]) -> io::Result<()> {
        let path = &to.path;
        let Some(watch) = &self.0 else { return to.file.write_all_at(bytes, at) };
        let (count, failure) = match watch.before(&Change::Write { path, at, bytes }) {
            Act::Go => (bytes.len(), None),
            Act::Fail(error) => return Err(error),
            Act::Part(count, error) => (count.min(bytes.len()), Some(error)),
        };
        let bytes = &bytes[..count];
        to.file.write_all_at(bytes, at)?;
        watch.after(&Change::Write { path, at, bytes });
        failure.map_or(Ok(()), Err)
    }

    pub(crate) fn reserve(&self, of: &Output, from: u64, end: u64) -> io::Result<()> {
        let reserve = || Ok(fallocate(&of.file, FallocateFlags::empty(), from, end - from)?);
        self.change(&Change::Reserve { path: &of.path, end }, reserve)
    }

    pub(crate) fn cut(&self, of: &Output, end: u64) -> io::Result<()> {
        self.change(&Change::Cut { path: &of.path, end }, || of.file.set_len(end))
    }

    /// Flushes bytes and length.
    pub(crate) fn flush(&self, of: &Output) -> io::Result<()> {
        self.change(&Change::Flush(&of.path), || of.file.sync_data())
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(&Change::Rename { from, to }, || fs::rename(from, to))
    }

    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(&Change::Remove(path), || fs::remove_file(path))
    }

    pub(crate) fn flush_folder(&self, path: &Path) -> io::Result<()> {
        self.change(&Change::FlushFolder(path), || File::open(path)?.sync_all())
    }

    fn change<T>(&self, change: &Change<'_>, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let Some(watch) = &self.0 else { return make() };
        match watch.before(change) {
            Act::Go => (),
            Act::Fail(error) | Act::Part(_, error) => return Err(error),
        }
        let made = make()?;
        watch.after(change);
        Ok(made)
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Files(watched)" } else { "Files" })
    }
}
