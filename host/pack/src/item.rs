//! A key with its value as bytes, and a token.

use bytes::{BufMut, Bytes};
use sluice_core::{Digest, Hashed, Item, Key, Media, Revision};

use crate::codec::{Reader, put_bytes, put_revision};

/// Appends a key with its item.
pub fn put_item(out: &mut Vec<u8>, key: &str, item: &Item) {
    put_bytes(out, key.as_bytes());
    put_revision(out, item.revision);
    put_bytes(out, item.media.as_str().as_bytes());
    out.put_slice(&item.digest.0);
    put_bytes(out, &item.bytes);
}

/// How many bytes [`put_item`] appends.
pub fn item_bytes(key: &Key, item: &Item) -> usize {
    const LENGTHS_REVISION_DIGEST: usize = 3 * 4 + 16 + 32;
    LENGTHS_REVISION_DIGEST + key.as_str().len() + item.media.as_str().len() + item.bytes.len()
}

/// Reads a key with its item, whose digest is worked out anew.
pub fn read_item(reader: &mut Reader<'_>) -> Option<(Key, Item)> {
    let key = reader.key()?;
    let revision = reader.revision()?;
    let media = read_media(&key, reader.text()?)?;
    let digest = reader.digest()?;
    // Copied, so that one value of a block that stays does not keep the block in memory.
    let bytes = Bytes::copy_from_slice(reader.bytes()?);
    (Digest::of(&bytes) == digest).then_some((key, Item { revision, media, digest, bytes }))
}

/// The same, ready to be put into a state.
pub fn read_hashed(reader: &mut Reader<'_>) -> Option<Hashed> {
    read_item(reader).map(|(key, item)| Hashed::new(key, item))
}

/// The default of a key costs no memory, and most values have it.
fn read_media(key: &Key, text: &str) -> Option<Media> {
    let default = Media::of_key(key);
    if default.as_str() == text { Some(default) } else { Media::parse(text) }
}

/// Appends an idempotency token and where it was seen first.
pub fn put_token(out: &mut Vec<u8>, token: &[u8], first: Revision) {
    put_bytes(out, token);
    put_revision(out, first);
}

/// Reads a token.
pub fn read_token(reader: &mut Reader<'_>) -> Option<(Bytes, Revision)> {
    Some((Bytes::copy_from_slice(reader.bytes()?), reader.revision()?))
}
