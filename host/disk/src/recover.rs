//! From the files of a folder to the newest state they still hold. Changes nothing on the disk.

use std::io;
use std::path::{Path, PathBuf};

use sluice_core::{Revision, State, fold};

use crate::ahead::ahead;
use crate::error::OpenError;
use crate::folder::{list, name};
use crate::frame::{Flaw, Frames, Head, Headless, Kind, read};
use crate::image;
use crate::log::{Placed, Records};
use crate::position::Position;
use crate::report::{Damage, OpenReport};

/// What a folder holds.
#[derive(Default)]
pub struct Recovered {
    pub state: State,
    pub position: Position,
    /// The log that ends there, if one does, and the byte behind its last good record.
    pub tail: Option<(u64, u64)>,
    /// Higher than the number of any file.
    pub unused: u64,
    /// How large the image is.
    pub image_bytes: u64,
    /// How many bytes of logs came on top of it.
    pub log_bytes: u64,
    pub report: OpenReport,
    /// Files of other spaces, and which.
    foreign: Vec<(PathBuf, String)>,
}

/// A file whose head is good.
struct Headed {
    number: u64,
    path: PathBuf,
    head: Head,
    frames: Frames,
}

/// Reads a folder. All heads come first, so that a file of another space or a newer version is found
/// before anything else is decided.
///
/// With `until`, no further than to there: for a set that was good, when a later one is not.
pub fn recover(folder: &Path, space: &str, until: Option<Position>) -> Result<Recovered, OpenError> {
    let listing = list(folder).map_err(OpenError::at(folder, "list"))?;
    let unused = listing.images.iter().chain(&listing.logs).map(|number| number + 1).max().unwrap_or(0);
    let mut found = Recovered { unused, ..Recovered::default() };
    let images = found.heads(folder, space, Kind::Image, &listing.images)?;
    let logs = found.heads(folder, space, Kind::Log, &listing.logs)?;
    found.sort_out(!images.is_empty() || !logs.is_empty(), space)?;
    let threads = OpenError::at(folder, "start a thread to read");
    let last = until.map_or(u64::MAX, |until| until.sequence);
    found.read(images, logs, last).map_err(threads)?;
    found.report.is_emptied = !found.report.damaged.is_empty() && found.position == Position::default();
    Ok(found)
}

/// Reads a folder without changing or locking it. While a host is running on it, the newest record may
/// be reported as a write that did not finish.
///
/// # Errors
/// It cannot be read; it is of another space or a newer version.
pub fn verify(folder: &Path, space: &str) -> Result<(State, OpenReport), OpenError> {
    recover(folder, space, None).map(|found| (found.state, found.report))
}

/// The newest entry in the newest log that can be read, without building a state. Zero when there is none.
pub fn newest(folder: &Path) -> Revision {
    let logs = list(folder).map(|listing| listing.logs).unwrap_or_default();
    for number in logs.into_iter().rev() {
        if let Ok((head, frames)) = read(&folder.join(name(Kind::Log, number)), Kind::Log) {
            let last = Records::new(frames).map_while(Result::ok).last();
            return last.map_or(head.start.cursor, |placed| placed.record.after.cursor);
        }
    }
    Revision::ZERO
}

impl Recovered {
    fn heads(&mut self, folder: &Path, space: &str, kind: Kind, numbers: &[u64]) -> Result<Vec<Headed>, OpenError> {
        let mut good = Vec::new();
        for &number in numbers {
            let path = folder.join(name(kind, number));
            match read(&path, kind) {
                Ok((head, frames)) if head.space == space => good.push(Headed { number, path, head, frames }),
                Ok((Head { space: found, .. }, _)) => self.foreign.push((path, found)),
                Err(Headless::Closed(error)) => return Err(OpenError::at(&path, "open")(error)),
                Err(Headless::Newer(version)) => return Err(OpenError::Newer { file: path, version }),
                Err(Headless::Flawed(flaw)) => self.damage(&path, Flaw { at: 0, ..flaw }),
            }
        }
        Ok(good)
    }

    /// A folder without a file of ours is somebody else's; a stray file among ours is damage.
    fn sort_out(&mut self, has_ours: bool, space: &str) -> Result<(), OpenError> {
        for (file, found) in std::mem::take(&mut self.foreign) {
            if !has_ours {
                return Err(OpenError::OtherSpace { file, found, wanted: space.to_owned() });
            }
            self.damage(&file, Flaw { at: 0, what: format!("it belongs to space \"{found}\"") });
        }
        Ok(())
    }

    /// The newest good image, then the logs from its number on, each up to where the next one starts.
    fn read(&mut self, mut images: Vec<Headed>, logs: Vec<Headed>, last: u64) -> io::Result<()> {
        images.retain(|image| image.head.start.sequence <= last);
        let base = self.read_image(images)?;
        let mut logs = logs.into_iter().filter(|log| log.number >= base).peekable();
        while let Some(log) = logs.next() {
            if self.position.sequence >= last {
                return Ok(());
            }
            let next = logs.peek().map_or(last, |next| next.head.start.sequence.min(last));
            self.replay(log, next)?;
        }
        Ok(())
    }

    fn read_image(&mut self, images: Vec<Headed>) -> io::Result<u64> {
        for Headed { number, path, head, frames } in images.into_iter().rev() {
            match image::load(&head, frames)? {
                Ok(state) => {
                    self.state = state;
                    self.position = head.start;
                    self.image_bytes = length(&path);
                    self.report.image = Some(path);
                    return Ok(number);
                }
                Err(flaw) => self.damage(&path, Flaw { what: format!("{} (at byte {})", flaw.what, flaw.at), at: 0 }),
            }
        }
        Ok(0)
    }

    fn replay(&mut self, log: Headed, next: u64) -> io::Result<()> {
        if log.head.start != self.position {
            let what =
                format!("it starts behind entry {}, the state ends at {}", log.head.start.index, self.position.index);
            self.damage(&log.path, Flaw { at: 0, what });
            return Ok(());
        }
        self.tail = Some((log.number, log.frames.at()));
        for placed in ahead(Records::new(log.frames))? {
            // A record here whose write failed, and that was written again into the next log.
            if next == self.position.sequence {
                return Ok(());
            }
            match placed.and_then(|placed| self.take(&placed).map(|()| placed)) {
                Ok(Placed { at, end, .. }) => {
                    self.tail = Some((log.number, end));
                    self.log_bytes += end - at;
                }
                Err(flaw) => {
                    self.damage(&log.path, flaw);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Folds a record again, if it goes on where the state stands and leads where it says.
    fn take(&mut self, placed: &Placed) -> Result<(), Flaw> {
        let after = self.position.after(&placed.record.steps);
        if after != placed.record.after {
            return Err(Flaw { at: placed.at, what: "a record does not follow from those before".to_owned() });
        }
        for step in &placed.record.steps {
            fold::replay(&mut self.state, step);
        }
        debug_assert!(after.is_of(&self.state), "the fold and the position count alike");
        self.position = after;
        self.report.records += 1;
        Ok(())
    }

    fn damage(&mut self, path: &Path, flaw: Flaw) {
        let bytes = length(path).saturating_sub(flaw.at);
        let damage = Damage { file: path.to_owned(), at: flaw.at, bytes, what: flaw.what, set_aside: None };
        self.report.damaged.push(damage);
    }
}

// For reports and thresholds only; a file that has just been read has a length.
fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |data| data.len())
}
