//! The words of the format: little-endian integers, and bytes behind their length.

use bytes::{Buf, BufMut};
use sluice_core::{Digest, Key, Revision, Subtree};

/// Appends bytes behind their 32-bit length. Redis takes no field over 512 MiB, so 32 bits are enough.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u32_le(bytes.len() as u32);
    out.put_slice(bytes);
}

/// Appends a revision.
pub fn put_revision(out: &mut Vec<u8>, revision: Revision) {
    out.put_u64_le(revision.ms);
    out.put_u64_le(revision.seq);
}

/// Appends a subtree: how many bits, and the bytes they are in.
pub fn put_subtree(out: &mut Vec<u8>, under: &Subtree) {
    out.put_u16_le(under.depth() as u16);
    out.put_slice(&under.first()[..under.depth().div_ceil(8)]);
}

/// Appends how many things follow, then each.
pub fn put_list<T>(out: &mut Vec<u8>, list: impl ExactSizeIterator<Item = T>, put: impl Fn(&mut Vec<u8>, T)) {
    out.put_u32_le(list.len() as u32);
    list.for_each(|one| put(out, one));
}

/// Appends whether there is something, then it.
pub fn put_option<T>(out: &mut Vec<u8>, option: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.put_u8(u8::from(option.is_some()));
    if let Some(one) = option {
        put(out, one);
    }
}

/// Takes the words back out. `None` is the one error there is: these bytes say nothing. Checksums come
/// first, so in practice it means that another program wrote them.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Whether all has been read.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.rest.try_get_u8().ok()
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.rest.try_get_u32_le().ok()
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.rest.try_get_u64_le().ok()
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        self.rest.split_off(..length)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub fn digest(&mut self) -> Option<Digest> {
        let bytes = self.rest.split_off(..32)?;
        bytes.try_into().ok().map(Digest)
    }

    pub fn revision(&mut self) -> Option<Revision> {
        Some(Revision { ms: self.u64()?, seq: self.u64()? })
    }

    pub fn subtree(&mut self) -> Option<Subtree> {
        let depth = self.rest.try_get_u16_le().ok()?;
        let bytes = self.rest.split_off(..usize::from(depth).div_ceil(8))?;
        let mut first = [0; 32];
        first.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Subtree::new(first, depth)
    }

    pub fn key(&mut self) -> Option<Key> {
        Key::parse(self.bytes()?).ok()
    }

    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()? as usize;
        // Each thing takes a byte at least, so a wrong count cannot ask for more memory than there is file.
        let mut list = Vec::with_capacity(count.min(self.rest.len()));
        for _ in 0..count {
            list.push(read(self)?);
        }
        Some(list)
    }

    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.u8()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }
}
