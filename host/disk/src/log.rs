//! A log file that is being written, and one that is being read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, fallocate};

use crate::frame::{Flaw, Frames};
use crate::record::{Record, read_record};
use crate::settings::Settings;

/// The log that takes records.
pub struct Log {
    pub number: u64,
    file: File,
    /// Behind the last good record.
    end: u64,
    /// The file has room up to here; behind `end` it is zeros.
    room: u64,
    /// The kernel may have lost bytes of it: nothing more is written here.
    is_suspect: bool,
}

impl Log {
    /// Goes on behind `end`.
    pub fn new(number: u64, file: File, end: u64) -> Log {
        let room = file.metadata().map_or(end, |data| data.len());
        Log { number, file, end, room, is_suspect: false }
    }

    /// Whether the next record must go to another file.
    pub fn is_suspect(&self) -> bool {
        self.is_suspect
    }

    /// Appends a record, all of it or nothing.
    pub fn append(&mut self, bytes: &[u8], settings: &Settings) -> Result<(), (&'static str, io::Error)> {
        self.make_room(bytes.len() as u64, settings.log_step_bytes);
        if let Err(error) = self.file.write_all_at(bytes, self.end) {
            // What has been written of it must not lie behind the next record. If it cannot be cut off,
            // the next record goes to another file, and its head says where this one stops to count.
            self.is_suspect = self.cut_off().is_err();
            return Err(("write", error));
        }
        if settings.sync
            && let Err(error) = self.file.sync_data()
        {
            // The kernel has dropped the pages and calls them clean: a second fsync would succeed without
            // having written anything (Rebello et al. 2020). So never again on this file.
            let _ = self.cut_off();
            self.is_suspect = true;
            return Err(("flush", error));
        }
        self.end += bytes.len() as u64;
        Ok(())
    }

    // Not every file system can, and a full one may still have room for this record: writing decides.
    fn make_room(&mut self, bytes: u64, step: u64) {
        let needed = self.end + bytes;
        if needed > self.room && step > 0 {
            let room = needed.next_multiple_of(step);
            if fallocate(&self.file, FallocateFlags::empty(), self.end, room - self.end).is_ok() {
                self.room = room;
            }
        }
    }

    fn cut_off(&mut self) -> io::Result<()> {
        self.room = self.end;
        self.file.set_len(self.end)
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
