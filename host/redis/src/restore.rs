//! A snapshot from a file, put where hosts find it.

use std::collections::HashSet;
use std::io::{Read, Seek};

use sluice_node::ports::{Blobs, Kept, Lease, WriteError};
use sluice_pack::history::Index;
use sluice_pack::{Archive, ArchiveError, Chunk, Stored};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::chunks::{Written, panicked};
use crate::snapshots::Shelf;

/// Parts read ahead of the network.
const READ_AHEAD: usize = 64;

impl Shelf {
    /// Stores all that is in a file and makes it the newest snapshot. Each part is checked before it is stored, and the
    /// pointer comes last: a file that turns out damaged leaves nothing that hosts would load.
    ///
    /// # Errors
    /// The file is damaged or of another space; the server is out of reach or refuses.
    pub async fn restore<F>(&self, mut archive: Archive<F>, lease: &Lease) -> Result<Kept, WriteError>
    where
        F: Read + Seek + Send + 'static,
    {
        let (manifest, history) = (archive.manifest.clone(), archive.history);
        if manifest.space != self.redis.space().as_str() {
            let why = format!("it is of the space {}: give --space {}", manifest.space, manifest.space);
            return Err(WriteError::Away(sluice_core::Lost(why)));
        }
        self.begin(lease).await.map_err(WriteError::Away)?;
        let (read, mut parts) = mpsc::channel(READ_AHEAD);
        let reading = spawn_blocking(move || -> Result<(), ArchiveError> {
            while let Some(part) = archive.next_stored()? {
                // Who no longer listens has given up already, and says why.
                if read.blocking_send(part).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let (mut batch, mut chunks) = (Vec::new(), 0);
        let (mut index, mut named) = (None, HashSet::new());
        while let Some(part) = parts.recv().await {
            match part {
                Stored::Chunk(about, bytes) => batch.push(Chunk { about, bytes }),
                Stored::Blob(blob, bytes) => {
                    if Some(blob.digest) == history {
                        let read = Index::read(&bytes, blob.digest);
                        let read = read.map_err(|flaw| WriteError::Away(sluice_core::Lost(flaw.to_string())))?;
                        named = read.parts().map(|part| part.digest).collect();
                        index = Some(read);
                    } else if named.contains(&blob.digest) {
                        let part = [(blob.digest, bytes)];
                        self.put_named(lease.token, &part, true).await.map_err(WriteError::Away)?;
                    } else {
                        self.redis.store(bytes).await.map_err(WriteError::Away)?;
                    }
                }
            }
            if parts.is_empty() || batch.len() >= READ_AHEAD {
                let some = std::mem::take(&mut batch);
                chunks += self.put(lease.token, some, true).await.map_err(WriteError::Away)?;
            }
        }
        chunks += self.put(lease.token, batch, true).await.map_err(WriteError::Away)?;
        let read = reading.await.map_err(|error| WriteError::Away(panicked(error)))?;
        read.map_err(|error| WriteError::Away(sluice_core::Lost(error.to_string())))?;
        let kept = self.publish(lease, &Written { manifest, chunks, is_torn: false }).await?;
        if let Some(index) = index {
            self.point_history(lease, &index).await.map_err(WriteError::Away)?;
        }
        Ok(kept)
    }
}
