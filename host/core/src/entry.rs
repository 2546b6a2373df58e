//! One record of the log.

use bytes::Bytes;

use crate::change::Change;
use crate::decode::{self, Malformed};
use crate::digest::{Digest, Domain};
use crate::revision::Revision;
use crate::schedule::Turn;

/// The field of an entry that is back although the log lost it: the revision it had before.
pub const LOST_FIELD: &str = "x-lost";

/// A record of the log: where it stands, what it says, and what that means.
///
/// Decoded and hashed where it enters, so that the work can be spread over cores before the fold, which
/// must go one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub revision: Revision,
    /// Its identity: keyed BLAKE3 of its place and of all its fields.
    pub digest: Digest,
    /// Its fields as they stand in the stream.
    pub fields: Vec<(Bytes, Bytes)>,
    /// What it asks for, or why it asks for nothing.
    pub content: Result<Change, Malformed>,
}

impl Entry {
    /// Reads a record of the stream. Never fails: an entry that makes no sense is an entry too.
    pub fn read(revision: Revision, fields: Vec<(Bytes, Bytes)>) -> Entry {
        let hashes: Vec<Digest> = fields.iter().map(|(_, value)| Digest::of(value)).collect();
        let digest = digest_of(revision, &fields, &hashes);
        let content = decode::decode(revision, &fields, &hashes);
        Entry { revision, digest, fields, content }
    }

    /// The place that validators are told: one with `from` is judged as if it stood there.
    pub fn judged_at(&self) -> Revision {
        let later = self.content.as_ref().ok().and_then(|change| change.later.as_ref());
        match later.map(|later| later.turn) {
            Some(Turn::Start(at)) => Revision { ms: at, seq: 0 },
            Some(Turn::End(_)) | None => self.revision,
        }
    }

    /// The next chain digest: the previous one and this entry, hashed as one block.
    pub fn chained(&self, chain: Digest) -> Digest {
        Domain::Chain.pair(chain, self.digest)
    }

    /// Roughly what it holds in memory once its blobs are there, in bytes; the same before and after.
    pub fn bytes(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
        let inline = self.fields.iter().filter(|(name, _)| name.starts_with(b"put:"));
        let inline: usize = inline.map(|(_, value)| value.len()).sum();
        let puts: u64 = self.content.iter().flat_map(Change::puts).map(|put| put.content.length()).sum();
        // What a put holds beyond its field came, or is to come, from a blob.
        fields + (puts as usize).saturating_sub(inline) + 128
    }
}

/// Keyed BLAKE3 of `ms ‖ seq ‖ count ‖ (len ‖ name ‖ len ‖ BLAKE3(value))*`; integers are big-endian, ids
/// 64 bits, counts and lengths 32. Values enter by their digest, so that a large value is hashed once.
fn digest_of(revision: Revision, fields: &[(Bytes, Bytes)], hashes: &[Digest]) -> Digest {
    let length = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes();
    let mut text = Vec::with_capacity(20 + fields.len() * 72);
    text.extend(revision.ms.to_be_bytes());
    text.extend(revision.seq.to_be_bytes());
    text.extend((fields.len() as u32).to_be_bytes());
    for ((name, value), hash) in fields.iter().zip(hashes) {
        text.extend(length(name));
        text.extend_from_slice(name);
        text.extend(length(value));
        text.extend(hash.0);
    }
    Domain::Entry.hash(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fields: &[(&'static str, &'static str)]) -> Entry {
        let fields = fields.iter().map(|(n, v)| (Bytes::from_static(n.as_bytes()), Bytes::from_static(v.as_bytes())));
        Entry::read(Revision { ms: 1, seq: 0 }, fields.collect())
    }

    #[test]
    fn where_one_field_ends_and_the_next_begins_matters() {
        assert_ne!(entry(&[("put:a", "bc")]).digest, entry(&[("put:ab", "c")]).digest);
        assert_ne!(entry(&[("x-a", ""), ("x-b", "")]).digest, entry(&[("x-b", ""), ("x-a", "")]).digest);
    }

    #[test]
    fn the_chain_depends_on_every_entry_and_on_their_order() {
        let (a, b) = (entry(&[("put:a", "1")]), entry(&[("put:b", "1")]));
        assert_ne!(b.chained(a.chained(Digest::ZERO)), a.chained(b.chained(Digest::ZERO)));
    }
}
