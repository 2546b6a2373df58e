//! A change as commands write it: the fields of its entry, and the large values that go to blobs.

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};
use sluice_core::decode::{BLOB_BYTES_MAX, INLINE_BYTES_MAX};
use sluice_core::{BlobRef, Digest, Entry, Key, Revision};

use crate::cli::{PublishArgs, Time};
use crate::exit::usage;
use crate::utc::utc;
use crate::{payload, settings};

/// One edit as a command asks for it.
pub enum Edit {
    Put { key: Key, value: Bytes, media: Option<String> },
    Delete { key: Key },
}

impl Edit {
    fn key(&self) -> &Key {
        match self {
            Edit::Put { key, .. } | Edit::Delete { key } => key,
        }
    }
}

/// A change ready to be appended, or to be judged as if it were.
pub struct Draft {
    /// The entry's fields, as `docs/PROTOCOL.md` has them.
    pub fields: Vec<(Bytes, Bytes)>,
    /// Large values; they must be stored before the entry that names them.
    pub blobs: Vec<(BlobRef, Bytes)>,
    /// What makes a retry the same change.
    pub token: String,
}

impl Draft {
    /// Lays out a change; nothing is stored.
    ///
    /// # Errors
    /// A value larger than any blob.
    pub fn new(edits: &[Edit], bases: &[(Key, Revision)], args: &PublishArgs) -> Result<Draft> {
        let mut fields: Vec<(Bytes, Bytes)> = Vec::with_capacity(edits.len() + 4);
        let mut field = |name: String, value: Bytes| fields.push((name.into(), value));
        let mut blobs = Vec::new();
        for edit in edits {
            match edit {
                Edit::Put { key, value, media } => {
                    match value.len() {
                        0..=INLINE_BYTES_MAX => field(format!("put:{key}"), value.clone()),
                        _ => {
                            let blob = blob(key, value)?;
                            field(format!("put-blob:{key}"), format!("{} {}", blob.digest, blob.length).into());
                            blobs.push((blob, value.clone()));
                        }
                    }
                    if let Some(media) = media {
                        field(format!("type:{key}"), media.clone().into());
                    }
                }
                Edit::Delete { key } => field(format!("del:{key}"), Bytes::new()),
            }
        }
        for (key, base) in bases {
            field(format!("base:{key}"), base.to_string().into());
        }
        for (lock, token) in &args.fences {
            field(format!("fence:{lock}"), token.to_string().into());
        }
        let token = token(args);
        let notes = [
            ("author", author(args)),
            ("reason", args.reason.clone()),
            ("token", Some(token.clone())),
            ("override", args.overridden.clone()),
            ("from", args.from.map(|Time(ms)| utc(ms))),
            ("until", args.until.map(|Time(ms)| utc(ms))),
        ];
        for (name, text) in notes {
            if let Some(text) = text {
                field(name.to_owned(), text.into());
            }
        }
        Ok(Draft { fields, blobs, token })
    }

    /// The entry it would be at `revision`, as a host reads it once it has the blobs.
    pub fn entry(&self, revision: Revision) -> Entry {
        let mut entry = Entry::read(revision, self.fields.clone());
        if let Ok(change) = &mut entry.content {
            self.blobs.iter().for_each(|(blob, bytes)| change.fill(*blob, bytes));
        }
        entry
    }
}

/// A change as hosts take it at `/v1/changes`.
pub fn document(edits: &[Edit], bases: &[(Key, Revision)], args: &PublishArgs, token: &str) -> Value {
    let of = |key: &Key| bases.iter().find(|(other, _)| other == key).map(|(_, base)| base.to_string());
    let row = |edit: &Edit| {
        let (mut row, key) = match edit {
            Edit::Put { key, value, media } => {
                let (name, value) = payload::field(value);
                (json!({ "key": key.as_str(), name: value, "type": media }), key)
            }
            Edit::Delete { key } => (json!({ "key": key.as_str(), "delete": true }), key),
        };
        row["base"] = of(key).into();
        row
    };
    let is_edited = |key: &Key| edits.iter().any(|edit| edit.key() == key);
    let alone = bases.iter().filter(|(key, _)| !is_edited(key));
    let alone = alone.map(|(key, base)| json!({ "key": key.as_str(), "base": base.to_string() }));
    let edits: Vec<Value> = edits.iter().map(row).chain(alone).collect();
    let mut document = json!({ "edits": edits, "author": author(args), "reason": args.reason, "token": token });
    if let Some(guard) = &args.overridden {
        document["override"] = json!(guard);
    }
    if !args.fences.is_empty() {
        document["fences"] = args.fences.iter().map(|(lock, token)| (lock.clone(), json!(token))).collect();
    }
    for (name, time) in [("from", args.from), ("until", args.until)] {
        if let Some(Time(ms)) = time {
            document[name] = json!(utc(ms));
        }
    }
    document
}

/// Who publishes: as told, or the user.
fn author(args: &PublishArgs) -> Option<String> {
    args.author.clone().or_else(settings::user_name)
}

/// What makes a retry the same change: as told, or a fresh one.
pub fn token(args: &PublishArgs) -> String {
    let fresh = || format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    args.token.clone().unwrap_or_else(fresh)
}

fn blob(key: &Key, value: &Bytes) -> Result<BlobRef> {
    match value.len() as u64 {
        length @ 0..=BLOB_BYTES_MAX => Ok(BlobRef { digest: Digest::of(value), length }),
        length => Err(usage(format!("the value of {key} has {length} bytes: at most {BLOB_BYTES_MAX}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(bytes: usize) -> Result<Draft> {
        let key = Key::parse(b"a.json").unwrap();
        let edit = Edit::Put { key, value: vec![b' '; bytes].into(), media: Some("text/plain".to_owned()) };
        Draft::new(&[edit], &[], &PublishArgs::default())
    }

    #[test]
    fn a_large_value_needs_no_stored_blob_to_be_judged() {
        for (bytes, blobs) in [(0, 0), (INLINE_BYTES_MAX, 0), (INLINE_BYTES_MAX + 1, 1)] {
            let draft = put(bytes).unwrap();
            let change = draft.entry(Revision::ZERO).content.unwrap();
            assert_eq!((draft.blobs.len(), change.missing().count()), (blobs, 0));
            assert_eq!(change.puts().next().unwrap().content.length(), bytes as u64);
        }
    }

    #[test]
    fn a_host_reads_the_same_change() {
        let (key, at) = (|text: &str| Key::parse(text.as_bytes()).unwrap(), Revision { ms: 7, seq: 1 });
        let edits = [
            Edit::Put { key: key("a"), value: Bytes::from_static(b"\xff\0"), media: Some("x/y".to_owned()) },
            Edit::Delete { key: key("b") },
        ];
        let args = PublishArgs { author: Some("mei".to_owned()), ..PublishArgs::default() };
        let document = document(&edits, &[(key("a"), at), (key("c"), Revision::ZERO)], &args, "t");
        let expected = json!([
            { "key": "a", "valueBase64": "/wA=", "type": "x/y", "base": "7-1" },
            { "key": "b", "delete": true, "base": null },
            { "key": "c", "base": "0-0" },
        ]);
        assert_eq!(
            (&document["edits"], &document["author"], &document["token"]),
            (&expected, &"mei".into(), &"t".into())
        );
    }

    #[test]
    fn a_value_no_blob_can_hold_is_told() {
        assert!(put(BLOB_BYTES_MAX as usize).is_ok());
        assert!(put(BLOB_BYTES_MAX as usize + 1).is_err());
    }
}
