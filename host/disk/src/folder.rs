//! The folder: its lock, the names in it, and files that come into being whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::files::{Files, Output};
use crate::frame::{Kind, read};
use crate::position::Position;
use crate::report::Damage;
use crate::settings::Settings;

/// Highest number of a file: far beyond what a disk lives to see, and with room for the next.
const NUMBER_MAX: u64 = u64::MAX >> 1;

/// A folder that belongs to this process for as long as this lives.
pub struct Folder {
    pub path: PathBuf,
    pub files: Files,
    /// Whether what is made reaches the disk itself before it counts.
    sync: bool,
    // Held, not read: the kernel lets go of it with the process, however it ends.
    _lock: Output,
}

/// The files of ours in a folder, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub images: Vec<u64>,
    pub logs: Vec<u64>,
    /// Files that were being made when the process ended.
    pub unfinished: Vec<PathBuf>,
    /// Files set aside earlier.
    pub damaged: Vec<PathBuf>,
}

impl Folder {
    /// Makes the folder if need be and locks it.
    pub fn claim(path: &Path, settings: &Settings) -> Result<Folder, OpenError> {
        let files = settings.files.clone();
        if path.exists() && !path.is_dir() {
            return Err(OpenError::at(path, "open")(io::ErrorKind::NotADirectory.into()));
        }
        files.make_folder(path).map_err(OpenError::at(path, "create"))?;
        let lock_path = path.join("lock");
        let mut lock = files.create(&lock_path, false).map_err(OpenError::at(&lock_path, "open"))?;
        match lock.file.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Busy { folder: path.to_owned(), pid: read_pid(&mut lock.file) });
            }
            Err(TryLockError::Error(error)) => return Err(OpenError::at(&lock_path, "lock")(error)),
        }
        // Only told to others: a full disk must not keep what is on it from being served.
        let _ = write_pid(&files, &lock);
        Ok(Folder { path: path.to_owned(), files, sync: settings.sync, _lock: lock })
    }

    /// Where a file is.
    pub fn file(&self, kind: Kind, number: u64) -> PathBuf {
        self.path.join(name(kind, number))
    }

    /// Makes a file that exists whole or not at all, and answers with it open for writing.
    pub fn create<T>(&self, path: &Path, fill: impl FnOnce(&Output) -> io::Result<T>) -> io::Result<(Output, T)> {
        let draft = path.with_extension("new");
        let made = (|| {
            let mut output = self.files.create(&draft, true)?;
            let answer = fill(&output)?;
            if self.sync {
                self.files.flush(&output)?;
            }
            self.files.rename(&draft, path)?;
            output.path = path.to_owned();
            self.flush()?;
            Ok((output, answer))
        })();
        if made.is_err() {
            // It may not be there, and opening clears such files away.
            let _ = self.files.remove(&draft);
        }
        made
    }

    /// What writes a file, and whether it flushes.
    pub fn way(&self) -> (&Files, bool) {
        (&self.files, self.sync)
    }

    /// Makes the names themselves durable.
    pub fn flush(&self) -> io::Result<()> {
        if self.sync { self.files.flush_folder(&self.path) } else { Ok(()) }
    }

    /// Puts damaged bytes where they are out of the way and can be looked at: a whole file under another
    /// name, a tail in a copy of at most `damaged_bytes_max` before it is cut off.
    pub fn set_aside(&self, damage: &Damage, settings: &Settings) -> io::Result<Option<PathBuf>> {
        let aside = damage.file.with_extension("damaged");
        if damage.at == 0 {
            self.files.rename(&damage.file, &aside)?;
            return Ok(Some(aside));
        }
        // Best effort: a sector that cannot be read must not keep the good part from being used.
        let is_kept = self.copy_tail(damage, &aside, settings).is_ok();
        let file = self.files.create(&damage.file, false)?;
        // Not flushed: should the cut be lost, the damage is found once more. The log that is gone on with is flushed
        // when it is opened.
        self.files.cut(&file, damage.at)?;
        Ok(is_kept.then_some(aside))
    }

    /// Removes the oldest damaged files when there are more than `most`.
    pub fn forget_damaged(&self, most: usize) -> io::Result<()> {
        let mut damaged = list(&self.path)?.damaged;
        damaged.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
        let surplus = damaged.len().saturating_sub(most);
        damaged[..surplus].iter().try_for_each(|path| self.files.remove(path))
    }

    /// Removes what the image `newest` makes unnecessary: all but its own generation, the one before, and what leads to
    /// `proven`.
    pub fn clear(&self, newest: u64, proven: Option<Position>) -> io::Result<()> {
        let listing = list(&self.path)?;
        let leads = |number: u64| match (proven, read(&self.file(Kind::Image, number), Kind::Image)) {
            (None, _) => true,
            (Some(proven), Ok((head, _))) => head.start.sequence <= proven.sequence,
            (Some(_), Err(_)) => false,
        };
        let mut earlier = listing.images.iter().rev().copied().filter(|&number| number < newest);
        let keep = earlier.find(|&number| leads(number)).unwrap_or(0);
        let old = |numbers: &[u64], kind| {
            let old = numbers.iter().filter(|&&number| number < keep);
            old.map(|&number| self.file(kind, number)).collect::<Vec<_>>()
        };
        let old = [old(&listing.images, Kind::Image), old(&listing.logs, Kind::Log)].concat();
        old.iter().try_for_each(|path| self.files.remove(path))
    }

    fn copy_tail(&self, damage: &Damage, aside: &Path, settings: &Settings) -> io::Result<()> {
        let mut file = File::open(&damage.file)?;
        file.seek(SeekFrom::Start(damage.at))?;
        let mut tail = Vec::new();
        file.take(settings.damaged_bytes_max).read_to_end(&mut tail)?;
        let copy = self.files.create(aside, true)?;
        self.files.write_at(&copy, 0, &tail)?;
        if self.sync { self.files.flush(&copy) } else { Ok(()) }
    }
}

/// Lists a folder; names that are not ours are none of our business.
pub fn list(folder: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let (stem, extension) = name.split_once('.').map_or((name, None), |(stem, rest)| (stem, Some(rest)));
        match (parsed(stem), extension) {
            (Some((Kind::Image, number)), None) => listing.images.push(number),
            (Some((Kind::Log, number)), None) => listing.logs.push(number),
            (Some(_), Some("new")) => listing.unfinished.push(path),
            (Some(_), Some("damaged")) => listing.damaged.push(path),
            (Some(_) | None, _) => (),
        }
    }
    listing.images.sort_unstable();
    listing.logs.sort_unstable();
    Ok(listing)
}

/// What a file is called.
pub fn name(kind: Kind, number: u64) -> String {
    match kind {
        Kind::Image => format!("image-{number}"),
        Kind::Log => format!("log-{number}"),
    }
}

fn parsed(stem: &str) -> Option<(Kind, u64)> {
    let (kind, number) = stem.split_once('-')?;
    let kind = match kind {
        "image" => Kind::Image,
        "log" => Kind::Log,
        _ => return None,
    };
    let number = number.parse().ok()?;
    (name(kind, number) == stem && number <= NUMBER_MAX).then_some((kind, number))
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(files: &Files, lock: &Output) -> io::Result<()> {
    files.cut(lock, 0)?;
    files.write_at(lock, 0, format!("{}\n", std::process::id()).as_bytes())
}
