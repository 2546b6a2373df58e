//! The fold once more, beside the one that serves: from the snapshot before to this one.

use std::sync::Arc;
use std::time::Duration;

use sluice_core::{Digest, Entry, Lost, Revision, State, Verdict, fold};
use sluice_node::ports::{Blobs, Log};
use sluice_pack::history::Window;
use tokio::task::spawn_blocking;

use super::archivist::Archivist;
use crate::chunks::panicked;

/// Entries read at a time.
const PAGE: usize = 512;
/// How often a fault of a validator is waited out, and how long at first and at most: a component of long ago has to be
/// fetched and compiled.
const TRIES: u32 = 60;
const PAUSE_MS: (u64, u64) = (20, 1_000);

/// How far a page of entries was folded.
struct Stretch {
    state: State,
    window: Window,
    entries: std::vec::IntoIter<Arc<Entry>>,
    fault: Option<String>,
}

impl Archivist {
    /// Folds the log from a state up to where another stands, and says where it came out.
    pub(super) async fn fold(&self, state: State, until: &State) -> Result<(State, Window), Lost> {
        let mut stretch = Stretch { state, window: Window::default(), entries: Vec::new().into_iter(), fault: None };
        loop {
            let state = &stretch.state;
            let next = Revision { seq: state.cursor.seq + u64::from(state.index > 0), ..state.cursor };
            let mut entries = self.shelf.redis.read(next, PAGE).await?;
            entries.retain(|entry| entry.revision <= until.cursor);
            if entries.is_empty() {
                return Ok((stretch.state, stretch.window));
            }
            for entry in &mut entries {
                self.fill(entry).await?;
            }
            stretch.entries = entries.into_iter();
            stretch = self.finished(stretch).await?;
        }
    }

    /// Folds all entries of a stretch, and waits for validators that are not at hand yet.
    async fn finished(&self, mut stretch: Stretch) -> Result<Stretch, Lost> {
        let (mut tries, mut pause_ms) = (0, PAUSE_MS.0);
        while !stretch.entries.as_slice().is_empty() {
            let (judge, left) = (self.judge.clone(), stretch.entries.len());
            stretch = spawn_blocking(move || stretch.folded(&*judge)).await.map_err(panicked)?;
            let Some(why) = stretch.fault.take() else { continue };
            // Some got through: it is another one that waits now.
            (tries, pause_ms) = if stretch.entries.len() < left { (0, PAUSE_MS.0) } else { (tries + 1, pause_ms) };
            if tries >= TRIES {
                return Err(Lost(format!("the history cannot go on: {why}")));
            }
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(PAUSE_MS.1);
        }
        Ok(stretch)
    }

    async fn fill(&self, entry: &mut Arc<Entry>) -> Result<(), Lost> {
        let missing: Vec<_> = entry.content.iter().flat_map(|change| change.missing()).collect();
        for blob in missing {
            let bytes = self.shelf.redis.fetch(blob.digest).await?;
            if Digest::of(&bytes) != blob.digest || bytes.len() as u64 != blob.length {
                return Err(Lost(format!("blob {} has other bytes than it is named for", blob.digest)));
            }
            if let Ok(change) = &mut Arc::make_mut(entry).content {
                change.fill(blob, &bytes);
            }
        }
        Ok(())
    }
}

impl Stretch {
    /// As far as no validator faults.
    fn folded(mut self, judge: &dyn sluice_node::ports::Judge) -> Stretch {
        while let Some(entry) = self.entries.as_slice().first().cloned() {
            let before = self.state.clone();
            let fault = &mut self.fault;
            let outcome = fold::fold(&mut self.state, &entry, |before, _| match judge.judge(&entry, before) {
                Ok(verdict) => verdict,
                Err((kind, why)) => {
                    *fault = Some(format!("what became of {} is not known: {kind}: {why}", entry.revision));
                    Verdict::accept()
                }
            });
            if self.fault.is_some() {
                self.state = before;
                return self;
            }
            self.window.see(&entry, &outcome, &before, &self.state);
            drop(self.entries.next());
        }
        self
    }
}
