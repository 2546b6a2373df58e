//! A disk that forgets: what is left of a folder when the power goes, worked out from every change that was made to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use sluice_disk::{Act, Change, Watch};

/// What a crash leaves of that which was not flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process alone dies: all is left.
    Process,
    /// Only what was flushed is left, names and bytes.
    Nothing,
    /// The names, and of the bytes what was flushed.
    Names,
    /// The bytes, under the names that were flushed.
    Bytes,
    /// Names and lengths, and zeros for bytes that were not flushed.
    Zeros,
    /// All, but half of the last write.
    Torn,
}

pub const CRASHES: [Crash; 6] = [Crash::Process, Crash::Nothing, Crash::Names, Crash::Bytes, Crash::Zeros, Crash::Torn];

/// A change, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    Create(PathBuf),
    Write(PathBuf, u64, Vec<u8>),
    Reserve(PathBuf, u64),
    Cut(PathBuf, u64),
    Flush(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Folder,
    FlushFolder,
}

/// Keeps all changes in order, and lets one of them fail.
#[derive(Default)]
pub struct Recorder {
    kept: Mutex<Vec<Kept>>,
    /// Which change fails, how often yet, and how.
    failing: Mutex<Option<(usize, i32, bool)>>,
    tries: Mutex<usize>,
    /// Files with a failed flush, and what was done to them all the same.
    suspects: Mutex<BTreeSet<PathBuf>>,
    misused: Mutex<Vec<Kept>>,
}

impl Recorder {
    /// The change with this number fails with this error; a write perhaps after its first half.
    pub fn failing(at: usize, errno: i32, is_short: bool) -> Arc<Recorder> {
        Arc::new(Recorder { failing: Mutex::new(Some((at, errno, is_short))), ..Recorder::default() })
    }

    pub fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap()
    }

    /// What was written to a file, or flushed, after a flush of it had failed.
    pub fn misused(&self) -> Vec<Kept> {
        self.misused.lock().unwrap().clone()
    }

    fn mistrust(&self, change: &Change<'_>, fails: bool) {
        let mut suspects = self.suspects.lock().unwrap();
        match *change {
            Change::Flush(path) if fails => drop(suspects.insert(path.to_owned())),
            Change::Write { path, .. } | Change::Flush(path) if suspects.contains(path) => {
                self.misused.lock().unwrap().push(owned(change));
            }
            // A file under this name is another one from now on, or empty.
            Change::Remove(path) | Change::Rename { to: path, .. } => drop(suspects.remove(path)),
            Change::Create(path) if is_anew(path) => drop(suspects.remove(path)),
            _ => (),
        }
    }
}

/// Only drafts and what is put aside are made anew; what else is opened keeps its bytes.
fn is_anew(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "new" || extension == "damaged")
}

fn owned(change: &Change<'_>) -> Kept {
    let owned = |path: &Path| path.to_owned();
    match *change {
        Change::Create(path) => Kept::Create(owned(path)),
        Change::Write { path, at, bytes } => Kept::Write(owned(path), at, bytes.to_vec()),
        Change::Reserve { path, end } => Kept::Reserve(owned(path), end),
        Change::Cut { path, end } => Kept::Cut(owned(path), end),
        Change::Flush(path) => Kept::Flush(owned(path)),
        Change::Rename { from, to } => Kept::Rename(owned(from), owned(to)),
        Change::Remove(path) => Kept::Remove(owned(path)),
        Change::Folder(_) => Kept::Folder,
        Change::FlushFolder(_) => Kept::FlushFolder,
    }
}

impl Watch for Recorder {
    fn before(&self, change: &Change<'_>) -> Act {
        let mut tries = self.tries.lock().unwrap();
        let now = *tries;
        *tries += 1;
        let failing = self.failing.lock().unwrap().filter(|(at, ..)| *at == now);
        self.mistrust(change, failing.is_some());
        match (failing, change) {
            (Some((_, errno, true)), Change::Write { bytes, .. }) => {
                Act::Part(bytes.len() / 2, io::Error::from_raw_os_error(errno))
            }
            (Some((_, errno, _)), _) => Act::Fail(io::Error::from_raw_os_error(errno)),
            (None, _) => Act::Go,
        }
    }

    fn after(&self, change: &Change<'_>) {
        self.kept().push(owned(change));
    }
}

/// A folder for a test, where flushing costs nothing if there is such a place.
pub fn quick() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A file: its bytes, and those that were flushed.
#[derive(Clone, Default)]
struct File {
    bytes: Vec<u8>,
    flushed: Vec<u8>,
}

/// A folder as the kernel sees it, and as the disk does.
#[derive(Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    flushed: BTreeMap<PathBuf, usize>,
}

impl Disk {
    /// A folder that is on the disk as it stands.
    pub fn of(folder: &Path) -> Disk {
        let mut disk = Disk::default();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            disk.names.insert(path, disk.files.len());
            disk.files.push(File { flushed: bytes.clone(), bytes });
        }
        disk.flushed = disk.names.clone();
        disk
    }

    pub fn make(&mut self, change: &Kept, is_torn: bool) {
        match change {
            Kept::Create(path) => {
                if is_anew(path)
                    && let Some(file) = self.names.get(path)
                {
                    self.files[*file].bytes.clear();
                }
                self.names.entry(path.clone()).or_insert_with(|| {
                    self.files.push(File::default());
                    self.files.len() - 1
                });
            }
            Kept::Write(path, at, bytes) => {
                let bytes = if is_torn { &bytes[..bytes.len() / 2] } else { bytes };
                let (file, at) = (self.bytes(path), *at as usize);
                file.resize(file.len().max(at + bytes.len()), 0);
                file[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Kept::Reserve(path, end) => {
                let file = self.bytes(path);
                file.resize(file.len().max(*end as usize), 0);
            }
            Kept::Cut(path, end) => self.bytes(path).resize(*end as usize, 0),
            Kept::Flush(path) => {
                let file = &mut self.files[self.names[path]];
                file.flushed.clone_from(&file.bytes);
            }
            Kept::Rename(from, to) => {
                let file = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), file);
            }
            Kept::Remove(path) => drop(self.names.remove(path)),
            Kept::Folder => (),
            Kept::FlushFolder => self.flushed = self.names.clone(),
        }
    }

    fn bytes(&mut self, path: &Path) -> &mut Vec<u8> {
        &mut self.files[self.names[path]].bytes
    }

    /// Puts what a crash leaves into a folder.
    pub fn left(&self, crash: Crash, folder: &Path) {
        let names = match crash {
            Crash::Nothing | Crash::Bytes => &self.flushed,
            Crash::Process | Crash::Names | Crash::Zeros | Crash::Torn => &self.names,
        };
        for (path, file) in names {
            let File { bytes, flushed } = &self.files[*file];
            let left = match crash {
                Crash::Process | Crash::Bytes | Crash::Torn => bytes.clone(),
                Crash::Nothing | Crash::Names => flushed.clone(),
                Crash::Zeros => {
                    let mut zeros = flushed.clone();
                    zeros.resize(bytes.len(), 0);
                    zeros
                }
            };
            fs::write(folder.join(path.file_name().unwrap()), left).unwrap();
        }
    }
}
