//! What both kinds of files have in common: every byte is under a checksum.
//!
//! ```text
//!   file      preamble · frame with the head · frames
//!   preamble  "sluice" kind 0 · version · CRC32 of these 12 bytes         fixed for all versions to come
//!   frame     length · CRC32 of the payload · CRC32 of these 12 bytes · payload
//! ```
//!
//! Zeros up to the end are room taken ahead, and end a file as its last byte does.
//! A length is under a checksum of its own, so that a wrong one never asks for more memory than there is.
//! CRC32 and not BLAKE3: it finds every flipped byte and every torn write at ten times the speed, and what
//! must hold against more than accidents, values and history, is under BLAKE3 already.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use bytes::{Buf, BufMut};
use sluice_pack::codec::{Reader, put_bytes};

use crate::position::Position;

/// The format this program writes, and the only one it reads.
pub const VERSION: u32 = 1;

const PREAMBLE_BYTES: usize = 16;
const FRAME_HEAD_BYTES: usize = 16;
const READ_BYTES: u64 = 1 << 20;

/// The two kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Image,
    Log,
}

/// What a file says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose configuration it holds.
    pub space: String,
    /// Where the state stands that an image holds and a log goes on from.
    pub start: Position,
}

/// Bytes that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// From which byte of the file on.
    pub at: u64,
    /// What is wrong.
    pub what: String,
}

/// Why a head cannot be read.
#[derive(Debug)]
pub enum Headless {
    /// It cannot even be opened.
    Closed(io::Error),
    /// It is whole, and of another version.
    Newer(u32),
    /// It is damaged.
    Flawed(Flaw),
}

/// Appends what a file starts with.
pub fn put_head(out: &mut Vec<u8>, kind: Kind, head: &Head) {
    let start = out.len();
    out.put_slice(magic(kind));
    out.put_u32_le(VERSION);
    out.put_u32_le(crc32fast::hash(&out[start..]));
    put_frame(out, |out| {
        put_bytes(out, head.space.as_bytes());
        head.start.put(out);
    });
}

/// Appends a frame around what `fill` appends.
pub fn put_frame(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.put_bytes(0, FRAME_HEAD_BYTES);
    fill(out);
    let (head, payload) = out[start..].split_at_mut(FRAME_HEAD_BYTES);
    head[..8].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    head[8..12].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let own = crc32fast::hash(&head[..12]);
    head[12..].copy_from_slice(&own.to_le_bytes());
}

/// Opens a file and reads its head; the frames behind it come one by one.
pub fn read(path: &Path, kind: Kind) -> Result<(Head, Frames), Headless> {
    let file = File::open(path).map_err(Headless::Closed)?;
    let end = file.metadata().map_err(Headless::Closed)?.len();
    let mut frames = Frames { file: BufReader::with_capacity(end.min(READ_BYTES) as usize, file), at: 0, end };
    frames.preamble(kind)?;
    let at = frames.at;
    let payload = frames.next_frame().map_err(Headless::Flawed)?.unwrap_or_default();
    match read_head(&payload) {
        Some(head) => Ok((head, frames)),
        None => Err(Headless::Flawed(Flaw { at, what: "the head says nothing".to_owned() })),
    }
}

/// The frames of a file, in order.
pub struct Frames {
    file: BufReader<File>,
    at: u64,
    end: u64,
}

impl Frames {
    /// Behind the last good frame.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The payload of the next frame; none at a clean end.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, Flaw> {
        let left = self.end - self.at;
        if left == 0 {
            return Ok(None);
        }
        let mut head = [0; FRAME_HEAD_BYTES];
        let size = left.min(head.len() as u64) as usize;
        self.file.read_exact(&mut head[..size]).map_err(|error| self.unreadable(&error))?;
        // No frame has such a head: its checksum would not be zero.
        if head.iter().all(|byte| *byte == 0) {
            return self.room_ahead();
        }
        if size < head.len() {
            return Err(self.flaw("a write did not finish"));
        }
        let mut words = &head[..];
        let (length, sum, own) = (words.get_u64_le(), words.get_u32_le(), words.get_u32_le());
        if crc32fast::hash(&head[..12]) != own {
            return Err(self.flaw("the checksum of a frame's head is wrong"));
        }
        if length > left - head.len() as u64 {
            return Err(self.flaw("a write did not finish"));
        }
        let mut payload = Vec::with_capacity(length as usize);
        let count = (&mut self.file).take(length).read_to_end(&mut payload);
        count.map_err(|error| self.unreadable(&error))?;
        if payload.len() as u64 != length || crc32fast::hash(&payload) != sum {
            return Err(self.flaw("the checksum of a frame is wrong"));
        }
        self.at += head.len() as u64 + length;
        Ok(Some(payload))
    }

    /// Zeros to the end are room a log has taken ahead; anything else behind them is not.
    fn room_ahead(&mut self) -> Result<Option<Vec<u8>>, Flaw> {
        let mut block = [0; 4096];
        loop {
            match self.file.read(&mut block) {
                Ok(0) => return Ok(None),
                Ok(count) if block[..count].iter().all(|byte| *byte == 0) => (),
                Ok(_) => return Err(self.flaw("a write did not finish")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(self.unreadable(&error)),
            }
        }
    }

    /// A flaw at the frame that would come next.
    pub fn flaw(&self, what: &str) -> Flaw {
        Flaw { at: self.at, what: what.to_owned() }
    }

    fn unreadable(&self, error: &io::Error) -> Flaw {
        Flaw { at: self.at, what: format!("the disk does not give it back: {error}") }
    }

    fn preamble(&mut self, kind: Kind) -> Result<(), Headless> {
        let mut bytes = [0; PREAMBLE_BYTES];
        if self.file.read_exact(&mut bytes).is_err() {
            return Err(Headless::Flawed(self.flaw("it is too short to be ours")));
        }
        let (magic_found, mut words) = bytes.split_at(8);
        let (version, sum) = (words.get_u32_le(), words.get_u32_le());
        if crc32fast::hash(&bytes[..12]) != sum || magic_found != magic(kind) {
            return Err(Headless::Flawed(self.flaw("it does not start as ours do")));
        }
        if version != VERSION {
            return Err(Headless::Newer(version));
        }
        self.at = PREAMBLE_BYTES as u64;
        Ok(())
    }
}

fn magic(kind: Kind) -> &'static [u8; 8] {
    match kind {
        Kind::Image => b"sluiceI\0",
        Kind::Log => b"sluiceL\0",
    }
}

fn read_head(payload: &[u8]) -> Option<Head> {
    let mut reader = Reader::new(payload);
    let head = Head { space: reader.text()?.to_owned(), start: Position::read(&mut reader)? };
    reader.is_done().then_some(head)
}
