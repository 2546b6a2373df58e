//! A log whose entries are noted before they are taken up, while a crash is remembered.

use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{Entry, Lost, Place, PullError, Revision};
use sluice_disk::DiskStore;
use sluice_node::ports::Answer;
use sluice_node::{AppendError, Log};

/// A log, and the store that remembers.
pub struct Noting {
    pub log: Arc<dyn Log>,
    pub store: Arc<DiskStore>,
}

impl Log for Noting {
    fn pull(&self, after: Place) -> Answer<'_, Result<Vec<Arc<Entry>>, PullError>> {
        Box::pin(async move {
            let entries = self.log.pull(after).await?;
            if let Some(newest) = entries.last() {
                self.store.tries(newest.revision);
            }
            Ok(entries)
        })
    }

    fn append(&self, fields: Vec<(Bytes, Bytes)>) -> Answer<'_, Result<Revision, AppendError>> {
        self.log.append(fields)
    }

    fn read(&self, from: Revision, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, Lost>> {
        self.log.read(from, limit)
    }
}
