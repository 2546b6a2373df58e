//! The change of a case and the state before it, as a host would see them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde::Deserialize;
use sluice_core::{Entry, Key, Media, Revision, State, Verdict, fold};

use crate::cli::PublishArgs;
use crate::draft::{Draft, Edit};
use crate::exit::usage;
use crate::{space, utc};

/// When a change is published that does not say, in ms: 2026-01-01. Not the time of day, for a case says
/// today what it says tomorrow.
const PUBLISHED_AT_MS: u64 = 1_767_225_600_000;

/// What is judged.
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
    edits: Vec<WrittenEdit>,
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
    pub fn of_file(key: &Key, extension: &str, new: Bytes, old: Option<Bytes>) -> Result<Scenario> {
        let named = Key::parse(format!("case.{extension}").as_bytes()).map_err(usage)?;
        let media = Some(Media::of_key(&named).as_str().to_owned());
        let put = |value: Bytes| Edit::Put { key: key.clone(), value, media: media.clone() };
        Scenario::new(&[put(new)], old.map(put).as_slice(), &Written::of_nobody(), PUBLISHED_AT_MS)
    }

    /// What `change.toml` of this folder says.
    pub fn of_folder(folder: &Path) -> Result<Scenario> {
        let path = folder.join("change.toml");
        let at = || path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| usage(format!("cannot read {}: {error}", at())))?;
        let written: Written = toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", at())))?;
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for edit in &written.edits {
            let (after, before) = edit.read(folder).with_context(at)?;
            new.push(after);
            old.extend(before);
        }
        let published_at = written.published_at.as_ref().map(ms).transpose().with_context(at)?;
        Scenario::new(&new, &old, &written, published_at.unwrap_or(PUBLISHED_AT_MS)).with_context(at)
    }

    fn new(new: &[Edit], old: &[Edit], written: &Written, published_at: u64) -> Result<Scenario> {
        let mut before = State::default();
        if !old.is_empty() {
            let at = Revision { ms: published_at.saturating_sub(1), seq: 0 };
            let entry = Draft::new(old, &[], &PublishArgs::default())?.entry(at);
            entry.content.as_ref().map_err(usage)?;
            fold::fold(&mut before, &entry, |_, _| Verdict::accept());
        }
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
        let entry = draft.entry(Revision { ms: published_at, seq: 0 });
        entry.content.as_ref().map_err(usage)?;
        Ok(Scenario { entry, before })
    }
}

impl Written {
    fn of_nobody() -> Written {
        let (author, reason, published_at) = (None, None, None);
        Written { author, reason, published_at, metadata: BTreeMap::new(), edits: Vec::new() }
    }
}

impl WrittenEdit {
    /// The edit, and the one that made its old value.
    fn read(&self, folder: &Path) -> Result<(Edit, Option<Edit>)> {
        let key = space::key(&self.key)?;
        let put = |value: Bytes| Edit::Put { key: key.clone(), value, media: self.r#type.clone() };
        let new = value(folder, &key, "new", self.new.as_ref(), self.new_file.as_ref())?;
        let old = value(folder, &key, "old", self.old.as_ref(), self.old_file.as_ref())?;
        match (new, old) {
            (None, None) => Err(usage(format!("the edit of {key} has neither old nor new: give one, or both"))),
            (new, old) => Ok((new.map_or_else(|| Edit::Delete { key: key.clone() }, put), old.map(put))),
        }
    }
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
        (Some(_), Some(_)) => Err(usage(format!("the edit of {key} has {name} and {name}_file: give one"))),
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
