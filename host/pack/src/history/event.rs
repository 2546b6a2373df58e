//! What happened to one key: a change with what the key was before it, or a change that was refused.
//!
//! ```text
//!   event    key:text · revision · author, reason:options of text · what
//!   what     0 · bytes:option of 8 · former:option of (revision · media type:text · value)     it changed
//!            1 · bytes:option of 8 · class, message:text                                       it was to, and was refused
//!            2                                                                                 older events are forgotten
//!   value    0 · bytes | 1 · BLAKE3:32 · length:8
//! ```

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use sluice_core::decode::INLINE_BYTES_MAX;
use sluice_core::{BlobRef, Digest, Item, Key, Media, Revision};

use crate::codec::{Reader, put_bytes, put_option, put_revision};

/// What happened to one key at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which key.
    pub key: Key,
    /// By which entry.
    pub revision: Revision,
    /// Who.
    pub author: Option<Arc<str>>,
    /// Why.
    pub reason: Option<Arc<str>>,
    /// What.
    pub what: What,
}

/// The kinds of event. `bytes` is the length of the new value, none of a delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The key changed; before that it was `former`, or absent.
    Changed { bytes: Option<u64>, former: Option<Former> },
    /// It was to change, and the entry was refused.
    Refused { bytes: Option<u64>, class: Arc<str>, message: Arc<str> },
    /// What happened to the key up to and including this revision is not kept.
    Forgotten,
}

/// What a key was before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// The entry that had put it.
    pub revision: Revision,
    /// Its media type.
    pub media: Media,
    /// Its bytes, or where they are.
    pub value: Value,
}

/// The bytes of a former value. One too large for an entry came as a blob of its publisher, which stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// These.
    Here(Bytes),
    /// Those of a blob.
    At(BlobRef),
}

impl Former {
    /// Of a value that is about to be replaced.
    pub fn of(item: &Item) -> Former {
        let value = match item.bytes.len() {
            0..=INLINE_BYTES_MAX => Value::Here(item.bytes.clone()),
            length => Value::At(BlobRef { digest: item.digest, length: length as u64 }),
        };
        Former { revision: item.revision, media: item.media.clone(), value }
    }
}

impl Event {
    /// By the point of the key, then by revision: the order in parts.
    pub fn order(&self, other: &Event) -> Ordering {
        self.key.point().cmp(other.key.point()).then_with(|| self.revision.cmp(&other.revision))
    }

    /// Bytes of the former value that stand in the event.
    pub fn value_bytes(&self) -> u64 {
        match &self.what {
            What::Changed { former: Some(Former { value: Value::Here(bytes), .. }), .. } => bytes.len() as u64,
            What::Changed { .. } | What::Refused { .. } | What::Forgotten => 0,
        }
    }

    /// Whether it is a change that took place.
    pub fn is_change(&self) -> bool {
        matches!(self.what, What::Changed { .. })
    }
}

/// Appends an event.
pub(super) fn put_event(out: &mut Vec<u8>, event: &Event) {
    put_text(out, event.key.as_str());
    put_revision(out, event.revision);
    put_option(out, event.author.as_deref(), put_text);
    put_option(out, event.reason.as_deref(), put_text);
    match &event.what {
        What::Changed { bytes, former } => {
            out.put_u8(0);
            put_length(out, *bytes);
            put_option(out, former.as_ref(), put_former);
        }
        What::Refused { bytes, class, message } => {
            out.put_u8(1);
            put_length(out, *bytes);
            put_text(out, class);
            put_text(out, message);
        }
        What::Forgotten => out.put_u8(2),
    }
}

/// Reads an event.
pub(super) fn read_event(reader: &mut Reader<'_>) -> Option<Event> {
    Some(Event {
        key: reader.key()?,
        revision: reader.revision()?,
        author: reader.option(read_text)?,
        reason: reader.option(read_text)?,
        what: match reader.u8()? {
            0 => What::Changed { bytes: reader.option(Reader::u64)?, former: reader.option(read_former)? },
            1 => What::Refused {
                bytes: reader.option(Reader::u64)?,
                class: read_text(reader)?,
                message: read_text(reader)?,
            },
            2 => What::Forgotten,
            _ => return None,
        },
    })
}

fn put_former(out: &mut Vec<u8>, former: &Former) {
    put_revision(out, former.revision);
    put_text(out, former.media.as_str());
    match &former.value {
        Value::Here(bytes) => {
            out.put_u8(0);
            put_bytes(out, bytes);
        }
        Value::At(blob) => {
            out.put_u8(1);
            out.put_slice(&blob.digest.0);
            out.put_u64_le(blob.length);
        }
    }
}

fn read_former(reader: &mut Reader<'_>) -> Option<Former> {
    Some(Former {
        revision: reader.revision()?,
        media: Media::parse(reader.text()?)?,
        value: match reader.u8()? {
            0 => Value::Here(Bytes::copy_from_slice(reader.bytes()?)),
            1 => Value::At(BlobRef { digest: reader.digest()?, length: reader.u64()? }),
            _ => return None,
        },
    })
}

impl Value {
    /// The digest of its bytes.
    pub fn digest(&self) -> Digest {
        match self {
            Value::Here(bytes) => Digest::of(bytes),
            Value::At(blob) => blob.digest,
        }
    }
}

pub(super) fn put_length(out: &mut Vec<u8>, bytes: Option<u64>) {
    put_option(out, bytes, |out, bytes| out.put_u64_le(bytes));
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

pub(super) fn read_text(reader: &mut Reader<'_>) -> Option<Arc<str>> {
    reader.text().map(Arc::from)
}
