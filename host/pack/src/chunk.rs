//! One chunk: a part of a state, compressed, under the BLAKE3 of what is stored.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use sluice_core::{Alone, Digest, Entry, Hashed, Item, Key, Refused, Revision, State, Subtree};

use crate::codec::{Reader, put_subtree};
use crate::entry::read_entry;
use crate::flaw::Flaw;
use crate::item::{read_hashed, read_token};
use crate::verdicts::read_refused;

/// What the text of every chunk starts with, so that another blob is told from one at once.
pub(crate) const MAGIC: &[u8; 8] = b"sluiceC\x01";

/// About how many bytes the things of a chunk take. One change writes one chunk again, so smaller chunks write less
/// again, and larger ones take fewer commands and entries of a manifest.
pub const CHUNK_BYTES: usize = 64 << 10;

/// Most bytes of a chunk, unpacked: one value of 64 MiB and what is said about it. A chunk that claims more is refused
/// before memory is spent on it.
pub const CHUNK_BYTES_MAX: usize = (64 << 20) + (64 << 10);

/// Better levels of zstd take many times as long for a few percent.
pub(crate) const LEVEL: i32 = 3;

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The items of a subtree, in the order of their points.
    Items(Subtree),
    /// Tokens, in the order they were seen.
    Tokens,
    /// Refusals, in the order of the log.
    Refused,
    /// Entries not decided yet, in the order of the log.
    Held,
}

/// What a manifest says of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRef {
    /// What it holds.
    pub kind: Kind,
    /// BLAKE3 of its bytes as they are stored: its name.
    pub digest: Digest,
    /// How many bytes those are.
    pub stored_bytes: u32,
    /// How many they become.
    pub raw_bytes: u32,
    /// How many things it holds.
    pub count: u32,
    /// Of items, the Merkle digest of their subtree; else BLAKE3 of the unpacked bytes.
    pub sum: Digest,
}

/// A chunk with its bytes.
pub struct Chunk {
    /// What a manifest says of it.
    pub about: ChunkRef,
    /// What is stored.
    pub bytes: Bytes,
}

/// A chunk that was taken apart and found to be what it should.
pub struct OpenChunk(pub(crate) Content);

/// What was in a chunk.
pub(crate) enum Content {
    Items(Vec<Hashed>),
    Tokens(Vec<(Bytes, Revision)>),
    Refused(Vec<Refused>),
    Held(Vec<Entry>),
}

/// Packs things that are bytes already. `sum` is the Merkle digest, of items.
pub(crate) fn pack(kind: Kind, things: &[u8], count: usize, sum: Option<Digest>) -> Chunk {
    let mut raw = Vec::with_capacity(things.len() + 64);
    raw.put_slice(MAGIC);
    raw.put_u8(tag(kind));
    if let Kind::Items(under) = kind {
        put_subtree(&mut raw, &under);
    }
    raw.put_slice(things);
    let stored = zstd::bulk::compress(&raw, LEVEL).expect("zstd packs whatever fits in memory");
    let about = ChunkRef {
        kind,
        digest: Digest::of(&stored),
        stored_bytes: stored.len() as u32,
        raw_bytes: raw.len() as u32,
        count: count as u32,
        sum: sum.unwrap_or_else(|| Digest::of(&raw)),
    };
    Chunk { about, bytes: stored.into() }
}

impl ChunkRef {
    /// Whether bytes are this chunk, down to every value in it.
    ///
    /// # Errors
    /// What is wrong, with the chunk's name.
    pub fn check(&self, stored: &[u8]) -> Result<(), Flaw> {
        let OpenChunk(content) = self.open(stored)?;
        let (Content::Items(items), Kind::Items(under)) = (content, self.kind) else { return Ok(()) };
        let mut part = State::default();
        part.set_all(items, &Alone);
        self.check_sum(part.digest(&under))
    }

    /// The items in it; none of a chunk of another kind.
    ///
    /// # Errors
    /// As for [`ChunkRef::check`].
    pub fn items(&self, stored: &[u8]) -> Result<Vec<(Key, Item)>, Flaw> {
        let OpenChunk(content) = self.open(stored)?;
        let (Content::Items(items), Kind::Items(under)) = (content, self.kind) else { return Ok(Vec::new()) };
        let mut part = State::default();
        part.set_all(items, &Alone);
        self.check_sum(part.digest(&under))?;
        Ok(part.items(&under).into_iter().map(|(key, item)| (key.clone(), item.clone())).collect())
    }

    /// Of items: whether they have the Merkle digest that the manifest has of them.
    pub(crate) fn check_sum(&self, sum: Digest) -> Result<(), Flaw> {
        match sum == self.sum {
            true => Ok(()),
            false => Err(self.flaw("its items have another Merkle digest than the manifest says")),
        }
    }

    /// Takes it apart, which is most of the work of loading it and can be done for many at a time. Names, lengths, values
    /// and their order are checked; the Merkle digest of items is when they are in a state.
    ///
    /// # Errors
    /// The bytes are not the chunk, or what is in it is not what it should be; the chunk is named.
    pub fn open(&self, stored: &[u8]) -> Result<OpenChunk, Flaw> {
        if stored.len() != self.stored_bytes as usize || Digest::of(stored) != self.digest {
            return Err(self.flaw("its bytes are not those it is named for"));
        }
        let raw = unpack(stored, self.raw_bytes as usize).ok_or_else(|| {
            self.flaw(&format!("it does not unpack to the {} bytes that the manifest says", self.raw_bytes))
        })?;
        if !matches!(self.kind, Kind::Items(_)) && Digest::of(&raw) != self.sum {
            return Err(self.flaw("unpacked it is not what the manifest says"));
        }
        let (content, count) = self.read(&raw).ok_or_else(|| self.flaw("what is in it makes no sense"))?;
        match count == self.count as usize {
            true => Ok(OpenChunk(content)),
            false => Err(self.flaw(&format!("it holds {count} things, {} by the manifest", self.count))),
        }
    }

    fn read(&self, raw: &[u8]) -> Option<(Content, usize)> {
        let rest = raw.strip_prefix(MAGIC)?.strip_prefix(&[tag(self.kind)])?;
        let mut reader = Reader::new(rest);
        Some(match self.kind {
            Kind::Items(under) => {
                let items = (reader.subtree()? == under).then(|| all(&mut reader, read_hashed))??;
                let is_sorted = items.is_sorted_by(|a, b| a.key().point() < b.key().point());
                let is_inside = items.iter().all(|item| under.has(item.key().point()));
                let count = (is_sorted && is_inside).then_some(items.len())?;
                (Content::Items(items), count)
            }
            Kind::Tokens => counted(Content::Tokens, all(&mut reader, read_token)?),
            Kind::Refused => counted(Content::Refused, all(&mut reader, read_refused)?),
            Kind::Held => counted(Content::Held, all(&mut reader, read_entry)?),
        })
    }

    fn flaw(&self, what: &str) -> Flaw {
        Flaw(format!("chunk {}: {what}", self.digest))
    }
}

impl Content {
    /// Puts everything but items into a state.
    pub(crate) fn put_others(self, state: &mut State) -> Option<Vec<Hashed>> {
        match self {
            Content::Items(items) => return Some(items),
            Content::Tokens(tokens) => {
                tokens.into_iter().for_each(|(token, first)| state.tokens.remember(token, first));
            }
            Content::Refused(refused) => refused.into_iter().for_each(|one| state.remember(Arc::new(one))),
            Content::Held(held) => {
                held.into_iter().for_each(|entry| drop(state.held.insert(entry.revision, Arc::new(entry))));
            }
        }
        None
    }
}

/// Gives exactly so many bytes, or none. The room is taken by what the manifest says and bounded by what a chunk may
/// be, so bytes that would swell to more run out of room instead of memory.
pub(crate) fn unpack(stored: &[u8], raw_bytes: usize) -> Option<Vec<u8>> {
    let raw = zstd::bulk::decompress(stored, raw_bytes.min(CHUNK_BYTES_MAX)).ok()?;
    (raw.len() == raw_bytes).then_some(raw)
}

fn tag(kind: Kind) -> u8 {
    match kind {
        Kind::Items(_) => 0,
        Kind::Tokens => 1,
        Kind::Refused => 2,
        Kind::Held => 3,
    }
}

/// Appends what a chunk is, as a manifest says it.
pub(crate) fn put_about(out: &mut Vec<u8>, about: &ChunkRef) {
    out.put_u8(tag(about.kind));
    if let Kind::Items(under) = about.kind {
        put_subtree(out, &under);
    }
    out.put_slice(&about.digest.0);
    out.put_u32_le(about.stored_bytes);
    out.put_u32_le(about.raw_bytes);
    out.put_u32_le(about.count);
    out.put_slice(&about.sum.0);
}

/// Reads what a manifest says of a chunk.
pub(crate) fn read_about(reader: &mut Reader<'_>) -> Option<ChunkRef> {
    let kind = match reader.u8()? {
        0 => Kind::Items(reader.subtree()?),
        1 => Kind::Tokens,
        2 => Kind::Refused,
        3 => Kind::Held,
        _ => return None,
    };
    let about = ChunkRef {
        kind,
        digest: reader.digest()?,
        stored_bytes: reader.u32()?,
        raw_bytes: reader.u32()?,
        count: reader.u32()?,
        sum: reader.digest()?,
    };
    (about.count > 0 && about.raw_bytes as usize <= CHUNK_BYTES_MAX).then_some(about)
}

fn all<T>(reader: &mut Reader<'_>, read: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    let mut things = Vec::new();
    while !reader.is_done() {
        things.push(read(reader)?);
    }
    Some(things)
}

fn counted<T>(content: fn(Vec<T>) -> Content, things: Vec<T>) -> (Content, usize) {
    let count = things.len();
    (content(things), count)
}
