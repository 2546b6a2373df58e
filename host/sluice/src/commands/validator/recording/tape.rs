//! The file of recorded changes: a line that says what it is, then a line a change. It needs nothing beside it.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_core::{BlobRef, Change, Content, Digest, Entry, Item, Key, Media, Outcome, Revision, State};

use super::globs;
use crate::commands::validator::proposal::Proposal;
use crate::exit::usage;
use crate::output::API_VERSION;
use crate::{payload, space};

const KIND: &str = "Recording";

/// The file.
pub struct Tape {
    pub head: Head,
    /// In the order of the log.
    pub moments: Vec<Moment>,
}

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    api_version: String,
    kind: String,
    space: String,
    /// Whose verdicts were recorded, where it was a binding's.
    pub binding: Option<String>,
    #[serde(flatten)]
    pub proposal: Proposal,
}

/// A change with the state before it, as far as a validator may see it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    pub revision: String,
    /// What became of it, all validators heard.
    pub outcome: String,
    fields: Vec<Field>,
    /// Values that its fields only name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blobs: Vec<Payload>,
    before: Vec<Document>,
    pub recorded: Recorded,
}

/// The verdict then.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    pub by: By,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    pub decision: String,
    pub findings: Vec<Value>,
}

/// Whose verdict it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The binding's own.
    Binding,
    /// That of all validators of the time: the binding was not at work yet.
    Outcome,
}

#[derive(Debug, Deserialize, Serialize)]
struct Field {
    name: String,
    #[serde(flatten)]
    payload: Payload,
}

#[derive(Debug, Deserialize, Serialize)]
struct Document {
    key: String,
    revision: String,
    r#type: String,
    #[serde(flatten)]
    payload: Payload,
}

#[derive(Debug, Deserialize, Serialize)]
struct Payload {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, rename = "valueBase64", skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Head {
    pub fn new(space: &str, binding: Option<String>, proposal: Proposal) -> Head {
        Head { api_version: API_VERSION.to_owned(), kind: KIND.to_owned(), space: space.to_owned(), binding, proposal }
    }
}

impl Moment {
    /// Takes down an entry whose blobs are there, and of the state before it the values of its own keys and of those
    /// that `reads` name.
    pub fn new(
        entry: &Entry,
        outcome: &Outcome,
        before: &State,
        reads: &[String],
        recorded: Recorded,
    ) -> Result<Moment> {
        let change = entry.content.as_ref().map_err(|malformed| anyhow!("{malformed}"))?;
        let field = |(name, value): &(Bytes, Bytes)| Field {
            name: String::from_utf8_lossy(name).into_owned(),
            payload: Payload::of(value),
        };
        Ok(Moment {
            revision: entry.revision.to_string(),
            outcome: outcome.class().to_owned(),
            fields: entry.fields.iter().map(field).collect(),
            blobs: blobs(entry, change),
            before: seen(change, before, reads)?,
            recorded,
        })
    }

    /// The entry as it was, and the state before it.
    pub fn scene(&self) -> Result<(Entry, State)> {
        let fields = self.fields.iter().map(|field| Ok((field.name.clone().into(), field.payload.bytes()?)));
        let mut entry = Entry::read(revision(&self.revision)?, fields.collect::<Result<_>>()?);
        for blob in &self.blobs {
            let bytes = blob.bytes()?;
            let named = BlobRef { digest: Digest::of(&bytes), length: bytes.len() as u64 };
            if let Ok(change) = &mut entry.content {
                change.fill(named, &bytes);
            }
        }
        let mut before = State::default();
        for document in &self.before {
            let (bytes, media) = (document.payload.bytes()?, media(&document.r#type)?);
            let revision = revision(&document.revision)?;
            before.set(&space::key(&document.key)?, Some(Item { revision, media, digest: Digest::of(&bytes), bytes }));
        }
        Ok((entry, before))
    }
}

/// The values that came from blobs.
fn blobs(entry: &Entry, change: &Change) -> Vec<Payload> {
    let is_named = |digest: &Digest| {
        let named = digest.to_string();
        let mut fields = entry.fields.iter().filter(|(name, _)| name.starts_with(b"put-blob:"));
        fields.any(|(_, value)| value.starts_with(named.as_bytes()))
    };
    let put = |put: &sluice_core::Put| match &put.content {
        Content::Here(bytes) if is_named(&put.digest) => Some(Payload::of(bytes)),
        Content::Here(_) | Content::At(_) => None,
    };
    change.puts().filter_map(put).collect()
}

fn seen(change: &Change, before: &State, reads: &[String]) -> Result<Vec<Document>> {
    let own = change.edits.iter().filter_map(|edit| Some((edit.key.clone(), before.item(&edit.key)?)));
    let mut items: BTreeMap<Key, &Item> = own.collect();
    let reads = globs(reads)?;
    for glob in reads.iter() {
        let found = before.range(glob.prefix(), None);
        let found = found.filter(|(key, _)| glob.matches(&key.as_str().split('/').collect::<Vec<_>>()));
        items.extend(found.map(|(key, item)| (key.clone(), item)));
    }
    let document = |(key, item): (Key, &Item)| Document {
        key: key.to_string(),
        revision: item.revision.to_string(),
        r#type: item.media.as_str().to_owned(),
        payload: Payload::of(&item.bytes),
    };
    Ok(items.into_iter().map(document).collect())
}

fn media(text: &str) -> Result<Media> {
    Media::parse(text).ok_or_else(|| usage(format!("{text:?} is no media type")))
}

fn revision(text: &str) -> Result<Revision> {
    text.parse().map_err(usage)
}

impl Payload {
    fn of(bytes: &[u8]) -> Payload {
        let (name, value) = payload::field(bytes);
        let text = value.as_str().map(str::to_owned);
        match name == "value" {
            true => Payload { value: text, base64: None },
            false => Payload { value: None, base64: text },
        }
    }

    fn bytes(&self) -> Result<Bytes> {
        payload::read(self.value.clone(), self.base64.clone()).map_err(usage)
    }
}

impl Tape {
    pub fn write(&self, path: &Path) -> Result<()> {
        let cannot = || format!("cannot write {}", path.display());
        let mut file = BufWriter::new(std::fs::File::create(path).with_context(cannot)?);
        let head = serde_json::to_string(&self.head)?;
        let moments = self.moments.iter().map(serde_json::to_string);
        for line in std::iter::once(Ok(head)).chain(moments) {
            writeln!(file, "{}", line?).with_context(cannot)?;
        }
        file.flush().with_context(cannot)
    }

    pub fn read(path: &Path) -> Result<Tape> {
        let at = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| usage(format!("cannot read {at}: {error}")))?;
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let wrong = |at_line: usize, error: &dyn std::fmt::Display| {
            usage(format!("{at}:{}: {error}: sluice validator record writes such a file", at_line + 1))
        };
        let (first, line) = lines.next().ok_or_else(|| wrong(0, &"nothing is recorded"))?;
        let head: Head = serde_json::from_str(line).map_err(|error| wrong(first, &error))?;
        if head.kind != KIND || head.api_version != API_VERSION {
            return Err(wrong(first, &format_args!("{} {} is no recording", head.api_version, head.kind)));
        }
        let moment =
            |(at_line, line): (usize, &str)| serde_json::from_str(line).map_err(|error| wrong(at_line, &error));
        Ok(Tape { moments: lines.map(moment).collect::<Result<_>>()?, head })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use sluice_core::decode::INLINE_BYTES_MAX;

    use super::*;
    use crate::cli::PublishArgs;
    use crate::draft::{Draft, Edit};

    fn key(text: &str) -> Key {
        Key::parse(text.as_bytes()).unwrap()
    }

    fn state(names: &[&str]) -> State {
        let mut state = State::default();
        for name in names {
            let bytes = Bytes::copy_from_slice(name.as_bytes());
            let item =
                Item { revision: Revision { ms: 3, seq: 1 }, media: Media::BYTES, digest: Digest::of(&bytes), bytes };
            state.set(&key(name), Some(item));
        }
        state
    }

    #[test]
    fn a_change_comes_back_as_it_was_with_blobs_and_bytes_that_are_no_text() {
        let large = Bytes::from(vec![b'x'; INLINE_BYTES_MAX + 1]);
        let edits = [
            Edit::Put { key: key("a"), value: Bytes::from_static(b"\xff\0"), media: Some("x/y".to_owned()) },
            Edit::Put { key: key("b"), value: large, media: None },
            Edit::Delete { key: key("c") },
        ];
        let args = PublishArgs { author: Some("mei".to_owned()), ..PublishArgs::default() };
        let entry = Draft::new(&edits, &[], &args).unwrap().entry(Revision { ms: 7, seq: 2 });
        let before = state(&["c", "tls/a", "tls/b/c", "web"]);
        let recorded = || Recorded { by: By::Outcome, component: None, decision: "accept".into(), findings: vec![] };
        let outcome = Outcome::Applied([].into());
        let moment = Moment::new(&entry, &outcome, &before, &["tls/*".to_owned()], recorded()).unwrap();
        let proposal = Proposal { keys: vec!["a".to_owned()], reads: vec![], settings: None, limits: Map::new() };
        let file = tempfile::NamedTempFile::new().unwrap();
        Tape { head: Head::new("shop", None, proposal), moments: vec![moment] }.write(file.path()).unwrap();

        let tape = Tape::read(file.path()).unwrap();
        assert_eq!(tape.head.proposal.keys, ["a"]);
        let (same, seen) = tape.moments[0].scene().unwrap();
        assert_eq!(same, entry);
        let seen: Vec<String> = seen.range("", None).map(|(key, item)| format!("{key} {}", item.revision)).collect();
        assert_eq!(seen, ["c 3-1", "tls/a 3-1"], "its own keys, and those it may look up");
    }

    #[test]
    fn what_is_no_recording_is_told_with_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, part) in [("", ":1: nothing is recorded"), ("{}", ":1: missing field"), ("\n7\n", ":2: ")] {
            std::fs::write(file.path(), text).unwrap();
            let error = Tape::read(file.path()).err().unwrap().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
