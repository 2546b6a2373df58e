//! What a snapshot consists of.

use bytes::BufMut;
use sluice_core::trie::{Part, root_of};
use sluice_core::{Digest, Place, Revision, State};

use crate::chunk::{ChunkRef, Kind, put_about, read_about};
use crate::codec::{Reader, put_bytes, put_list, put_revision};
use crate::flaw::Flaw;
use crate::named;

/// What a manifest starts with.
const MAGIC: &[u8; 8] = b"sluiceM\0";
/// The format this program writes, and the only one it reads.
const VERSION: u32 = 1;
/// Most bytes of a manifest that are read: some 600,000 chunks.
pub const MANIFEST_BYTES_MAX: usize = 64 << 20;

/// What a snapshot is of, and the chunks it is made of. One that was read fits together: its chunks lie side by side
/// and their digests give its root, so that when each chunk is right, all is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Whose configuration it is.
    pub space: String,
    /// The newest entry in it.
    pub cursor: Revision,
    /// How many entries led to it.
    pub index: u64,
    /// The running digest of all of them.
    pub chain: Digest,
    /// The digest of the newest.
    pub newest: Digest,
    /// The root digest.
    pub root: Digest,
    /// How many keys.
    pub keys: u64,
    /// Bytes of all values.
    pub bytes: u64,
    /// Items in the order of their subtrees, then tokens, refusals and held entries, each in their order.
    pub chunks: Vec<ChunkRef>,
}

impl Manifest {
    pub(crate) fn of(space: &str, state: &State, chunks: Vec<ChunkRef>) -> Manifest {
        Manifest {
            space: space.to_owned(),
            cursor: state.cursor,
            index: state.index,
            chain: state.chain,
            newest: state.newest,
            root: state.root(),
            keys: state.len() as u64,
            bytes: state.bytes(),
            chunks,
        }
    }

    /// Its bytes; their BLAKE3 is its name.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + 128 * self.chunks.len());
        out.put_slice(MAGIC);
        out.put_u32_le(VERSION);
        put_bytes(&mut out, self.space.as_bytes());
        put_revision(&mut out, self.cursor);
        out.put_u64_le(self.index);
        for digest in [self.chain, self.newest, self.root] {
            out.put_slice(&digest.0);
        }
        out.put_u64_le(self.keys);
        out.put_u64_le(self.bytes);
        put_list(&mut out, self.chunks.iter(), put_about);
        out
    }

    /// Reads it, and sees that it fits together.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8], digest: Digest) -> Result<Manifest, Flaw> {
        let manifest = named::read(bytes, ("manifest", digest), (MAGIC, VERSION), read)?;
        manifest.fits().map_err(|what| Flaw(format!("manifest {digest}: {what}")))?;
        Ok(manifest)
    }

    /// Where it stands in the log.
    pub fn place(&self) -> Place {
        let entry = (self.newest != Digest::ZERO).then_some(self.newest);
        Place { revision: self.cursor, index: Some(self.index), entry }
    }

    /// Bytes of all chunks as they are stored.
    pub fn stored_bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.stored_bytes)).sum()
    }

    fn fits(&self) -> Result<(), &'static str> {
        let order = |chunk: &ChunkRef| match chunk.kind {
            Kind::Items(_) => 0,
            Kind::Tokens => 1,
            Kind::Refused => 2,
            Kind::Held => 3,
        };
        if !self.chunks.is_sorted_by_key(order) {
            return Err("its chunks are in no order");
        }
        let items = self.chunks.iter().filter_map(|chunk| match chunk.kind {
            Kind::Items(under) => {
                let part = Part { under, digest: chunk.sum, is_single: chunk.count == 1 };
                Some((part, u64::from(chunk.count)))
            }
            Kind::Tokens | Kind::Refused | Kind::Held => None,
        });
        let (parts, counts): (Vec<Part>, Vec<u64>) = items.unzip();
        if root_of(&parts) != Some(self.root) {
            return Err("the digests of its chunks do not give its root digest");
        }
        match counts.iter().sum::<u64>() == self.keys {
            true => Ok(()),
            false => Err("its chunks have another number of keys than it says"),
        }
    }
}

fn read(reader: &mut Reader<'_>) -> Option<Manifest> {
    Some(Manifest {
        space: reader.text()?.to_owned(),
        cursor: reader.revision()?,
        index: reader.u64()?,
        chain: reader.digest()?,
        newest: reader.digest()?,
        root: reader.digest()?,
        keys: reader.u64()?,
        bytes: reader.u64()?,
        chunks: reader.list(read_about)?,
    })
}
