//! The fold, run here: commands that need the state or an outcome read the log and decide it themselves.
//!
//! Every host comes to the same result, so does this one. It costs a read of the whole log, or where the log was
//! trimmed, of the newest snapshot and what comes behind it.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use sluice_core::{Digest, Entry, Outcome, Place, Revision, State, Verdict, fold};
use sluice_node::{Blobs, Judge, Log, Retention, Snapshots};

use crate::exit::away;
use crate::wiring::edges::Shelf;

/// Entries read at a time.
const PAGE: usize = 512;

/// What folding needs from the world.
#[derive(Clone)]
pub struct Replica {
    pub log: Arc<dyn Log>,
    pub blobs: Arc<dyn Blobs>,
    pub judge: Arc<dyn Judge>,
    pub snapshots: Arc<dyn Snapshots>,
    pub end: Arc<dyn Retention>,
    pub shelf: Shelf,
}

impl Replica {
    /// Folds the log up to and including `until`, or to its end, and shows each entry with its outcome and
    /// the state after it.
    ///
    /// # Errors
    /// When the log or a blob is out of reach, or a validator faults; when the log was trimmed and what is left of it
    /// and of snapshots does not lead to `until`.
    pub async fn fold(&self, until: Option<Revision>, see: impl FnMut(&Entry, &Outcome, &State)) -> Result<State> {
        let state = self.begin(until).await?;
        self.fold_on(state, until, see).await
    }

    /// The same, from a state on.
    ///
    /// # Errors
    /// As for [`Replica::fold`].
    pub async fn fold_on(
        &self,
        mut state: State,
        until: Option<Revision>,
        mut see: impl FnMut(&Entry, &Outcome, &State),
    ) -> Result<State> {
        loop {
            let next = Revision { seq: state.cursor.seq + u64::from(state.index > 0), ..state.cursor };
            let entries = self.log.read(next, PAGE).await.map_err(|lost| away(lost.0))?;
            let is_last = entries.is_empty();
            // Asked behind each page: what was trimmed since the fold began would be skipped without a word.
            let gone = self.end.reach().await.map_err(|lost| away(lost.0))?.gone;
            if gone.is_some_and(|gone| gone > state.index) {
                return Err(away("the log was trimmed while it was being read: run this again"));
            }
            for entry in entries {
                if until.is_some_and(|until| entry.revision > until) {
                    return Ok(state);
                }
                // Filled here, so that who looks sees what was judged.
                let entry = self.filled(entry).await?;
                let outcome = self.step(&mut state, entry.clone()).await?;
                see(&entry, &outcome, &state);
            }
            if is_last {
                return Ok(state);
            }
        }
    }

    /// Where the fold begins: with nothing while the log is whole, else with the newest snapshot.
    ///
    /// # Errors
    /// When something between the two is gone, or `until` is before it.
    pub async fn begin(&self, until: Option<Revision>) -> Result<State> {
        let reach = self.end.reach().await.map_err(|lost| away(lost.0))?;
        if reach.gone == Some(0) {
            return self.not_rewound().await.map(|()| State::default());
        }
        let newest = self.snapshots.newest(Place::from(Revision::ZERO), State::default()).await;
        let newest = newest.map_err(|lost| away(lost.0))?.map(|snapshot| snapshot.state);
        let Some(state) = newest else {
            return match reach.gone {
                // A server that counts nothing: without a snapshot, nobody of ours can have trimmed it.
                None => Ok(State::default()),
                Some(gone) => Err(anyhow!(
                    "the oldest {gone} entries of the log are gone, and there is no snapshot of them: ask a host with --host URL"
                )),
            };
        };
        let at = state.cursor;
        if let Some(until) = until.filter(|until| *until < at) {
            // A writer that was stopped between snapshot and history: what is between them is still in the log.
            let past = self.shelf.past().await.map_err(|lost| away(lost.0))?;
            if let Some(past) = past.filter(|past| past.index.through <= until) {
                return past.end().await.map_err(|lost| away(lost.0));
            }
            bail!(
                "the log was trimmed, and the newest snapshot is of {at}: what was at {until} cannot be told any more"
            );
        }
        match reach.gone {
            Some(gone) if gone > state.index => {
                let missing = gone - state.index;
                bail!(
                    "{missing} entries behind the newest snapshot, of {at}, are gone from the log: ask a host with --host URL"
                )
            }
            Some(_) | None => Ok(state),
        }
    }

    /// A whole log that ends before the newest snapshot is an older one that was put in its place: folded, it would take
    /// everybody back without a word. (The log is looked at second, for it may grow meanwhile.)
    async fn not_rewound(&self) -> Result<()> {
        let Some(kept) = self.shelf.newest_known().await.map_err(|lost| away(lost.0))? else { return Ok(()) };
        match self.log.read(kept.revision, 1).await.map_err(|lost| away(lost.0))?.is_empty() {
            false => Ok(()),
            true => bail!(
                "the log ends before {}, the newest snapshot: an older log was put in its place, or it is gone; see what \
                 hosts say with sluice status, and go on with what they have by sluice reseed",
                kept.revision
            ),
        }
    }

    /// Folds one entry, asking the validators when they have a say.
    pub async fn step(&self, state: &mut State, entry: Arc<Entry>) -> Result<Outcome> {
        let entry = self.filled(entry).await?;
        let mut fault = None;
        let outcome = tokio::task::block_in_place(|| {
            fold::fold(state, &entry, |before, _| match self.judge.judge(&entry, before) {
                Ok(verdict) => verdict,
                Err(told) => {
                    fault = Some(told);
                    Verdict::accept()
                }
            })
        });
        match fault {
            None => Ok(outcome),
            Some((fault, why)) => bail!("cannot tell what became of {}: {fault}: {why}", entry.revision),
        }
    }

    async fn filled(&self, mut entry: Arc<Entry>) -> Result<Arc<Entry>> {
        let missing: Vec<_> = entry.content.iter().flat_map(|change| change.missing()).collect();
        for blob in missing {
            let bytes = self.blobs.fetch(blob.digest).await.map_err(|lost| away(lost.0))?;
            if Digest::of(&bytes) != blob.digest || bytes.len() as u64 != blob.length {
                return Err(anyhow!("blob {} has other bytes than it is named for", blob.digest));
            }
            let change = Arc::make_mut(&mut entry).content.as_mut();
            change
                .map_err(|malformed| anyhow!("{malformed}"))
                .context("a malformed entry has no blobs")?
                .fill(blob, &bytes);
        }
        Ok(entry)
    }
}
