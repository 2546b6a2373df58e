//! The folder: its lock, the names in it, and files that come into being whole.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::frame::Kind;
use crate::report::Damage;
use crate::settings::Settings;

/// The configuration of a whole fleet is nobody else's business.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Highest number of a file: far beyond what a disk lives to see, and with room for the next.
const NUMBER_MAX: u64 = u64::MAX >> 1;

/// A folder that belongs to this process for as long as this lives.
pub struct Folder {
    pub path: PathBuf,
    // Held, not read: the kernel lets go of it with the process, however it ends.
    _lock: File,
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
    pub fn claim(path: &Path) -> Result<Folder, OpenError> {
        if path.exists() && !path.is_dir() {
            return Err(OpenError::at(path, "open")(io::ErrorKind::NotADirectory.into()));
        }
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(OpenError::at(path, "create"))?;
        let lock_path = path.join("lock");
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(&lock_path);
        let mut lock = opened.map_err(OpenError::at(&lock_path, "open"))?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Busy { folder: path.to_owned(), pid: read_pid(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(OpenError::at(&lock_path, "lock")(error)),
        }
        write_pid(&mut lock).map_err(OpenError::at(&lock_path, "write"))?;
        Ok(Folder { path: path.to_owned(), _lock: lock })
    }

    /// Where a file is.
    pub fn file(&self, kind: Kind, number: u64) -> PathBuf {
        self.path.join(name(kind, number))
    }

    /// Makes a file that exists whole or not at all, and answers with it open for writing.
    pub fn create<T>(
        &self,
        path: &Path,
        sync: bool,
        fill: impl FnOnce(&File) -> io::Result<T>,
    ) -> io::Result<(File, T)> {
        let draft = path.with_extension("new");
        let made = (|| {
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&draft)?;
            let answer = fill(&file)?;
            if sync {
                file.sync_all()?;
            }
            fs::rename(&draft, path)?;
            self.flush(sync)?;
            Ok((file, answer))
        })();
        if made.is_err() {
            // It may not be there, and opening clears such files away.
            let _ = fs::remove_file(&draft);
        }
        made
    }

    /// Makes the names themselves durable.
    pub fn flush(&self, sync: bool) -> io::Result<()> {
        if sync { File::open(&self.path)?.sync_all() } else { Ok(()) }
    }

    /// Puts damaged bytes where they are out of the way and can be looked at: a whole file under another
    /// name, a tail in a copy of at most `damaged_bytes_max` before it is cut off.
    pub fn set_aside(&self, damage: &Damage, settings: &Settings) -> io::Result<Option<PathBuf>> {
        let aside = damage.file.with_extension("damaged");
        if damage.at == 0 {
            fs::rename(&damage.file, &aside)?;
            return Ok(Some(aside));
        }
        // Best effort: a sector that cannot be read must not keep the good part from being used.
        let is_kept = copy_tail(damage, &aside, settings).is_ok();
        let file = OpenOptions::new().write(true).open(&damage.file)?;
        file.set_len(damage.at)?;
        if settings.sync {
            file.sync_all()?;
        }
        Ok(is_kept.then_some(aside))
    }

    /// Removes the oldest damaged files when there are more than `most`.
    pub fn forget_damaged(&self, most: usize) -> io::Result<()> {
        let mut damaged = list(&self.path)?.damaged;
        damaged.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
        let surplus = damaged.len().saturating_sub(most);
        damaged[..surplus].iter().try_for_each(fs::remove_file)
    }

    /// Removes what the image `newest` makes unnecessary: all but its own generation and the one before.
    pub fn clear(&self, newest: u64) -> io::Result<()> {
        let listing = list(&self.path)?;
        let keep = listing.images.iter().copied().filter(|&number| number < newest).max().unwrap_or(0);
        let old = |numbers: &[u64], kind| {
            let old = numbers.iter().filter(|&&number| number < keep);
            old.map(|&number| self.file(kind, number)).collect::<Vec<_>>()
        };
        let old = [old(&listing.images, Kind::Image), old(&listing.logs, Kind::Log)].concat();
        old.iter().try_for_each(fs::remove_file)
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

fn copy_tail(damage: &Damage, aside: &Path, settings: &Settings) -> io::Result<()> {
    let mut file = File::open(&damage.file)?;
    file.seek(SeekFrom::Start(damage.at))?;
    let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(aside)?;
    io::copy(&mut file.take(settings.damaged_bytes_max), &mut copy)?;
    if settings.sync { copy.sync_all() } else { Ok(()) }
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

fn write_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.seek(SeekFrom::Start(0))?;
    writeln!(lock, "{}", std::process::id())
}
