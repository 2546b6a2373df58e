//! The history, read: of a key one part of each run, of a revision what came behind it.

use bytes::Bytes;
use sluice_core::{Digest, Item, Key, Lost, Media, Revision, State};
use sluice_node::ports::{Blobs, Log, Reach, Retention};
use sluice_pack::Kind;
use sluice_pack::history::{Event, Former, Index, Note, Part, Then, Value, then, undone};

use crate::snapshots::Shelf;

/// What is kept of the past, up to [`Index::through`].
pub struct Past {
    shelf: Shelf,
    /// What it consists of.
    pub index: Index,
}

/// What a key was, or since when that is known.
pub type Known<T> = Result<T, Revision>;

impl Shelf {
    /// What is kept of the past of the log that is there; none when nothing is.
    ///
    /// # Errors
    /// The server is out of reach, or what is kept cannot be read.
    pub async fn past(&self) -> Result<Option<Past>, Lost> {
        let Some(index) = self.index().await? else { return Ok(None) };
        let is_ours = self.strange(&index).await?.is_none();
        Ok(is_ours.then(|| Past { shelf: self.clone(), index }))
    }

    /// Why a history is of another log than the one that is there, if it is.
    pub(super) async fn strange(&self, index: &Index) -> Result<Option<String>, Lost> {
        let at = index.through;
        if index.index == 0 {
            return Ok(None);
        }
        // The entry first: what is looked at behind it can only have been trimmed further.
        let found = self.redis.read(at, 1).await?;
        if let Some(entry) = found.first().filter(|entry| entry.revision == at) {
            let newest = self.stored_manifest(index.snapshot).await?.newest;
            let is_it = newest == Digest::ZERO || newest == entry.digest;
            return Ok((!is_it).then(|| format!("it reached {at}, where the log has another entry")));
        }
        let Reach { first, gone } = self.redis.reach().await?;
        let is_missing = first.is_some_and(|first| first < at) || gone.is_some_and(|gone| gone < index.index);
        Ok(is_missing.then(|| format!("it reached {at}, which another log had")))
    }

    /// Gives the history up: the log that is there from now on is another one.
    ///
    /// # Errors
    /// The server is out of reach or refuses.
    pub async fn forget_past(&self) -> Result<(), Lost> {
        self.ask(redis::cmd("DEL").arg(self.redis.inner.names.history())).await.map(drop)
    }
}

impl Past {
    /// All that is kept of what happened to a key, oldest first.
    ///
    /// # Errors
    /// The server is out of reach, or a part is damaged.
    pub async fn events(&self, key: &Key) -> Result<Vec<Event>, Lost> {
        let parts: Vec<Part> = self.parts(|part| part.has(key.token()));
        let mut events = self.all(&parts, |event| event.key == *key).await?;
        events.sort_by_key(|event| event.revision);
        Ok(events)
    }

    /// What a key was at a revision that is not behind the end; `Err` within `Ok` when that is not kept.
    ///
    /// # Errors
    /// As for [`Past::events`].
    pub async fn item(&self, key: &Key, at: Revision) -> Result<Known<Option<Item>>, Lost> {
        let events = self.events(key).await?;
        // Where an event tells it, what the key is at the end does not matter and is not read.
        let end = match events.iter().any(|event| event.is_change() && event.revision > at) {
            true => None,
            false => self.end_item(key).await?,
        };
        match then(&events, at, self.index.floor, end.as_ref()) {
            Then::Was(former) => self.former(former).await.map(|item| Ok(Some(item))),
            Then::Is(item) => Ok(Ok(Some(item.clone()))),
            Then::Absent => Ok(Ok(None)),
            Then::Unknown(since) => Ok(Err(since)),
        }
    }

    /// The state at a revision that is not behind the end, right for the keys that start with `prefix`. `Err` within `Ok`
    /// is a key that is not known as of then, and since when it is; of no key in particular when any could be missing.
    ///
    /// # Errors
    /// As for [`Past::events`].
    pub async fn state(&self, at: Revision, prefix: &str) -> Result<Result<State, (Option<Key>, Revision)>, Lost> {
        let mut state = self.end().await?;
        let parts = self.parts(|part| part.revisions.1 > at);
        let events = self.all(&parts, |event| event.revision > at && event.key.as_str().starts_with(prefix)).await?;
        if at < self.index.floor {
            return Ok(Err((None, self.index.floor)));
        }
        for (key, events) in undone(events) {
            let then = then(&events, at, self.index.floor, state.item(&key));
            let item = match then {
                Then::Is(_) => continue,
                Then::Was(former) => Some(self.former(former).await?),
                Then::Absent => None,
                Then::Unknown(since) => return Ok(Err((Some(key), since))),
            };
            state.set(&key, item);
        }
        Ok(Ok(state))
    }

    /// The state where the history ends, from where a fold can go on.
    ///
    /// # Errors
    /// As for [`Past::events`].
    pub async fn end(&self) -> Result<State, Lost> {
        let manifest = self.shelf.stored_manifest(self.index.snapshot).await?;
        self.shelf.load(manifest, State::default()).await
    }

    /// What is kept of an entry; none of a tick, of one that never was, and of one too long ago.
    ///
    /// # Errors
    /// As for [`Past::events`].
    pub async fn note(&self, revision: Revision) -> Result<Option<Note>, Lost> {
        let has = |part: &&Part| part.revisions.0 <= revision && revision <= part.revisions.1;
        let parts: Vec<Part> = self.index.notes.iter().filter(has).copied().collect();
        let mut found = None;
        let read = |part: &Part, bytes: Bytes| {
            let notes = part.open_notes(&bytes)?;
            found = notes.into_iter().find(|note| note.revision == revision).or(found.take());
            Ok(())
        };
        self.shelf.each_page(&parts, read).await?;
        Ok(found)
    }

    /// Reads all of it and checks every digest.
    ///
    /// # Errors
    /// What is damaged, by name.
    pub async fn check(&self) -> Result<(), Lost> {
        let parts: Vec<Part> = self.index.parts().copied().collect();
        self.shelf.each_page(&parts, |part, bytes| part.check(&bytes)).await
    }

    fn parts(&self, is_wanted: impl Fn(&Part) -> bool) -> Vec<Part> {
        self.index.runs.iter().flat_map(|run| &run.parts).filter(|part| is_wanted(part)).copied().collect()
    }

    async fn all(&self, parts: &[Part], is_wanted: impl Fn(&Event) -> bool) -> Result<Vec<Event>, Lost> {
        let mut all = Vec::new();
        let read = |part: &Part, bytes: Bytes| {
            all.extend(part.open_events(&bytes)?.into_iter().filter(|event| is_wanted(event)));
            Ok(())
        };
        self.shelf.each_page(parts, read).await?;
        Ok(all)
    }

    /// A key where the history ends: from the one chunk of the snapshot that has it.
    async fn end_item(&self, key: &Key) -> Result<Option<Item>, Lost> {
        let manifest = self.shelf.stored_manifest(self.index.snapshot).await?;
        let chunk = manifest.chunks.iter().find(|chunk| match chunk.kind {
            Kind::Items(under) => under.has(key.point()),
            _ => false,
        });
        let Some(chunk) = chunk else { return Ok(None) };
        let Some(bytes) = self.shelf.fetch_named(&[chunk.digest]).await?.pop().flatten() else {
            return Err(self.shelf.flawed(&format!("chunk {} is not there", chunk.digest)));
        };
        let items = chunk.items(&bytes).map_err(|flaw| self.shelf.flawed(&flaw.0))?;
        Ok(items.into_iter().find(|(other, _)| other == key).map(|(_, item)| item))
    }

    async fn former(&self, former: &Former) -> Result<Item, Lost> {
        let bytes = match &former.value {
            Value::Here(bytes) => bytes.clone(),
            Value::At(blob) => self.shelf.redis.fetch(blob.digest).await?,
        };
        let (revision, media): (Revision, Media) = (former.revision, former.media.clone());
        Ok(Item { revision, media, digest: Digest::of(&bytes), bytes })
    }
}
