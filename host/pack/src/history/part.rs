//! One chunk of a history: events of neighbouring keys, or notes of entries that follow on each other.

use bytes::{BufMut, Bytes};
use sluice_core::{Digest, Revision};

use super::event::{Event, put_event, read_event};
use super::note::{Note, put_note, read_note};
use crate::chunk::{CHUNK_BYTES_MAX, LEVEL, MAGIC, unpack};
use crate::codec::{Reader, put_revision};
use crate::flaw::Flaw;

/// What kinds of chunk there are is one list for snapshots and histories.
const EVENTS: u8 = 6;
const NOTES: u8 = 7;

/// About how many bytes a part takes before it is packed. One look at a key reads one part of each run.
const PART_BYTES: usize = 256 << 10;

/// What an index says of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// BLAKE3 of its bytes as they are stored: its name.
    pub digest: Digest,
    /// How many bytes those are.
    pub stored_bytes: u32,
    /// How many they become.
    pub raw_bytes: u32,
    /// How many things it holds.
    pub count: u32,
    /// Tokens of the keys of its first and last event; of notes zero.
    pub tokens: (u64, u64),
    /// Its oldest and newest revision.
    pub revisions: (Revision, Revision),
}

/// A part with its bytes.
#[derive(Clone, Debug)]
pub struct Page {
    /// What an index says of it.
    pub about: Part,
    /// What is stored.
    pub bytes: Bytes,
}

impl Page {
    /// Packs events, which stand in their order.
    pub fn events(events: &[Event]) -> Vec<Page> {
        let about = |event: &Event| (event.key.token(), event.revision);
        pages(EVENTS, events, put_event, about)
    }

    /// Packs notes, which stand in the order of the log.
    pub fn notes(notes: &[Note]) -> Vec<Page> {
        pages(NOTES, notes, put_note, |note| (0, note.revision))
    }
}

impl Part {
    /// The events in it.
    ///
    /// # Errors
    /// What is wrong, with the part's name.
    pub fn open_events(&self, stored: &[u8]) -> Result<Vec<Event>, Flaw> {
        let events = self.open(EVENTS, stored, read_event)?;
        match events.is_sorted_by(|a, b| a.order(b).is_le())
            && self.is_of(&events, |one| (one.key.token(), one.revision))
        {
            true => Ok(events),
            false => Err(self.flaw("its events are not those that the index says")),
        }
    }

    /// The notes in it.
    ///
    /// # Errors
    /// What is wrong, with the part's name.
    pub fn open_notes(&self, stored: &[u8]) -> Result<Vec<Note>, Flaw> {
        let notes = self.open(NOTES, stored, read_note)?;
        match notes.is_sorted_by(|a, b| a.revision < b.revision) && self.is_of(&notes, |one| (0, one.revision)) {
            true => Ok(notes),
            false => Err(self.flaw("its notes are not those that the index says")),
        }
    }

    /// Whether bytes are this part, down to each thing in it.
    ///
    /// # Errors
    /// What is wrong, with the part's name.
    pub fn check(&self, stored: &[u8]) -> Result<(), Flaw> {
        match self.open_notes(stored) {
            Ok(_) => Ok(()),
            Err(_) => self.open_events(stored).map(drop),
        }
    }

    /// Whether it may have events of a key with this token.
    pub fn has(&self, token: u64) -> bool {
        self.tokens.0 <= token && token <= self.tokens.1
    }

    fn open<T>(&self, kind: u8, stored: &[u8], read: impl Fn(&mut Reader<'_>) -> Option<T>) -> Result<Vec<T>, Flaw> {
        if stored.len() != self.stored_bytes as usize || Digest::of(stored) != self.digest {
            return Err(self.flaw("its bytes are not those it is named for"));
        }
        let raw = unpack(stored, self.raw_bytes as usize).ok_or_else(|| {
            self.flaw(&format!("it does not unpack to the {} bytes that the index says", self.raw_bytes))
        })?;
        let rest = raw.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(&[kind]));
        let mut reader = Reader::new(rest.ok_or_else(|| self.flaw("it is of another kind"))?);
        let mut things = Vec::with_capacity((self.count as usize).min(raw.len()));
        while !reader.is_done() {
            things.push(read(&mut reader).ok_or_else(|| self.flaw("what is in it makes no sense"))?);
        }
        match things.len() == self.count as usize {
            true => Ok(things),
            false => Err(self.flaw(&format!("it holds {} things, {} by the index", things.len(), self.count))),
        }
    }

    fn is_of<T>(&self, things: &[T], about: impl Fn(&T) -> (u64, Revision)) -> bool {
        spans(things, about) == Some((self.tokens, self.revisions))
    }

    fn flaw(&self, what: &str) -> Flaw {
        Flaw(format!("history chunk {}: {what}", self.digest))
    }
}

type Spans = ((u64, u64), (Revision, Revision));

fn spans<T>(things: &[T], about: impl Fn(&T) -> (u64, Revision)) -> Option<Spans> {
    let revisions = things.iter().map(|thing| about(thing).1);
    let revisions = (revisions.clone().min()?, revisions.max()?);
    Some(((about(things.first()?).0, about(things.last()?).0), revisions))
}

fn pages<T>(
    kind: u8,
    things: &[T],
    put: impl Fn(&mut Vec<u8>, &T),
    about: impl Fn(&T) -> (u64, Revision),
) -> Vec<Page> {
    let mut pages = Vec::new();
    let (mut raw, mut from) = (head(kind), 0);
    for (at, thing) in things.iter().enumerate() {
        put(&mut raw, thing);
        if raw.len() >= PART_BYTES || at + 1 == things.len() {
            let some = &things[from..=at];
            let (tokens, revisions) = spans(some, &about).expect("there is the thing just put");
            pages.push(page(&raw, some.len(), tokens, revisions));
            (raw, from) = (head(kind), at + 1);
        }
    }
    pages
}

fn page(raw: &[u8], count: usize, tokens: (u64, u64), revisions: (Revision, Revision)) -> Page {
    let stored = zstd::bulk::compress(raw, LEVEL).expect("zstd packs whatever fits in memory");
    let about = Part {
        digest: Digest::of(&stored),
        stored_bytes: stored.len() as u32,
        raw_bytes: raw.len() as u32,
        count: count as u32,
        tokens,
        revisions,
    };
    Page { about, bytes: stored.into() }
}

fn head(kind: u8) -> Vec<u8> {
    let mut raw = MAGIC.to_vec();
    raw.put_u8(kind);
    raw
}

/// Appends what a part is, as an index says it.
pub(super) fn put_part(out: &mut Vec<u8>, part: &Part) {
    out.put_slice(&part.digest.0);
    out.put_u32_le(part.stored_bytes);
    out.put_u32_le(part.raw_bytes);
    out.put_u32_le(part.count);
    out.put_u64_le(part.tokens.0);
    out.put_u64_le(part.tokens.1);
    put_revision(out, part.revisions.0);
    put_revision(out, part.revisions.1);
}

/// Reads what an index says of a part.
pub(super) fn read_part(reader: &mut Reader<'_>) -> Option<Part> {
    let part = Part {
        digest: reader.digest()?,
        stored_bytes: reader.u32()?,
        raw_bytes: reader.u32()?,
        count: reader.u32()?,
        tokens: (reader.u64()?, reader.u64()?),
        revisions: (reader.revision()?, reader.revision()?),
    };
    (part.count > 0 && part.raw_bytes as usize <= CHUNK_BYTES_MAX).then_some(part)
}
