//! The bytes of the components a space announces, kept beside the store: with them a host can give away all it has, also
//! when the Redis it had them from is empty.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluice_core::key::COMPONENTS;
use sluice_core::{BlobRef, Digest, Lost, State};
use sluice_node::ports::Answer;
use sluice_node::{Blobs, Hub};
use tracing::{debug, warn};

/// Pause after a component could not be had.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Blobs, of which the announced components are at hand. As many are kept as the configuration names, each of at most
/// what a component may have.
pub struct Larder {
    folder: PathBuf,
    far: Arc<dyn Blobs>,
}

impl Larder {
    /// In `components` of a host's folder; `far` is where blobs come from.
    pub fn new(data: &Path, far: Arc<dyn Blobs>) -> Larder {
        Larder { folder: data.join("components"), far }
    }

    /// Gets each component that is announced, and forgets those that are not any more; never ends.
    pub async fn keep(&self, hub: &Hub) {
        let (mut installs, mut known) = (hub.subscribe(), None);
        loop {
            installs.mark_unchanged();
            let wanted = announced(&hub.view().state);
            if known.as_ref() == Some(&wanted) {
                // The hub lives as long as the host.
                drop(installs.changed().await);
                continue;
            }
            match self.stock(&wanted).await {
                Ok(()) => known = Some(wanted),
                Err(Lost(why)) => {
                    debug!(why, "a component is not kept yet");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    async fn stock(&self, wanted: &BTreeSet<Digest>) -> Result<(), Lost> {
        let disk = |error: io::Error| Lost(format!("{}: {error}", self.folder.display()));
        fs::create_dir_all(&self.folder).map_err(disk)?;
        for found in fs::read_dir(&self.folder).map_err(disk)?.flatten() {
            let name = found.file_name().to_string_lossy().parse::<Digest>().ok();
            if !name.is_some_and(|name| wanted.contains(&name)) {
                fs::remove_file(found.path()).map_err(disk)?;
            }
        }
        let mut missed = None;
        for digest in wanted.iter().filter(|digest| self.near(**digest).is_none()) {
            match self.far.fetch(*digest).await {
                Ok(bytes) if Digest::of(&bytes) == *digest => self.put(*digest, &bytes).map_err(disk)?,
                Ok(_) => missed = Some(Lost(format!("blob {digest} has other bytes than it is named for"))),
                // The others are kept all the same.
                Err(lost) => missed = Some(lost),
            }
        }
        missed.map_or(Ok(()), Err)
    }

    /// A file appears whole or not at all.
    fn put(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.join(digest.to_string());
        let draft = path.with_extension("new");
        let mut file = fs::File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, &path)
    }

    fn near(&self, digest: Digest) -> Option<Bytes> {
        let bytes = fs::read(self.folder.join(digest.to_string())).ok()?;
        if Digest::of(&bytes) == digest {
            return Some(bytes.into());
        }
        warn!(%digest, "a component kept on this disk is damaged: it is fetched anew");
        None
    }
}

impl Blobs for Larder {
    fn fetch(&self, digest: Digest) -> Answer<'_, Result<Bytes, Lost>> {
        Box::pin(async move {
            match self.near(digest) {
                Some(bytes) => Ok(bytes),
                None => self.far.fetch(digest).await,
            }
        })
    }

    fn store(&self, bytes: Bytes) -> Answer<'_, Result<BlobRef, Lost>> {
        self.far.store(bytes)
    }
}

fn announced(state: &State) -> BTreeSet<Digest> {
    let names = state.range(COMPONENTS, None).map(|(key, _)| &key.as_str()[COMPONENTS.len()..]);
    names.filter_map(|name| name.parse().ok()).collect()
}
