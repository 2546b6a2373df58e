//! All parts of a history, and how far it reaches.
//!
//! ```text
//!   index   "sluiceH" 0 · version:4 = 1 · space:text · floor:revision · through:revision · index:8 · chain:32 · root:32
//!           · snapshot:32 · runs:list of (parts:list) · notes since:revision · notes:list of part
//!   part    name:32 · stored bytes:4 · unpacked bytes:4 · things:4 · first, last token:8 · oldest, newest:revision
//! ```

use bytes::BufMut;
use sluice_core::{Digest, Revision, State};

use super::part::{Part, put_part, read_part};
use crate::codec::{Reader, put_bytes, put_list, put_revision};
use crate::flaw::Flaw;
use crate::named;

const MAGIC: &[u8; 8] = b"sluiceH\0";
/// The format this program writes, and the only one it reads.
const VERSION: u32 = 1;
/// Most bytes of an index: some 700,000 parts.
pub const INDEX_BYTES_MAX: usize = 64 << 20;

/// What a history consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Whose it is.
    pub space: String,
    /// From there on it knows of every change of every key, but for those of which an event says that they are forgotten.
    pub floor: Revision,
    /// The newest entry it knows of.
    pub through: Revision,
    /// How many entries led to that.
    pub index: u64,
    /// Their running digest.
    pub chain: Digest,
    /// The root digest of the state they led to.
    pub root: Digest,
    /// The manifest of the snapshot with that state: what a key is that no event tells of.
    pub snapshot: Digest,
    /// Oldest first.
    pub runs: Vec<Run>,
    /// From behind there on it knows of every entry but ticks.
    pub notes_since: Revision,
    /// Notes, oldest first.
    pub notes: Vec<Part>,
}

/// Events of one stretch of the log, by the points of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// In the order of points; events of one key may be spread over neighbours.
    pub parts: Vec<Part>,
}

impl Index {
    /// One that knows nothing but where a state stands.
    pub fn begun(space: &str, state: &State) -> Index {
        Index { space: space.to_owned(), floor: state.cursor, notes_since: state.cursor, ..Index::default() }.at(state)
    }

    /// The same, as far as a state.
    #[must_use]
    pub fn at(self, state: &State) -> Index {
        Index { through: state.cursor, index: state.index, chain: state.chain, root: state.root(), ..self }
    }

    /// Every part.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.runs.iter().flat_map(|run| &run.parts).chain(&self.notes)
    }

    /// Bytes of all parts as they are stored.
    pub fn stored_bytes(&self) -> u64 {
        self.parts().map(|part| u64::from(part.stored_bytes)).sum()
    }

    /// Its bytes; their BLAKE3 is its name.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.put_u32_le(VERSION);
        put_bytes(&mut out, self.space.as_bytes());
        put_revision(&mut out, self.floor);
        put_revision(&mut out, self.through);
        out.put_u64_le(self.index);
        for digest in [self.chain, self.root, self.snapshot] {
            out.put_slice(&digest.0);
        }
        put_list(&mut out, self.runs.iter(), |out, run| put_list(out, run.parts.iter(), put_part));
        put_revision(&mut out, self.notes_since);
        put_list(&mut out, self.notes.iter(), put_part);
        out
    }

    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8], digest: Digest) -> Result<Index, Flaw> {
        let index = named::read(bytes, ("history index", digest), (MAGIC, VERSION), read)?;
        match index.is_ordered() {
            true => Ok(index),
            false => Err(Flaw(format!("history index {digest}: its parts are in no order"))),
        }
    }

    fn is_ordered(&self) -> bool {
        let is_side_by_side = |run: &Run| run.parts.is_sorted_by(|a, b| a.tokens.1 <= b.tokens.0);
        self.runs.iter().all(is_side_by_side) && self.notes.is_sorted_by(|a, b| a.revisions.1 < b.revisions.0)
    }
}

impl Run {
    /// Bytes of its parts as they are stored.
    pub fn stored_bytes(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.stored_bytes)).sum()
    }
}

fn read(reader: &mut Reader<'_>) -> Option<Index> {
    Some(Index {
        space: reader.text()?.to_owned(),
        floor: reader.revision()?,
        through: reader.revision()?,
        index: reader.u64()?,
        chain: reader.digest()?,
        root: reader.digest()?,
        snapshot: reader.digest()?,
        runs: reader.list(|reader| Some(Run { parts: reader.list(read_part)? }))?,
        notes_since: reader.revision()?,
        notes: reader.list(read_part)?,
    })
}
