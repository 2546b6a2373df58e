//! A snapshot in one file.
//!
//! ```text
//!   file    "sluiceS" 1 · chunks in the order of the manifest · blobs · head · length of the head · BLAKE3 of the head
//!   head    manifest · its BLAKE3 · digest and length of each blob · whether there is a history, its index's BLAKE3
//! ```
//!
//! The head stands at the end, so that a file is written in one go while chunks are being made; every byte of the file
//! is under a BLAKE3.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use bytes::{BufMut, Bytes};
use sluice_core::{BlobRef, Digest};

use crate::chunk::ChunkRef;
use crate::codec::{Reader, put_bytes, put_list, put_option};
use crate::flaw::Flaw;
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest};

const MAGIC: &[u8; 8] = b"sluiceS\x01";
/// Behind the head: its length and its BLAKE3.
const END_BYTES: u64 = 8 + 32;
/// The head is the manifest and 40 bytes for each blob.
const HEAD_BYTES_MAX: u64 = 2 * MANIFEST_BYTES_MAX as u64;

/// Appends the first bytes of a file.
///
/// # Errors
/// The file takes no more.
pub fn begin_archive(out: &mut impl Write) -> io::Result<()> {
    out.write_all(MAGIC)
}

/// Appends what stands behind all chunks and blobs.
///
/// # Errors
/// The file takes no more.
pub fn end_archive(
    out: &mut impl Write,
    manifest: &Manifest,
    blobs: &[BlobRef],
    history: Option<Digest>,
) -> io::Result<()> {
    let text = manifest.to_bytes();
    let mut head = Vec::with_capacity(text.len() + 64);
    put_bytes(&mut head, &text);
    head.put_slice(&Digest::of(&text).0);
    put_list(&mut head, blobs.iter(), |head, blob| {
        head.put_slice(&blob.digest.0);
        head.put_u64_le(blob.length);
    });
    put_option(&mut head, history, |head, history| head.put_slice(&history.0));
    let digest = Digest::of(&head);
    out.write_all(&head)?;
    out.write_all(&(head.len() as u64).to_le_bytes())?;
    out.write_all(&digest.0)?;
    out.flush()
}

/// A snapshot's file, open for reading from its first chunk to its last blob.
pub struct Archive<F> {
    /// What it is a snapshot of.
    pub manifest: Manifest,
    /// Blobs the snapshot's values name: components.
    pub blobs: Vec<BlobRef>,
    /// The index of the history, which stands among the blobs, before its parts; none when there is none.
    pub history: Option<Digest>,
    file: F,
    read: usize,
}

/// What comes next in a file, checked.
pub enum Stored {
    /// A chunk, down to every value in it.
    Chunk(ChunkRef, Bytes),
    /// A blob.
    Blob(BlobRef, Bytes),
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum ArchiveError {
    /// The disk does not give it.
    Io(io::Error),
    /// It is not what was written.
    Flawed(Flaw),
}

impl<F: Read + Seek> Archive<F> {
    /// Reads the head, and sees that the file is as long as it says.
    ///
    /// # Errors
    /// It cannot be read, or is no snapshot, or was damaged.
    pub fn open(mut file: F) -> Result<Archive<F>, ArchiveError> {
        let mut magic = [0; 8];
        let end = file.seek(SeekFrom::End(0))?;
        if end < MAGIC.len() as u64 + END_BYTES {
            return Err(flaw("it is too short to be a snapshot"));
        }
        file.rewind()?;
        file.read_exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(flaw("it does not start as a snapshot does"));
        }
        file.seek(SeekFrom::Start(end - END_BYTES))?;
        let (mut length, mut digest) = ([0; 8], [0; 32]);
        file.read_exact(&mut length)?;
        file.read_exact(&mut digest)?;
        let length = u64::from_le_bytes(length);
        let room = end - END_BYTES - MAGIC.len() as u64;
        if length > room || length > HEAD_BYTES_MAX {
            return Err(flaw("its end is damaged or missing"));
        }
        file.seek(SeekFrom::Start(end - END_BYTES - length))?;
        let mut head = vec![0; length as usize];
        file.read_exact(&mut head)?;
        if Digest::of(&head) != Digest(digest) {
            return Err(flaw("its head is not what was written"));
        }
        let (text, named, blobs, history) = read_head(&head).ok_or_else(|| flaw("its head makes no sense"))?;
        let manifest = Manifest::read(text, named).map_err(ArchiveError::Flawed)?;
        let bytes = manifest.stored_bytes() + blobs.iter().map(|blob| blob.length).sum::<u64>();
        if bytes + length != room {
            return Err(flaw("it has another length than its chunks have"));
        }
        file.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        Ok(Archive { manifest, blobs, history, file, read: 0 })
    }

    /// The next chunk, and behind the last of them the blobs; none at the end.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written; it is named.
    pub fn next_stored(&mut self) -> Result<Option<Stored>, ArchiveError> {
        let at = self.read;
        self.read += 1;
        if let Some(chunk) = self.manifest.chunks.get(at).copied() {
            let bytes = self.bytes(u64::from(chunk.stored_bytes))?;
            chunk.check(&bytes).map_err(ArchiveError::Flawed)?;
            return Ok(Some(Stored::Chunk(chunk, bytes)));
        }
        let Some(blob) = self.blobs.get(at - self.manifest.chunks.len()).copied() else { return Ok(None) };
        let bytes = self.bytes(blob.length)?;
        match Digest::of(&bytes) == blob.digest {
            true => Ok(Some(Stored::Blob(blob, bytes))),
            false => Err(flaw(&format!("blob {} has other bytes than it is named for", blob.digest))),
        }
    }

    // The lengths add up to that of the file, so a wrong one cannot ask for more memory than there is file.
    fn bytes(&mut self, length: u64) -> Result<Bytes, ArchiveError> {
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Manifest, its name, blobs, history.
type Head<'a> = (&'a [u8], Digest, Vec<BlobRef>, Option<Digest>);

fn read_head(head: &[u8]) -> Option<Head<'_>> {
    let mut reader = Reader::new(head);
    let (text, named) = (reader.bytes()?, reader.digest()?);
    let blobs = reader.list(|reader| Some(BlobRef { digest: reader.digest()?, length: reader.u64()? }))?;
    // Files of before there was a history end here.
    let history = if reader.is_done() { None } else { reader.option(Reader::digest)? };
    reader.is_done().then_some((text, named, blobs, history))
}

fn flaw(what: &str) -> ArchiveError {
    ArchiveError::Flawed(Flaw(what.to_owned()))
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> ArchiveError {
        ArchiveError::Io(error)
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Io(error) => write!(f, "it cannot be read: {error}"),
            ArchiveError::Flawed(flaw) => write!(f, "{flaw}"),
        }
    }
}

impl std::error::Error for ArchiveError {}
