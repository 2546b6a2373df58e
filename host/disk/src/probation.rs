//! What a folder remembers of how its host ended: so that a set that makes it crash is not loaded a third time.
//!
//! ```text
//!   start, after an end that was no stop: one crash more ──two──▶ on hold: the newest proven set is loaded
//!   alive for the probation time: no crash; what was current when that began is proven
//!   stop: clean
//! ```
//!
//! The record is written before anything of the folder is read: reading it may be what kills the host.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::BufMut;
use sluice_core::Revision;
use sluice_pack::codec::{Reader, put_revision};

use crate::folder::Folder;
use crate::position::Position;

/// Crashes in succession after which the set on disk is not loaded again.
pub const CRASHES_MAX: u32 = 2;

const NAME: &str = "probation";
const MAGIC: &[u8; 8] = b"sluiceP\0";
const VERSION: u32 = 1;

/// What is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The newest set that was current for the probation time without a crash; none before the first start.
    pub proven: Option<Position>,
    /// Ends in succession that were no stop, with no probation time outlived between them.
    pub crashes: u32,
    /// The newest entry that was taken up by a host that then crashed.
    pub tried: Revision,
    /// Whether the last process ended as it should.
    is_clean: bool,
}

/// The record of a folder, and this process in it. Dropping it is a clean end.
pub struct Probation {
    folder: Arc<Folder>,
    record: Record,
    /// What was current when the probation time that runs began.
    candidate: Option<Position>,
}

impl Probation {
    /// Counts this start. When that cannot be written down the host starts all the same, and the error is told.
    pub fn begin(folder: Arc<Folder>) -> (Probation, io::Result<()>) {
        let mut record = read(&folder.path.join(NAME)).unwrap_or(Record { is_clean: true, ..Record::default() });
        if !record.is_clean {
            record.crashes = record.crashes.saturating_add(1);
        }
        record.is_clean = false;
        let mut probation = Probation { folder, record, candidate: None };
        let written = probation.write(record);
        (probation, written)
    }

    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Where operators say that the set may be tried again, by removing it.
    pub fn path(&self) -> PathBuf {
        self.folder.path.join(NAME)
    }

    /// A probation time begins, or has been outlived: what was current when it began is proven.
    pub fn outlive(&mut self, current: Position) -> io::Result<()> {
        let Some(proven) = self.candidate.replace(current) else { return Ok(()) };
        let record = Record { proven: Some(proven), crashes: 0, ..self.record };
        if record == self.record { Ok(()) } else { self.write(record) }
    }

    /// The first set of a folder that was never on probation: there is none before it.
    pub fn found(&mut self, current: Position) -> io::Result<()> {
        match self.record.proven {
            Some(_) => Ok(()),
            None => self.write(Record { proven: Some(current), ..self.record }),
        }
    }

    /// Entries up to here are about to be taken up.
    pub fn tries(&mut self, newest: Revision) -> io::Result<()> {
        if newest <= self.record.tried { Ok(()) } else { self.write(Record { tried: newest, ..self.record }) }
    }

    /// The set that is on hold is about to be loaded: by an operator's word as if nothing had been.
    pub fn retry(&mut self, newest: Revision, by_hand: bool) -> io::Result<()> {
        let crashes = if by_hand { 0 } else { self.record.crashes };
        self.write(Record { crashes, tried: newest.max(self.record.tried), is_clean: false, ..self.record })
    }

    /// This process loads nothing that could make it crash: how it ends does not count.
    pub fn rest(&mut self) -> io::Result<()> {
        self.write(Record { is_clean: true, ..self.record })
    }

    /// A set that was stopped while it was tried once more is tried again at the next start.
    fn stopped(&self) -> Record {
        Record { is_clean: true, crashes: self.record.crashes.min(CRASHES_MAX - 1), ..self.record }
    }

    fn write(&mut self, record: Record) -> io::Result<()> {
        let bytes = bytes(&record);
        let folder = &self.folder;
        folder.create(&self.path(), |file| folder.files.write_at(file, 0, &bytes))?;
        self.record = record;
        Ok(())
    }
}

impl Drop for Probation {
    fn drop(&mut self) {
        if !self.record.is_clean
            && let Err(error) = self.write(self.stopped())
        {
            tracing::warn!(%error, "a clean end not written down, it will be taken for a crash");
        }
    }
}

fn bytes(record: &Record) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.put_u32_le(VERSION);
    out.put_u8(u8::from(record.is_clean));
    out.put_u32_le(record.crashes);
    put_revision(&mut out, record.tried);
    out.put_u8(u8::from(record.proven.is_some()));
    record.proven.unwrap_or_default().put(&mut out);
    let sum = crc32fast::hash(&out);
    out.put_u32_le(sum);
    out
}

/// None when it is missing, damaged or of another version: then nothing is known of crashes, and the host starts.
fn read(path: &std::path::Path) -> Option<Record> {
    let bytes = std::fs::read(path).ok()?;
    let (text, sum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(text) != u32::from_le_bytes(*sum) {
        tracing::warn!(file = %path.display(), "damaged, what it said about crashes is not known");
        return None;
    }
    let mut reader = Reader::new(text.strip_prefix(MAGIC)?);
    if reader.u32()? != VERSION {
        return None;
    }
    let (is_clean, crashes, tried) = (reader.u8()? != 0, reader.u32()?, reader.revision()?);
    let (is_proven, position) = (reader.u8()? != 0, Position::read(&mut reader)?);
    reader.is_done().then_some(Record { proven: is_proven.then_some(position), crashes, tried, is_clean })
}
