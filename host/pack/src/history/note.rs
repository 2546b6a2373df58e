//! One entry of the log as it is remembered: who wanted what, and what became of it.
//!
//! ```text
//!   note   revision · index:8 · entry digest:32 · author, reason:options of text · outcome
//!          · edits:list of (key:text · bytes of the new value:option of 8)
//! ```

use std::sync::Arc;

use bytes::BufMut;
use sluice_core::{Digest, Key, Outcome, Revision};

use super::event::{put_length, put_text, read_text};
use crate::codec::{Reader, put_list, put_option, put_revision};
use crate::verdicts::{put_outcome, read_outcome};

/// An entry that has an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The entry.
    pub revision: Revision,
    /// Which of all entries it was, counted from 1.
    pub index: u64,
    /// Its digest.
    pub digest: Digest,
    /// Who.
    pub author: Option<Arc<str>>,
    /// Why.
    pub reason: Option<Arc<str>>,
    /// What became of it.
    pub outcome: Outcome,
    /// The keys it wanted to edit, with the length of the new value; none of a delete.
    pub edits: Vec<(Key, Option<u64>)>,
}

/// Appends a note.
pub(super) fn put_note(out: &mut Vec<u8>, note: &Note) {
    put_revision(out, note.revision);
    out.put_u64_le(note.index);
    out.put_slice(&note.digest.0);
    put_option(out, note.author.as_deref(), put_text);
    put_option(out, note.reason.as_deref(), put_text);
    put_outcome(out, &note.outcome);
    put_list(out, note.edits.iter(), |out, (key, bytes)| {
        put_text(out, key.as_str());
        put_length(out, *bytes);
    });
}

/// Reads a note.
pub(super) fn read_note(reader: &mut Reader<'_>) -> Option<Note> {
    Some(Note {
        revision: reader.revision()?,
        index: reader.u64()?,
        digest: reader.digest()?,
        author: reader.option(read_text)?,
        reason: reader.option(read_text)?,
        outcome: read_outcome(reader)?,
        edits: reader.list(|reader| Some((reader.key()?, reader.option(Reader::u64)?)))?,
    })
}
