//! A log file that is being written, and one that is being read.

use std::io;

use crate::files::{Files, Output};
use crate::frame::{Flaw, Frames};
use crate::record::{Record, read_record};
use crate::settings::Settings;

/// The log that takes records.
pub struct Log {
    pub number: u64,
    file: Output,
    /// Behind the last good record.
    end: u64,
    /// The file has room up to here; behind `end` it is zeros.
    room: u64,
    /// The kernel may have lost bytes of it, or what comes here may not count: nothing more is written.
    is_suspect: bool,
}

impl Log {
    /// Goes on behind `end`.
    pub fn new(number: u64, file: Output, end: u64) -> Log {
        let room = file.file.metadata().map_or(end, |data| data.len());
        Log { number, file, end, room, is_suspect: false }
    }

    /// Whether the next record must go to another file.
    pub fn is_suspect(&self) -> bool {
        self.is_suspect
    }

    /// From now on records go to another file.
    pub fn distrust(&mut self) {
        self.is_suspect = true;
    }

    /// Appends a record, all of it or nothing.
    pub fn append(&mut self, bytes: &[u8], settings: &Settings) -> Result<(), (&'static str, io::Error)> {
        let files = &settings.files;
        self.make_room(bytes.len() as u64, settings);
        if let Err(error) = files.write_at(&self.file, self.end, bytes) {
            // What has been written of it must not lie behind the next record. If it cannot be cut off,
            // the next record goes to another file, and its head says where this one stops to count.
            self.is_suspect = self.cut_off(files).is_err();
            return Err(("write", error));
        }
        if settings.sync
            && let Err(error) = files.flush(&self.file)
        {
            // The kernel has dropped the pages and calls them clean: a second fsync would succeed without
            // having written anything (Rebello et al. 2020). So never again on this file.
            let _ = self.cut_off(files);
            self.is_suspect = true;
            return Err(("flush", error));
        }
        self.end += bytes.len() as u64;
        Ok(())
    }

    // Not every file system can, and a full one may still have room for this record: writing decides.
    fn make_room(&mut self, bytes: u64, settings: &Settings) {
        let step = settings.log_step_bytes;
        let needed = self.end + bytes;
        if needed > self.room && step > 0 {
            let room = needed.next_multiple_of(step);
            if settings.files.reserve(&self.file, self.end, room).is_ok() {
                self.room = room;
            }
        }
    }

    fn cut_off(&mut self, files: &Files) -> io::Result<()> {
        self.room = self.end;
        files.cut(&self.file, self.end)
    }
}

/// The records of a log, each with the byte it starts at; ends at the first flaw.
pub struct Records {
    frames: Frames,
    is_over: bool,
}

impl Records {
    pub fn new(frames: Frames) -> Records {
        Records { frames, is_over: false }
    }
}

/// A record and the bytes it takes up.
pub struct Placed {
    pub record: Record,
    pub at: u64,
    pub end: u64,
}

impl Iterator for Records {
    type Item = Result<Placed, Flaw>;

    fn next(&mut self) -> Option<Result<Placed, Flaw>> {
        if self.is_over {
            return None;
        }
        let at = self.frames.at();
        let placed = self.frames.next_frame().and_then(|payload| {
            let Some(payload) = payload else { return Ok(None) };
            let record = read_record(&payload).ok_or(Flaw { at, what: "a record says nothing".to_owned() })?;
            Ok(Some(Placed { record, at, end: self.frames.at() }))
        });
        self.is_over = !matches!(placed, Ok(Some(_)));
        placed.transpose()
    }
}
