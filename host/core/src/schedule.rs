//! Changes that begin or end at a time of the log.
//!
//! ```text
//!   entry with from ──▶ judged ──▶ kept under _sluice/scheduled/<revision> ──from──▶ an entry with its edits
//!   entry with until ─▶ applied, and what was there before is kept likewise ─until─▶ an entry that brings it back
//! ```
//!
//! What is kept is an ordinary item: it is on disk, in snapshots and in the root digest, and deleting it calls the change
//! off. What begins or ends a change is an ordinary entry, which some host appends: it is judged like any other, and its
//! base on the item makes it happen once, however many hosts append it.

use bytes::{BufMut, Bytes, BytesMut};

use crate::change::{Action, Change};
use crate::decode::{INLINE_BYTES_MAX, NOTE_BYTES_MAX};
use crate::digest::Digest;
use crate::entry::{Entry, LOST_FIELD};
use crate::key::{Key, SCHEDULED};
use crate::media::Media;
use crate::revision::Revision;
use crate::state::{Item, State};

/// Most edits of an entry with `from` or `until`: each may take three fields when it ends.
pub const EDITS_MAX: usize = 4096;
/// Most fields of an entry with `from`: some are added when it begins.
pub const FIELDS_MAX: usize = 12_288;
/// Most bytes of names and values of an entry with `from`, and of what `until` brings back.
pub const BYTES_MAX: usize = 16 << 20;

const START: &[u8] = b"start";
const END: &[u8] = b"end";

/// What of a change is kept for a time to come, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    /// The entry's.
    pub revision: Revision,
    /// The reserved key of the item that keeps it.
    pub key: Key,
    /// What happens then, and when: ms since 1970, in log time.
    pub turn: Turn,
}

/// The two things that can be left for later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// All of the change: none of it applies before.
    Start(u64),
    /// Its end: what was there before comes back.
    End(u64),
}

impl Later {
    /// What an entry leaves for later, if anything.
    ///
    /// # Errors
    /// It would end before it begins, or is over already.
    pub fn of(revision: Revision, from: Option<u64>, until: Option<u64>) -> Result<Option<Later>, String> {
        if let Some(until) = until.filter(|until| *until <= from.unwrap_or_default().max(revision.ms)) {
            return Err(format!("{until} ms is not later than the change begins: choose a later time"));
        }
        let turn = match (from, until) {
            (Some(from), _) if from > revision.ms => Turn::Start(from),
            (_, Some(until)) => Turn::End(until),
            (_, None) => return Ok(None),
        };
        let key = Key::parse(format!("{SCHEDULED}{revision}").as_bytes()).expect("digits are a key");
        Ok(Some(Later { revision, key, turn }))
    }

    /// Whether nothing of the change applies now.
    pub fn is_start(&self) -> bool {
        matches!(self.turn, Turn::Start(_))
    }
}

/// The item that keeps what an entry leaves for later, on the state just before it; none when nothing is left to do.
pub fn kept(state: &State, entry: &Entry, change: &Change) -> Option<(Key, Item)> {
    let later = change.later.as_ref()?;
    let bytes = match later.turn {
        Turn::Start(at) => start(at, &entry.fields),
        Turn::End(at) => end(at, state, later.revision, change)?,
    };
    let (media, digest) = (Media::FIELDS, Digest::of(&bytes));
    Some((later.key.clone(), Item { revision: entry.revision, media, digest, bytes }))
}

/// Whether what an entry brings back at its end is small enough to be kept.
///
/// # Errors
/// Says how large it is.
pub fn fits(state: &State, change: &Change) -> Result<(), String> {
    let Some(Later { turn: Turn::End(at), revision, .. }) = &change.later else { return Ok(()) };
    match end(*at, state, *revision, change).map_or(0, |bytes| bytes.len()) {
        0..=BYTES_MAX => Ok(()),
        bytes => Err(format!(
            "what \"until\" would bring back takes {bytes} bytes, at most {BYTES_MAX}: change fewer keys, or end it yourself"
        )),
    }
}

fn start(at: u64, fields: &[(Bytes, Bytes)]) -> Bytes {
    let mut out = BytesMut::new();
    put(&mut out, START, at.to_string().as_bytes());
    // Tokens count where a change is published: when it begins, another may long have the lock.
    let rest =
        fields.iter().filter(|(name, _)| !matches!(&name[..], b"from" | b"token") && !name.starts_with(b"fence:"));
    rest.for_each(|(name, value)| put(&mut out, name, value));
    out.freeze()
}

/// What was there before, with bases: a key that somebody has changed since keeps what it has.
fn end(at: u64, state: &State, revision: Revision, change: &Change) -> Option<Bytes> {
    let mut out = BytesMut::new();
    put(&mut out, END, at.to_string().as_bytes());
    let nothing = out.len();
    for edit in change.edits.iter().filter(|edit| !edit.key.as_str().starts_with(SCHEDULED)) {
        let (key, old) = (&edit.key, state.item(&edit.key));
        let base = match &edit.action {
            Action::Delete if old.is_none() => continue,
            Action::Delete => Revision::ZERO,
            Action::Put(_) => revision,
        };
        match old {
            Some(old) => {
                put(&mut out, format!("put:{key}").as_bytes(), &old.bytes);
                put(&mut out, format!("type:{key}").as_bytes(), old.media.as_str().as_bytes());
            }
            None => put(&mut out, format!("del:{key}").as_bytes(), b""),
        }
        put(&mut out, format!("base:{key}").as_bytes(), base.to_string().as_bytes());
    }
    if out.len() == nothing {
        return None;
    }
    for (name, note) in [("author", &change.author), ("reason", &change.reason)] {
        note.iter().for_each(|note| put(&mut out, name.as_bytes(), note.as_bytes()));
    }
    if change.overrides.guard {
        put(&mut out, b"override", b"guard");
    }
    Some(out.freeze())
}

fn put(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    for part in [name, value] {
        out.put_u32(part.len() as u32);
        out.put_slice(part);
    }
}

/// Something that waits for its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The item that keeps it.
    pub key: Key,
    /// The item's revision: that of the entry which left it.
    pub revision: Revision,
    /// What is due, and when.
    pub turn: Turn,
    /// Fields of the entry that carries it out.
    fields: Vec<Field>,
}

/// A name and a value.
type Field = (Bytes, Bytes);

/// All that waits for its time, the earliest first.
pub fn planned(state: &State) -> Vec<Planned> {
    let kept = state.range(SCHEDULED, None);
    let mut all: Vec<Planned> = kept.filter_map(|(key, item)| Planned::read(key.clone(), item)).collect();
    all.sort_by_key(|planned| (planned.at(), planned.revision));
    all
}

impl Planned {
    /// Reads an item back; none for one that is no such thing.
    pub fn read(key: Key, item: &Item) -> Option<Planned> {
        let mut rest = item.bytes.clone();
        let mut part = || {
            let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
            let end = length.checked_add(4).filter(|end| *end <= rest.len())?;
            let part = rest.slice(4..end);
            rest = rest.slice(end..);
            Some(part)
        };
        let (first, at) = (part()?, part()?);
        let at = std::str::from_utf8(&at).ok()?.parse().ok()?;
        let turn = match &first[..] {
            START => Turn::Start(at),
            END => Turn::End(at),
            _ => return None,
        };
        let mut fields = Vec::new();
        while let Some(name) = part() {
            fields.push((name, part()?));
        }
        Some(Planned { key, revision: item.revision, turn, fields })
    }

    /// When it is due: ms since 1970, in log time.
    pub fn at(&self) -> u64 {
        match self.turn {
            Turn::Start(at) | Turn::End(at) => at,
        }
    }

    /// The keys it is about.
    pub fn keys(&self) -> Vec<&str> {
        let edited = |name| split(name).filter(|(verb, _)| matches!(*verb, "put" | "put-blob" | "del"));
        self.fields.iter().filter_map(|(name, _)| edited(name)).map(|(_, key)| key).collect()
    }

    /// A note of whoever planned it: its `author`, its `reason`.
    pub fn note(&self, wanted: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(name, _)| name == wanted.as_bytes())?;
        std::str::from_utf8(value).ok()
    }

    /// The entry that carries it out, and values to be stored as blobs before it. Of an end, only what nobody has changed
    /// since `state`; whoever does so before the entry is folded makes it a conflict, and it is to be made anew.
    pub fn entry(&self, state: &State) -> (Vec<Field>, Vec<Bytes>) {
        let mut blobs = Vec::new();
        let mut fields: Vec<Field> = match self.turn {
            // Lost and back is the plan, not its beginning.
            Turn::Start(_) => self.fields.iter().filter(|(name, _)| name != LOST_FIELD).cloned().collect(),
            Turn::End(_) => self.fields.iter().filter(|field| self.is_as_left(field, state)).cloned().collect(),
        };
        for (name, value) in &mut fields {
            if value.len() > INLINE_BYTES_MAX
                && let Some(("put", key)) = split(&name.clone())
            {
                *name = format!("put-blob:{key}").into();
                blobs.push(std::mem::replace(value, format!("{} {}", Digest::of(value), value.len()).into()));
            }
        }
        fields.extend(self.away());
        (fields, blobs)
    }

    /// The entry that calls it off.
    pub fn cancelled(&self, why: &str) -> Vec<Field> {
        let why = &why[..why.floor_char_boundary(NOTE_BYTES_MAX)];
        let mut fields = self.away();
        fields.extend([("author".into(), "sluice".into()), ("reason".into(), why.to_owned().into())]);
        fields
    }

    /// What takes the item away, once.
    fn away(&self) -> Vec<Field> {
        let (key, revision) = (&self.key, self.revision.to_string());
        vec![
            (format!("del:{key}").into(), Bytes::new()),
            (format!("base:{key}").into(), revision.clone().into()),
            ("x-scheduled".into(), revision.into()),
        ]
    }

    /// Whether a field is not about a key, or about one that is still as the change left it.
    fn is_as_left(&self, (name, _): &Field, state: &State) -> bool {
        let Some((_, key)) = split(name) else { return true };
        let base = self.fields.iter().find(|(name, _)| split(name) == Some(("base", key)));
        let base: Option<Revision> = base.and_then(|(_, base)| std::str::from_utf8(base).ok()?.parse().ok());
        base == Some(state.find(key.as_bytes()).map_or(Revision::ZERO, |item| item.revision))
    }
}

fn split(name: &Bytes) -> Option<(&str, &str)> {
    std::str::from_utf8(name).ok()?.split_once(':')
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
