//! An entry as bytes.
//!
//! ```text
//!   entry  revision · fields as they stand in the stream · bytes of the blobs its fields only name
//! ```

use std::collections::BTreeSet;

use bytes::{BufMut, Bytes};
use sluice_core::{Action, BlobRef, Content, Digest, Entry, Put};

use crate::codec::{Reader, put_bytes, put_list, put_revision};

/// Appends an entry.
pub fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    put_revision(out, entry.revision);
    put_list(out, entry.fields.iter(), |out, (name, value)| {
        put_bytes(out, name);
        put_bytes(out, value);
    });
    put_list(out, filled_blobs(entry).into_iter(), |out, (digest, bytes)| {
        out.put_slice(&digest.0);
        put_bytes(out, bytes);
    });
}

/// Reads an entry.
pub fn read_entry(reader: &mut Reader<'_>) -> Option<Entry> {
    let revision = reader.revision()?;
    let copied = |reader: &mut Reader<'_>| reader.bytes().map(Bytes::copy_from_slice);
    let fields = reader.list(|reader| Some((copied(reader)?, copied(reader)?)))?;
    let blobs = reader.list(|reader| Some((reader.digest()?, copied(reader)?)))?;
    let mut entry = Entry::read(revision, fields);
    for (digest, bytes) in blobs {
        // The chain digest covers inline values; a blob it covers only by name.
        if Digest::of(&bytes) != digest {
            return None;
        }
        if let Ok(change) = &mut entry.content {
            change.fill(BlobRef { digest, length: bytes.len() as u64 }, &bytes);
        }
    }
    Some(entry)
}

/// The blobs whose bytes have been fetched into the entry, each once.
fn filled_blobs(entry: &Entry) -> Vec<(Digest, &Bytes)> {
    let is_edit = |name: &[u8]| [&b"put:"[..], b"put-blob:", b"del:"].iter().any(|verb| name.starts_with(verb));
    let names = entry.fields.iter().map(|(name, _)| name).filter(|name| is_edit(name));
    // Decoding keeps the order of the fields, so fields and edits run side by side.
    let edits = entry.content.iter().flat_map(|change| &change.edits);
    let mut seen = BTreeSet::new();
    let filled = names.zip(edits).filter_map(|(name, edit)| match &edit.action {
        Action::Put(Put { digest, content: Content::Here(bytes), .. }) if name.starts_with(b"put-blob:") => {
            seen.insert(*digest).then_some((*digest, bytes))
        }
        Action::Put(Put { content: Content::Here(_) | Content::At(_), .. }) | Action::Delete => None,
    });
    filled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::Revision;

    #[test]
    fn an_entry_comes_back_with_its_blobs_and_only_its_blobs() {
        let blob = Bytes::from_static(b"many bytes");
        let name = format!("{} {}", Digest::of(&blob), blob.len());
        let other = format!("{} 7", Digest::of(b"missing"));
        let field = |name: &str, value: &str| (Bytes::from(name.to_owned()), Bytes::from(value.to_owned()));
        let fields = [
            field("put:a", "1"),
            field("put-blob:b", &name),
            field("x-note", "put:"),
            field("del:c", ""),
            field("put-blob:d", &other),
            field("put-blob:e", &name),
        ];
        let mut entry = Entry::read(Revision { ms: 7, seq: 1 }, fields.to_vec());
        let filling = BlobRef { digest: Digest::of(&blob), length: 10 };
        entry.content.as_mut().unwrap().fill(filling, &blob);
        let mut out = Vec::new();
        put_entry(&mut out, &entry);
        let mut reader = Reader::new(&out);
        assert_eq!(read_entry(&mut reader), Some(entry));
        assert!(reader.is_done());
        assert_eq!(out.windows(blob.len()).filter(|part| *part == &blob[..]).count(), 1);
    }
}
