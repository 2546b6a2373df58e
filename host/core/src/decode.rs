//! From the fields of an entry to the change they ask for: the grammar of `docs/PROTOCOL.md`.

mod later;
mod overrides;
mod unknown;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::change::{Action, BlobRef, Change, Content, Edit, Overrides, Put};
use crate::digest::Digest;
use crate::fence::Fence;
use crate::key::{FENCES, Key, SCHEDULED};
use crate::media::Media;
use crate::policy::{POLICY, Policy};
use crate::revision::Revision;

use later::{later, time};
use unknown::unknown;

/// Largest value inside an entry, in bytes; larger ones go to a blob, so that the log stays quick to read.
pub const INLINE_BYTES_MAX: usize = 1 << 20;
/// Largest blob, in bytes: a bound on what one entry can make every host fetch and hold.
pub const BLOB_BYTES_MAX: u64 = 64 << 20;
/// Most fields of one entry: a bound on the work one entry can ask for.
pub const FIELDS_MAX: usize = 16_384;
/// Most bytes of all names and values of one entry together, so that a batch of entries has a bound.
pub const ENTRY_BYTES_MAX: usize = 32 << 20;
/// Longest author, reason or `x-…` value, in bytes: they are kept with refusals and shown to people.
pub const NOTE_BYTES_MAX: usize = 4096;
/// Longest name of an `x-…` field, in bytes: names of other fields are bounded by their keys.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest idempotency token, in bytes: every host remembers many of them.
pub const TOKEN_BYTES_MAX: usize = 128;

/// Why an entry asks for nothing: the field at fault and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The field's name, escaped and shortened; empty when it is the entry as a whole.
    pub field: String,
    /// What is wrong, with the remedy.
    pub why: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.why),
            field => write!(f, "field \"{field}\": {}", self.why),
        }
    }
}

/// Reads the fields of the entry at `revision` in order. `hashes` are the BLAKE3 digests of the values, in the same order.
///
/// # Errors
/// The first field that is unknown, out of bounds or contradicts another; then nothing is applied.
pub fn decode(revision: Revision, fields: &[(Bytes, Bytes)], hashes: &[Digest]) -> Result<Change, Malformed> {
    if fields.len() > FIELDS_MAX {
        return Err(malformed("", format!("the entry has {} fields: split it, at most {FIELDS_MAX}", fields.len())));
    }
    let total: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    if total > ENTRY_BYTES_MAX {
        return Err(malformed("", format!("the entry has {total} bytes: use put-blob, at most {ENTRY_BYTES_MAX}")));
    }
    let mut draft = Draft::default();
    for ((name, value), hash) in fields.iter().zip(hashes) {
        draft.field(name, value, *hash).map_err(|why| malformed_bytes(name, why))?;
    }
    draft.finish(revision, (fields.len(), total))
}

/// A change while its fields are being read.
#[derive(Default)]
struct Draft {
    edits: Vec<Edit>,
    edited: BTreeSet<Key>,
    types: BTreeMap<Key, Media>,
    bases: BTreeMap<Key, Revision>,
    author: Option<Arc<str>>,
    reason: Option<Arc<str>>,
    token: Option<Bytes>,
    fences: BTreeMap<String, Fence>,
    overrides: Option<Overrides>,
    is_tick: bool,
    from: Option<u64>,
    until: Option<u64>,
    extras: Vec<(Arc<str>, Bytes)>,
}

impl Draft {
    fn field(&mut self, name: &Bytes, value: &Bytes, hash: Digest) -> Result<(), String> {
        let text = std::str::from_utf8(name).map_err(|_| "the name is not UTF-8".to_owned())?;
        if text.starts_with("x-") {
            return self.extra(text, value);
        }
        match text.split_once(':') {
            Some(("put", key)) => self.edit(key, put_inline(value, hash)?),
            Some(("put-blob", key)) => self.edit(key, put_blob(value)?),
            Some(("del", key)) if value.is_empty() => self.edit(key, Action::Delete),
            Some(("del", _)) => Err("a delete has no value: leave it empty".to_owned()),
            Some(("type", key)) => self.media(key, value),
            Some(("base", key)) => self.base(key, value),
            Some(("fence", resource)) => self.fence(resource, value),
            Some((verb, _)) => Err(unknown(text, verb)),
            None => self.note(text, value),
        }
    }

    fn edit(&mut self, key: &str, action: Action) -> Result<(), String> {
        let key = Key::parse(key.as_bytes()).map_err(|error| error.to_string())?;
        if key.as_str().starts_with(SCHEDULED) && action != Action::Delete {
            return Err("a change is scheduled by the fields from and until: publish it with these".to_owned());
        }
        not_of_fences(&key)?;
        if !self.edited.insert(key.clone()) {
            return Err(format!("key \"{key}\" is edited twice: an entry edits a key once"));
        }
        self.edits.push(Edit { key, action });
        Ok(())
    }

    fn media(&mut self, key: &str, value: &Bytes) -> Result<(), String> {
        let key = Key::parse(key.as_bytes()).map_err(|error| error.to_string())?;
        let media = std::str::from_utf8(value).ok().and_then(Media::parse);
        let media = media.ok_or_else(|| format!("{} is not a media type: write type/subtype", shown(value)))?;
        match self.types.insert(key, media) {
            None => Ok(()),
            Some(_) => Err("the type is given twice".to_owned()),
        }
    }

    fn base(&mut self, key: &str, value: &Bytes) -> Result<(), String> {
        let key = Key::parse(key.as_bytes()).map_err(|error| error.to_string())?;
        not_of_fences(&key)?;
        let base = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        let base = base.ok_or_else(|| format!("{} is not a revision: write ms-seq, or 0 for absent", shown(value)))?;
        match self.bases.insert(key, base) {
            None => Ok(()),
            Some(_) => Err("the base is given twice".to_owned()),
        }
    }

    fn note(&mut self, name: &str, value: &Bytes) -> Result<(), String> {
        let place = match name {
            "author" => &mut self.author,
            "reason" => &mut self.reason,
            "token" => return self.token(value),
            "override" => return overrides::read(&mut self.overrides, value),
            "tick" => return self.tick(value),
            "from" => return time(&mut self.from, value),
            "until" => return time(&mut self.until, value),
            _ => return Err(unknown(name, name)),
        };
        let text = std::str::from_utf8(value).map_err(|_| "the value is not UTF-8".to_owned())?;
        bounded(value, NOTE_BYTES_MAX)?;
        match place.replace(text.into()) {
            None => Ok(()),
            Some(_) => Err("the field is given twice".to_owned()),
        }
    }

    fn token(&mut self, value: &Bytes) -> Result<(), String> {
        bounded(value, TOKEN_BYTES_MAX)?;
        if value.is_empty() {
            return Err("the token is empty: leave the field out, or send a unique text".to_owned());
        }
        match self.token.replace(value.clone()) {
            None => Ok(()),
            Some(_) => Err("the field is given twice".to_owned()),
        }
    }

    fn fence(&mut self, resource: &str, value: &Bytes) -> Result<(), String> {
        match self.fences.insert(resource.to_owned(), Fence::parse(resource, value)?) {
            None => Ok(()),
            Some(_) => Err("the fence is given twice".to_owned()),
        }
    }

    fn tick(&mut self, value: &Bytes) -> Result<(), String> {
        match (value.is_empty(), std::mem::replace(&mut self.is_tick, true)) {
            (true, false) => Ok(()),
            (true, true) => Err("the field is given twice".to_owned()),
            (false, _) => Err("a tick has no value: leave it empty".to_owned()),
        }
    }

    fn extra(&mut self, name: &str, value: &Bytes) -> Result<(), String> {
        bounded(value, NOTE_BYTES_MAX)?;
        if name.len() > NAME_BYTES_MAX {
            return Err(format!("the name has {} bytes: at most {NAME_BYTES_MAX}", name.len()));
        }
        self.extras.push((name.into(), value.clone()));
        Ok(())
    }

    fn finish(mut self, revision: Revision, (fields, bytes): (usize, usize)) -> Result<Change, Malformed> {
        match (self.is_tick, self.edits.is_empty()) {
            (true, true) | (false, false) => (),
            (true, false) => {
                return Err(malformed("tick", "a tick changes nothing: publish the edits without".to_owned()));
            }
            (false, true) => {
                return Err(malformed("", "the entry changes nothing: add put:<key> or del:<key>".to_owned()));
            }
        }
        let later = later(&self, revision, fields, bytes)?;
        overrides::check(&self)?;
        if let Some(edit) = self.edits.iter().find(|edit| edit.key.as_str() == POLICY) {
            policy(&edit.action).map_err(|why| malformed_bytes(format!("put:{POLICY}").as_bytes(), why))?;
        }
        for edit in &mut self.edits {
            if let Action::Put(put) = &mut edit.action {
                put.media = self.types.remove(&edit.key).unwrap_or_else(|| Media::of_key(&edit.key));
            }
        }
        if let Some(key) = self.types.keys().next() {
            let why = "there is no put of this key in the entry: leave the type out, or add the put".to_owned();
            return Err(malformed_bytes(format!("type:{key}").as_bytes(), why));
        }
        Ok(Change {
            edits: self.edits,
            bases: self.bases.into_iter().collect(),
            author: self.author,
            reason: self.reason,
            token: self.token,
            fences: self.fences.into_values().collect(),
            overrides: self.overrides.unwrap_or_default(),
            later,
            extras: self.extras,
        })
    }
}

/// What a policy says is a rule of the fold itself, so one that cannot be read is none.
fn policy(action: &Action) -> Result<(), String> {
    match action {
        Action::Delete => Ok(()),
        Action::Put(Put { content: Content::Here(bytes), .. }) => Policy::parse(bytes).map(drop),
        Action::Put(Put { content: Content::At(_), .. }) => Err("a policy is written inline: use put".to_owned()),
    }
}

/// These follow from the fields `fence:<resource>` in the order of the log, whatever else is held.
fn not_of_fences(key: &Key) -> Result<(), String> {
    match key.as_str().strip_prefix(FENCES) {
        None => Ok(()),
        Some(resource) => Err(format!("the highest token follows from entries: write it as fence:{resource}")),
    }
}

fn put_inline(value: &Bytes, digest: Digest) -> Result<Action, String> {
    if value.len() > INLINE_BYTES_MAX {
        let length = value.len();
        return Err(format!("the value has {length} bytes: use put-blob, inline at most {INLINE_BYTES_MAX}"));
    }
    Ok(Action::Put(Put { media: Media::BYTES, digest, content: Content::Here(value.clone()) }))
}

fn put_blob(value: &Bytes) -> Result<Action, String> {
    let wrong = || format!("{} is not \"<blake3 hex> <length>\"", shown(value));
    let text = std::str::from_utf8(value).map_err(|_| wrong())?;
    let (digest, length) = text.split_once(' ').ok_or_else(wrong)?;
    let digest: Digest = digest.parse().map_err(|_| wrong())?;
    let length = match length.bytes().all(|b| b.is_ascii_digit()) {
        true => length.parse::<u64>().map_err(|_| wrong())?,
        false => return Err(wrong()),
    };
    if length > BLOB_BYTES_MAX {
        return Err(format!("the blob has {length} bytes: at most {BLOB_BYTES_MAX}"));
    }
    Ok(Action::Put(Put { media: Media::BYTES, digest, content: Content::At(BlobRef { digest, length }) }))
}

fn bounded(value: &Bytes, most: usize) -> Result<(), String> {
    match value.len() <= most {
        true => Ok(()),
        false => Err(format!("the value has {} bytes: at most {most}", value.len())),
    }
}

fn malformed(field: &str, why: String) -> Malformed {
    Malformed { field: field.to_owned(), why }
}

fn malformed_bytes(name: &[u8], why: String) -> Malformed {
    let head = &name[..name.len().min(120)];
    Malformed { field: head.escape_ascii().to_string(), why }
}

fn shown(value: &[u8]) -> String {
    format!("\"{}\"", value[..value.len().min(80)].escape_ascii())
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
