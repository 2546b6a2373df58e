//! What an entry asks for.

use std::sync::Arc;

use bytes::Bytes;

use crate::digest::Digest;
use crate::fence::Fence;
use crate::guard::MASS_DELETES;
use crate::key::{COMPONENTS, Key, SCHEDULED, VALIDATORS};
use crate::media::Media;
use crate::outcome::Outcome;
use crate::revision::Revision;
use crate::schedule::Later;

/// One or more edits, all or none, with who asked for them and why. A tick has none: it only says that time goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// In the order they were written; no key twice.
    pub edits: Vec<Edit>,
    /// The revision each named key must have now, [`Revision::ZERO`] for absent. A key may be named here
    /// without being edited: a precondition.
    pub bases: Vec<(Key, Revision)>,
    /// Who.
    pub author: Option<Arc<str>>,
    /// Why.
    pub reason: Option<Arc<str>>,
    /// Makes a retry of the same publish one change.
    pub token: Option<Bytes>,
    /// The locks under which it was written; no resource twice.
    pub fences: Vec<Fence>,
    /// What would refuse it and is told that this is meant.
    pub overrides: Overrides,
    /// What of it is left for a time to come.
    pub later: Option<Later>,
    /// `x-…` fields, carried along.
    pub extras: Vec<(Arc<str>, Bytes)>,
}

/// What a publisher overrides, in so many words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The guard against mass changes.
    pub guard: bool,
    /// The comparison of fencing tokens: what is named becomes the highest, though it is lower, and 0 forgets it.
    pub fence: bool,
}

/// What happens to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which key.
    pub key: Key,
    /// What.
    pub action: Action,
}

/// The two kinds of edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The key gets this value.
    Put(Put),
    /// The key goes away; deleting an absent key is no error.
    Delete,
}

/// A new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Its media type.
    pub media: Media,
    /// BLAKE3 of its bytes.
    pub digest: Digest,
    /// Its bytes, or where they are.
    pub content: Content,
}

/// The bytes of a value, or the blob that holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes came with the entry, or have been fetched.
    Here(Bytes),
    /// The bytes must be fetched before the change can be judged.
    At(BlobRef),
}

/// Names a blob by what it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobRef {
    /// BLAKE3 of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub length: u64,
}

impl Content {
    /// How many bytes the value has, wherever they are.
    pub fn length(&self) -> u64 {
        match self {
            Content::Here(bytes) => bytes.len() as u64,
            Content::At(blob) => blob.length,
        }
    }
}

impl Change {
    /// Every key this change writes or looks at: two changes with none in common can be judged in any order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        let bases = self.bases.iter().map(|(key, _)| key);
        let later = self.later.iter().map(|later| &later.key);
        self.edits.iter().map(|edit| &edit.key).chain(bases).chain(later)
    }

    /// Every key that may have another item when this became of it, but for those of its fences.
    pub fn written(&self, outcome: &Outcome) -> impl Iterator<Item = &Key> {
        let (edits, later) = match outcome {
            Outcome::Applied(_) => (&self.edits[..], self.later.as_ref()),
            Outcome::Scheduled(_) => (&[][..], self.later.as_ref()),
            Outcome::Staged | Outcome::Refused(_) => (&[][..], None),
        };
        edits.iter().map(|edit| &edit.key).chain(later.map(|later| &later.key))
    }

    /// Whether it changes the system's own configuration.
    pub fn is_about_rules(&self) -> bool {
        self.edits.iter().any(|edit| edit.key.is_reserved())
    }

    /// Whether it changes rules that may matter to any entry, or any entry may matter to it, so that nothing after it
    /// can be judged before it.
    /// Whom bindings and announcements of components matter to is known: see [`crate::reach`].
    pub fn is_barrier(&self) -> bool {
        let is_narrow =
            |key: &Key| [VALIDATORS, COMPONENTS, SCHEDULED].iter().any(|prefix| key.as_str().starts_with(prefix));
        self.is_mass() || self.edits.iter().any(|edit| edit.key.is_reserved() && !is_narrow(&edit.key))
    }

    /// Whether it deletes so many keys that the guard asks how many there are, which depends on every entry before.
    pub fn is_mass(&self) -> bool {
        self.edits.len() >= MASS_DELETES && self.deletes().count() >= MASS_DELETES
    }

    /// The keys it deletes, but for those of the system's own configuration.
    pub fn deletes(&self) -> impl Iterator<Item = &Key> {
        let deletes = self.edits.iter().filter(|edit| edit.action == Action::Delete);
        deletes.map(|edit| &edit.key).filter(|key| !key.is_reserved())
    }

    /// The new values.
    pub fn puts(&self) -> impl Iterator<Item = &Put> {
        self.edits.iter().filter_map(|edit| match &edit.action {
            Action::Put(put) => Some(put),
            Action::Delete => None,
        })
    }

    /// The blobs whose bytes are still missing.
    pub fn missing(&self) -> impl Iterator<Item = BlobRef> {
        self.puts().filter_map(|put| match &put.content {
            Content::At(blob) => Some(*blob),
            Content::Here(_) => None,
        })
    }

    /// Puts the bytes of a fetched blob wherever this change refers to it. The caller has checked the digest.
    pub fn fill(&mut self, blob: BlobRef, bytes: &Bytes) {
        for edit in &mut self.edits {
            if let Action::Put(put) = &mut edit.action
                && put.content == Content::At(blob)
            {
                put.content = Content::Here(bytes.clone());
            }
        }
    }
}
