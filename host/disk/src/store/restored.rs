//! A state that follows from nothing on the disk: one that came from a snapshot.

use std::sync::atomic::Ordering;

use sluice_core::{Batch, Lost};
use tracing::warn;

use super::{DiskStore, Inner, Shared, Written, create_log, lost};
use crate::frame::{Head, Kind};
use crate::image;

impl DiskStore {
    /// Puts a state in the place of all there is, as an image of its own. What was there stays as the generation before.
    pub(super) fn replace(&self, inner: &mut Inner, batch: &Batch) -> Result<(), Lost> {
        if inner.last == Some(Written::of(batch)) || inner.position.is_of(&batch.state) {
            return Ok(());
        }
        if let Some(image) = inner.image.take() {
            drop(image.join());
        }
        let Shared { folder, space, settings, is_closing, .. } = &*self.shared;
        let (number, start) = (inner.log.number + 1, inner.position.moved(&batch.state));
        let path = folder.file(Kind::Image, number);
        let head = Head { space: space.clone(), start };
        let sync = settings.sync;
        let made = folder.create(&path, sync, |file| image::write(file, &head, &batch.state, sync, is_closing));
        let (_, bytes) = made.map_err(|error| lost(&path, "write", &error))?;
        let made = create_log(folder, space, settings, number, start);
        inner.log = made.map_err(|error| lost(&folder.file(Kind::Log, number), "create", &error))?;
        (inner.position, inner.last, inner.grown) = (start, Some(Written::of(batch)), 0);
        self.shared.image_bytes.store(bytes, Ordering::Relaxed);
        if let Err(error) = folder.clear(number) {
            warn!(%error, "old files not removed");
        }
        Ok(())
    }
}
