//! A state that follows from nothing on the disk: one that came from a snapshot.

use std::sync::atomic::Ordering;

use sluice_core::{Batch, Lost};
use tracing::warn;

use super::opening::begin;
use super::{DiskStore, Inner, Shared, Written};

impl DiskStore {
    /// Puts a state in the place of all there is, as an image of its own. What was there stays as the generation before.
    pub(super) fn replace(&self, inner: &mut Inner, batch: &Batch) -> Result<(), Lost> {
        if inner.last == Some(Written::of(batch)) || inner.position.is_of(&batch.state) {
            return Ok(());
        }
        if let Some(image) = inner.image.take() {
            drop(image.join());
        }
        let Shared { folder, space, is_closing, .. } = &*self.shared;
        let (number, start) = (inner.log.number + 1, inner.position.moved(&batch.state));
        let made = begin(folder, space, (number, start), &batch.state, is_closing);
        let (log, bytes) = made.map_err(|failure| failure.lost())?;
        inner.log = log;
        (inner.position, inner.last, inner.grown) = (start, Some(Written::of(batch)), 0);
        self.shared.image_bytes.store(bytes, Ordering::Relaxed);
        if let Err(error) = folder.clear(number, self.shared.proven()) {
            warn!(%error, "old files not removed");
        }
        Ok(())
    }
}
