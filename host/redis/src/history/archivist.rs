//! Who adds to the history: beside each snapshot, what happened since the one before.

use std::sync::Arc;

use sluice_core::{Digest, Lost, State};
use sluice_node::ports::{Answer, Archive, Archived, Judge, Lease, Retention};
use sluice_pack::history::{Bounds, Index, Note, Page, Part, Window};
use sluice_pack::{Flaw, Manifest};

use crate::snapshots::Shelf;

/// Adds to the history what led to a snapshot, by folding the log from the one before: what was judged once comes to the
/// same again, and the snapshot says whether it did.
#[derive(Clone)]
pub struct Archivist {
    pub(super) shelf: Shelf,
    pub(super) judge: Arc<dyn Judge>,
    bounds: Bounds,
}

/// A history that goes on to a state, and what is new in it.
pub struct Grown {
    /// The history. Its snapshot is to be filled in.
    pub index: Index,
    /// Parts that are not stored yet.
    pub pages: Vec<Page>,
    /// Why it had to begin anew, if it had to.
    pub anew: Option<String>,
}

impl Archive for Archivist {
    fn archive(&self, state: State, lease: Lease) -> Answer<'_, Result<Archived, Lost>> {
        Box::pin(async move {
            let newest = self.shelf.pointer().await?.filter(|entry| entry.kept.number == lease.token);
            let Some(entry) = newest else {
                return Err(Lost("somebody else has written a snapshot meanwhile".to_owned()));
            };
            let Grown { index, pages, anew } = self.grown(&state).await?;
            let mut index = Index { snapshot: entry.manifest, ..index };
            self.shelf.put_pages(lease.token, &pages).await?;
            self.tidy(lease.token, &mut index, self.bounds).await?;
            // What nobody has merged yet is read back before the log it tells of may go.
            let new: Vec<Part> =
                pages.iter().map(|page| page.about).filter(|part| index.parts().any(|p| p == part)).collect();
            self.shelf.each_page(&new, |part, bytes| part.check(&bytes)).await?;
            self.shelf.point_history(&lease, &index).await?;
            let parts = index.parts().count() as u64;
            Ok(Archived { floor: index.floor, stored_bytes: index.stored_bytes(), parts, anew })
        })
    }
}

impl Archivist {
    pub(crate) fn new(shelf: Shelf, judge: Arc<dyn Judge>, bounds: Bounds) -> Archivist {
        Archivist { shelf, judge, bounds }
    }

    /// The history as far as a state, with nothing written.
    ///
    /// # Errors
    /// Something is out of reach; what is kept cannot be read; a validator faults.
    pub async fn grown(&self, state: &State) -> Result<Grown, Lost> {
        let space = self.shelf.redis.space().as_str().to_owned();
        let anew = |why: String| Ok(Grown { index: Index::begun(&space, state), pages: Vec::new(), anew: Some(why) });
        let gone = self.shelf.redis.reach().await?.gone;
        let (index, base) = match self.shelf.index().await? {
            Some(index) if (index.through, index.chain) == (state.cursor, state.chain) => {
                return Ok(Grown { index, pages: Vec::new(), anew: None });
            }
            Some(index) if index.through >= state.cursor => {
                return anew(format!("it reached {}, which another log had", index.through));
            }
            Some(index) if gone.is_some_and(|gone| gone > index.index) => {
                return anew(format!("the log was trimmed behind {}, where it ended", index.through));
            }
            Some(index) => {
                if let Some(why) = self.shelf.strange(&index).await? {
                    return anew(why);
                }
                let base = self.state_of(index.snapshot, state.clone()).await?;
                (index, base)
            }
            None if gone.is_some_and(|gone| gone > 0) => {
                return anew("the log was trimmed before there was one".to_owned());
            }
            None => (Index { space: space.clone(), ..Index::default() }, State::default()),
        };
        let from = index.through;
        let (end, window) = self.fold(base, state).await?;
        if (end.chain, end.root()) != (state.chain, state.root()) {
            let at = state.cursor;
            return anew(format!("the log from {from} to {at} does not lead to the snapshot"));
        }
        let (index, pages) = self.extended(index.at(state), window).await?;
        Ok(Grown { index, pages, anew: None })
    }

    /// Every part of such a history, in order: the new ones, and those that are stored.
    ///
    /// # Errors
    /// As for [`Archivist::grown`], and what `see` says.
    pub async fn each_stored(
        &self,
        index: &Index,
        new: &[Page],
        mut see: impl FnMut(&Part, bytes::Bytes) -> Result<(), Flaw>,
    ) -> Result<(), Lost> {
        for part in index.parts() {
            match new.iter().find(|page| page.about == *part) {
                Some(page) => see(part, page.bytes.clone()).map_err(|flaw| self.shelf.unreadable(&flaw.0))?,
                None => self.shelf.each_page(&[*part], &mut see).await?,
            }
        }
        Ok(())
    }

    async fn extended(&self, mut index: Index, window: Window) -> Result<(Index, Vec<Page>), Lost> {
        let (runs, mut notes, mut pages) = window.done();
        index.runs.extend(runs);
        // The last page is filled up, so that quiet times do not leave many small ones.
        if let Some(last) = index.notes.pop_if(|last| !notes.is_empty() && is_small(last)) {
            let mut before: Vec<Note> = Vec::new();
            let read = |part: &Part, bytes: bytes::Bytes| part.open_notes(&bytes).map(|some| before.extend(some));
            self.shelf.each_page(&[last], read).await?;
            before.append(&mut notes);
            notes = before;
        }
        let new = Page::notes(&notes);
        index.notes.extend(new.iter().map(|page| page.about));
        pages.extend(new);
        Ok((index, pages))
    }

    /// The state of a stored snapshot. What `have` has of it need not be fetched.
    async fn state_of(&self, manifest: Digest, have: State) -> Result<State, Lost> {
        let manifest = self.shelf.stored_manifest(manifest).await?;
        self.shelf.load(manifest, have).await
    }
}

impl Shelf {
    /// A manifest of this space under its name.
    pub(super) async fn stored_manifest(&self, name: Digest) -> Result<Manifest, Lost> {
        let Some(bytes) = self.fetch_named(&[name]).await?.pop().flatten() else {
            return Err(self.unreadable(&format!("manifest {name} of the snapshot where it ends is not there")));
        };
        Manifest::read(&bytes, name).map_err(|flaw| self.unreadable(&flaw.0))
    }
}

fn is_small(part: &Part) -> bool {
    const FULL_BYTES: u32 = 128 << 10;
    part.raw_bytes < FULL_BYTES
}
