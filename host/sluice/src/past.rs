//! What was before: from the log where it reaches back far enough, else from the history beside the snapshots.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use sluice_core::{Digest, Entry, Item, Key, Outcome, Revision, State};
use sluice_node::{Log, Retention};
use sluice_pack::history::{Event, Former, Note, Then, Value, What, then};

use crate::exit::away;
use crate::space::Space;
use crate::wiring::edges::Past;

/// What is known of some keys, from the beginning to the log's end.
pub struct Chronicle {
    /// What keys are now.
    pub now: State,
    floor: Revision,
    events: BTreeMap<Key, Vec<Event>>,
}

/// The history, where the log was trimmed and there is one.
pub async fn past(space: &Space) -> Result<Option<Past>> {
    let reach = space.redis.reach().await.map_err(|lost| away(lost.0))?;
    match reach.gone {
        Some(0) => Ok(None),
        Some(_) | None => space.shelf().past().await.map_err(|lost| away(lost.0)),
    }
}

/// The history, where a revision is in it and no longer, or not to be folded, in the log.
async fn past_of(space: &Space, at: Revision) -> Result<Option<Past>> {
    Ok(past(space).await?.filter(|past| at < past.index.through))
}

/// What a key was at a revision.
pub async fn item(space: &Space, key: &Key, at: Revision) -> Result<Option<Item>> {
    match past_of(space, at).await? {
        None => Ok(space.state(Some(at)).await?.item(key).cloned()),
        Some(past) => {
            let known = past.item(key, at).await.map_err(|lost| away(lost.0))?;
            known.map_err(|since| unknown(Some(key), at, since))
        }
    }
}

/// What keys with a prefix were at a revision; others may be as they are later.
pub async fn state(space: &Space, at: Revision, prefix: &str) -> Result<State> {
    match past_of(space, at).await? {
        None => space.state(Some(at)).await,
        Some(past) => {
            let known = past.state(at, prefix).await.map_err(|lost| away(lost.0))?;
            known.map_err(|(key, since)| unknown(key.as_ref(), at, since))
        }
    }
}

/// What is kept of an entry that only the history can tell of.
pub async fn note(space: &Space, revision: Revision) -> Result<Option<(Note, Option<Entry>)>> {
    let Some(past) = past(space).await?.filter(|past| revision <= past.index.through) else { return Ok(None) };
    let Some(note) = past.note(revision).await.map_err(|lost| away(lost.0))? else { return Ok(None) };
    let there = space.redis.read(revision, 1).await.map_err(|lost| away(lost.0))?;
    let entry = there.first().filter(|entry| entry.digest == note.digest);
    Ok(Some((note, entry.map(|entry| Entry::clone(entry)))))
}

impl Chronicle {
    /// Of these keys.
    pub async fn of(space: &Space, keys: &[Key]) -> Result<Chronicle> {
        let replica = space.replica()?;
        let mut events: BTreeMap<Key, Vec<Event>> = BTreeMap::new();
        let past = past(space).await?;
        let (begun, floor) = match &past {
            Some(past) => {
                for key in keys {
                    events.insert(key.clone(), past.events(key).await.map_err(|lost| away(lost.0))?);
                }
                (past.end().await.map_err(|lost| away(lost.0))?, past.index.floor)
            }
            None => {
                let begun = replica.begin(None).await?;
                let floor = begun.cursor;
                (begun, floor)
            }
        };
        let mut before = begun.clone();
        let see = |entry: &Entry, _: &Outcome, after: &State| {
            for key in keys.iter().filter(|key| before.item(key) != after.item(key)) {
                let bytes = after.item(key).map(|item| item.bytes.len() as u64);
                let what = What::Changed { bytes, former: before.item(key).map(Former::of) };
                let event = Event { key: key.clone(), revision: entry.revision, author: None, reason: None, what };
                events.entry(key.clone()).or_default().push(event);
            }
            before = after.clone();
        };
        let now = replica.fold_on(begun, None, see).await?;
        Ok(Chronicle { now, floor, events })
    }

    /// What a key was at a revision.
    pub async fn item(&self, space: &Space, key: &Key, at: Revision) -> Result<Option<Item>> {
        match then(self.events_of(key), at, self.floor, self.now.item(key)) {
            Then::Was(former) => whole(space, former).await.map(Some),
            Then::Is(item) => Ok(Some(item.clone())),
            Then::Absent => Ok(None),
            Then::Unknown(since) => Err(unknown(Some(key), at, since)),
        }
    }

    /// The newest change of a key; none when none is kept.
    pub fn newest(&self, key: &Key) -> Option<&Event> {
        self.events_of(key).iter().rfind(|event| event.is_change())
    }

    /// The change of a key at a revision; none when there was none, or it is not kept.
    pub fn change(&self, key: &Key, at: Revision) -> Option<&Event> {
        self.events_of(key).iter().find(|event| event.revision == at && event.is_change())
    }

    fn events_of(&self, key: &Key) -> &[Event] {
        self.events.get(key).map_or(&[], Vec::as_slice)
    }
}

/// What a key was before a change of it.
pub async fn before(space: &Space, event: &Event) -> Result<Option<Item>> {
    match &event.what {
        What::Changed { former: Some(former), .. } => whole(space, former).await.map(Some),
        What::Changed { former: None, .. } | What::Refused { .. } | What::Forgotten => Ok(None),
    }
}

async fn whole(space: &Space, former: &Former) -> Result<Item> {
    let bytes = match &former.value {
        Value::Here(bytes) => bytes.clone(),
        Value::At(blob) => space.blobs().fetch(blob.digest).await.map_err(|lost| away(lost.0))?,
    };
    let digest = Digest::of(&bytes);
    Ok(Item { revision: former.revision, media: former.media.clone(), digest, bytes })
}

fn unknown(key: Option<&Key>, at: Revision, since: Revision) -> anyhow::Error {
    match key {
        Some(key) => {
            anyhow!("key \"{key}\" at {at} is older than what is kept (since {since}): look with sluice history {key}")
        }
        None => anyhow!("{at} is older than what is kept (since {since})"),
    }
}
