//! What opening does to a folder: clears it up, and finds or makes the log to go on with.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use sluice_core::{Lost, State};
use tracing::warn;

use crate::error::OpenError;
use crate::folder::{Folder, list};
use crate::frame::{Head, Kind, put_head};
use crate::image;
use crate::log::Log;
use crate::position::Position;
use crate::recover::Recovered;
use crate::report::OpenReport;
use crate::settings::Settings;

/// A file that could not be made.
pub struct Unmade {
    path: PathBuf,
    doing: &'static str,
    error: io::Error,
}

impl Unmade {
    pub fn lost(&self) -> Lost {
        super::lost(&self.path, self.doing, &self.error)
    }
}

/// Sets aside what is damaged and removes what was never finished.
pub fn tidy(folder: &Folder, settings: &Settings, report: &mut OpenReport) -> Result<(), OpenError> {
    for damage in &mut report.damaged {
        let file = damage.file.clone();
        let aside = folder.set_aside(damage, settings).map_err(OpenError::at(&file, "set aside the damage in"))?;
        damage.set_aside = aside;
    }
    let remove = || -> io::Result<()> {
        list(&folder.path)?.unfinished.iter().try_for_each(|path| folder.files.remove(path))?;
        folder.forget_damaged(settings.damaged_files_max)?;
        folder.flush()
    };
    remove().map_err(OpenError::at(&folder.path, "clear up"))
}

/// The log that goes on where the state stands.
pub fn tail(folder: &Folder, space: &str, settings: &Settings, found: &mut Recovered) -> Result<Log, OpenError> {
    let Some((number, end)) = found.tail else {
        let path = folder.file(Kind::Log, found.unused);
        let made = create_log(folder, space, found.unused, found.position);
        return made.map_err(OpenError::at(&path, "create"));
    };
    let path = folder.file(Kind::Log, number);
    let output = folder.files.create(&path, false).map_err(OpenError::at(&path, "open"))?;
    if settings.sync
        // The process may have died between write and flush. What is served must be on the disk.
        && let Err(error) = folder.files.flush(&output)
    {
        // A second flush would say that all is well, here or after the next start. So all of it is written anew.
        warn!(file = %path.display(), %error, "log not flushed, writing all of it to a new file");
        let made = begin(folder, space, (found.unused, found.position), &found.state, &AtomicBool::new(false));
        let (log, bytes) = made.map_err(|Unmade { path, doing, error }| OpenError::at(&path, doing)(error))?;
        (found.image_bytes, found.log_bytes) = (bytes, 0);
        return Ok(log);
    }
    Ok(Log::new(number, output, end))
}

/// Writes a state as an image of its own, and the log that goes on from it; answers with the size of the image, too.
pub fn begin(
    folder: &Folder,
    space: &str,
    (number, start): (u64, Position),
    state: &State,
    stop: &AtomicBool,
) -> Result<(Log, u64), Unmade> {
    let path = folder.file(Kind::Image, number);
    let head = Head { space: space.to_owned(), start };
    let made = folder.create(&path, |file| image::write(file, &head, state, folder.way(), stop));
    let (_, bytes) = made.map_err(|error| Unmade { path, doing: "write", error })?;
    let made = create_log(folder, space, number, start);
    let log = made.map_err(|error| Unmade { path: folder.file(Kind::Log, number), doing: "create", error })?;
    Ok((log, bytes))
}

pub fn create_log(folder: &Folder, space: &str, number: u64, start: Position) -> io::Result<Log> {
    let mut bytes = Vec::new();
    put_head(&mut bytes, Kind::Log, &Head { space: space.to_owned(), start });
    let write = |file: &_| folder.files.write_at(file, 0, &bytes);
    let (file, ()) = folder.create(&folder.file(Kind::Log, number), write)?;
    Ok(Log::new(number, file, bytes.len() as u64))
}
