//! The fields `from` and `until`.

use bytes::Bytes;

use crate::key::SCHEDULED;
use crate::revision::Revision;
use crate::schedule::{self, Later};

use super::{Draft, Malformed, malformed, shown};

/// Reads a time into its place.
pub fn time(place: &mut Option<u64>, value: &Bytes) -> Result<(), String> {
    let text = std::str::from_utf8(value).ok();
    let ms = text.and_then(crate::time::parse);
    let ms =
        ms.ok_or_else(|| format!("{} is not a time: write 2026-12-01T09:00:00Z, or ms since 1970", shown(value)))?;
    match place.replace(ms) {
        None => Ok(()),
        Some(_) => Err("the field is given twice".to_owned()),
    }
}

/// What is left for later, within its bounds: entries of other fields must have room for it.
pub fn later(draft: &Draft, revision: Revision, fields: usize, bytes: usize) -> Result<Option<Later>, Malformed> {
    let name = if draft.until.is_some() { "until" } else { "from" };
    let later = Later::of(revision, draft.from, draft.until).map_err(|why| malformed("until", why))?;
    if draft.from.is_none() && draft.until.is_none() {
        return Ok(None);
    }
    let edits = draft.edits.iter().filter(|edit| !edit.key.as_str().starts_with(SCHEDULED)).count();
    let why = match (edits, fields, bytes) {
        (0, ..) => "a time is for edits, and the entry has none: leave it out".to_owned(),
        (schedule::EDITS_MAX.., ..) if edits > schedule::EDITS_MAX => {
            format!("{edits} edits are too many to be scheduled: at most {}", schedule::EDITS_MAX)
        }
        (_, schedule::FIELDS_MAX.., _) => format!("{fields} fields are too many to be scheduled: split the entry"),
        (_, _, schedule::BYTES_MAX..) => format!("{bytes} bytes are too many to be scheduled: use put-blob"),
        _ => return Ok(later),
    };
    Err(malformed(name, why))
}
