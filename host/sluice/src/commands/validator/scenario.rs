//! The change of a case and the state before it, as a host would see them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde::Deserialize;
use sluice_core::{Digest, Entry, Item, Key, Media, Revision, State};
use sluice_node::hub::wall_ms;

use crate::cli::{Document, PublishArgs};
use crate::draft::{Draft, Edit};
use crate::exit::usage;
use crate::{space, utc};

/// When a change is published that does not say, in ms: 2026-01-01. Not the time of day, for a case says
/// today what it says tomorrow.
const PUBLISHED_AT_MS: u64 = 1_767_225_600_000;

/// What is judged, and the state before it.
pub struct Scenario {
    pub entry: Entry,
    pub before: State,
}

/// `change.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    author: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    published_at: Option<toml::Value>,
    /// Keys that are there before, beside the old values.
    #[serde(default)]
    given: WrittenGiven,
    edits: Vec<WrittenEdit>,
}

/// `NAME.given.toml`: values by their keys.
type WrittenGiven = BTreeMap<String, WrittenValue>;

#[derive(Deserialize)]
#[serde(untagged, expecting = "a value is \"text\", or { value or file, type }")]
enum WrittenValue {
    Text(String),
    Whole(WholeValue),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeValue {
    value: Option<String>,
    file: Option<String>,
    r#type: Option<String>,
}

/// A key that is there before the change.
struct Given {
    key: Key,
    value: Bytes,
    media: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEdit {
    key: String,
    old: Option<String>,
    old_file: Option<String>,
    new: Option<String>,
    new_file: Option<String>,
    r#type: Option<String>,
}

impl Scenario {
    /// One document, whose media type is that of its extension.
    pub fn of_file(
        key: &Key,
        extension: &str,
        new: Bytes,
        old: Option<Bytes>,
        given: Option<&Path>,
    ) -> Result<Scenario> {
        let named = Key::parse(format!("case.{extension}").as_bytes()).map_err(usage)?;
        let media = Some(Media::of_key(&named).as_str().to_owned());
        let mut before = match given {
            Some(path) => given_by(path)?,
            None => Vec::new(),
        };
        before.extend(old.map(|value| Given { key: key.clone(), value, media: media.clone() }));
        let new = Edit::Put { key: key.clone(), value: new, media };
        Scenario::new(&[new], before, &Written::of_nobody(), PUBLISHED_AT_MS)
    }

    /// What `change.toml` of this folder says.
    pub fn of_folder(folder: &Path) -> Result<Scenario> {
        let path = folder.join("change.toml");
        let at = || path.display().to_string();
        let mut written: Written = read(&path)?;
        let mut before = listed(std::mem::take(&mut written.given), folder).with_context(at)?;
        let mut new = Vec::new();
        for edit in &written.edits {
            let (after, old) = edit.read(folder).with_context(at)?;
            new.push(after);
            before.extend(old);
        }
        let published_at = written.published_at.as_ref().map(ms).transpose().with_context(at)?;
        Scenario::new(&new, before, &written, published_at.unwrap_or(PUBLISHED_AT_MS)).with_context(at)
    }

    /// One document as typed, published now by whoever types it.
    pub fn of_typed(document: &Document, value: &str) -> Result<Scenario> {
        let key = space::key(&document.key)?;
        if key.is_reserved() {
            return Err(usage(format!("--key {key}: keys under _sluice/ are not left to validators, take another")));
        }
        let before = document.given.iter().map(|text| typed(text)).collect::<Result<Vec<_>>>()?;
        let edit = Edit::Put { key, value: space::value(value)?, media: document.media.clone() };
        let at = wall_ms();
        let entry = Draft::new(&[edit], &[], &PublishArgs::default())?.entry(Revision { ms: at, seq: 0 });
        Scenario::at(entry, before, at)
    }

    fn new(new: &[Edit], before: Vec<Given>, written: &Written, published_at: u64) -> Result<Scenario> {
        let args = PublishArgs {
            author: written.author.clone(),
            reason: written.reason.clone(),
            token: Some("case".to_owned()),
            ..PublishArgs::default()
        };
        let mut draft = Draft::new(new, &[], &args)?;
        // Whoever runs the tests is not who publishes.
        draft.fields.retain(|(name, _)| written.author.is_some() || name != "author");
        for (name, value) in &written.metadata {
            if !name.starts_with("x-") {
                return Err(usage(format!("metadata {name:?}: fields of an entry begin with x-, write \"x-{name}\"")));
            }
            draft.fields.push((name.clone().into(), value.clone().into()));
        }
        Scenario::at(draft.entry(Revision { ms: published_at, seq: 0 }), before, published_at)
    }

    fn at(entry: Entry, given: Vec<Given>, published_at: u64) -> Result<Scenario> {
        entry.content.as_ref().map_err(usage)?;
        let mut before = State::default();
        let revision = Revision { ms: published_at.saturating_sub(1), seq: 0 };
        for Given { key, value, media } in given {
            let media = match &media {
                Some(text) => {
                    Media::parse(text).ok_or_else(|| usage(format!("{text:?} is no media type: write a/b")))?
                }
                None => Media::of_key(&key),
            };
            if before.item(&key).is_some() {
                return Err(usage(format!("key {key} is given twice: give it once")));
            }
            before.set(&key, Some(Item { revision, media, digest: Digest::of(&value), bytes: value }));
        }
        Ok(Scenario { entry, before })
    }
}

impl Written {
    fn of_nobody() -> Written {
        let (author, reason, published_at, given) = (None, None, None, BTreeMap::new());
        Written { author, reason, published_at, metadata: BTreeMap::new(), given, edits: Vec::new() }
    }
}

impl WrittenEdit {
    /// The edit, and its old value.
    fn read(&self, folder: &Path) -> Result<(Edit, Option<Given>)> {
        let key = space::key(&self.key)?;
        let new = value(folder, &key, "new", self.new.as_ref(), self.new_file.as_ref())?;
        let old = value(folder, &key, "old", self.old.as_ref(), self.old_file.as_ref())?;
        if new.is_none() && old.is_none() {
            return Err(usage(format!("the edit of {key} has neither old nor new: give one, or both")));
        }
        let media = || self.r#type.clone();
        let old = old.map(|value| Given { key: key.clone(), value, media: media() });
        let new = match new {
            Some(value) => Edit::Put { key, value, media: media() },
            None => Edit::Delete { key },
        };
        Ok((new, old))
    }
}

/// What `NAME.given.toml` says; files are named from its folder.
fn given_by(path: &Path) -> Result<Vec<Given>> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    listed(read(path)?, folder).with_context(|| path.display().to_string())
}

fn listed(written: WrittenGiven, folder: &Path) -> Result<Vec<Given>> {
    let one = |(name, written): (String, WrittenValue)| {
        let key = space::key(&name)?;
        let WholeValue { value: text, file, r#type: media } = match written {
            WrittenValue::Text(text) => WholeValue { value: Some(text), file: None, r#type: None },
            WrittenValue::Whole(whole) => whole,
        };
        match value(folder, &key, "value", text.as_ref(), file.as_ref())? {
            Some(value) => Ok(Given { key, value, media }),
            None => Err(usage(format!("what is given of {key} has no value: write value, or file"))),
        }
    };
    written.into_iter().map(one).collect()
}

/// `KEY=VALUE` or `KEY=@file`.
fn typed(text: &str) -> Result<Given> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(usage(format!("--given {text:?} has no value: write KEY=VALUE or KEY=@file")));
    };
    Ok(Given { key: space::key(name)?, value: space::value(value)?, media: None })
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))
}

fn value(folder: &Path, key: &Key, name: &str, text: Option<&String>, file: Option<&String>) -> Result<Option<Bytes>> {
    match (text, file) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
        (None, Some(file)) => {
            let path = folder.join(file);
            let bytes = std::fs::read(&path);
            Ok(Some(bytes.map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?.into()))
        }
        (Some(_), Some(_)) => Err(usage(format!("{key} has {name} and a file for it: give one"))),
    }
}

/// A TOML time, or milliseconds since 1970.
fn ms(written: &toml::Value) -> Result<u64> {
    let read = match written {
        toml::Value::Integer(ms) => u64::try_from(*ms).ok(),
        toml::Value::Datetime(time) => utc::ms(time),
        _ => None,
    };
    let remedy = "write a time with its offset such as 2026-12-24T18:00:00Z, or milliseconds since 1970";
    read.ok_or_else(|| usage(format!("published_at {written} is no time: {remedy}")))
}
