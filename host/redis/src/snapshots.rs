//! Snapshots in Redis: chunks and a manifest among the blobs, and a pointer to the newest.

use std::collections::BTreeMap;

use redis::Value;
use sluice_core::{BlobRef, Digest, Lost, Place, Snapshot, State};
use sluice_node::hub::wall_ms;
use sluice_node::ports::{Answer, Blobs, Kept, Lease, Snapshots, WriteError};
use sluice_pack::{Loading, Manifest};
use tokio::task::spawn_blocking;

use crate::Redis;
use crate::chunks::{Written, panicked};
use crate::leases::number;
use crate::scripts;
use crate::trouble::Trouble;

/// Most snapshots listed, newest first.
const KNOWN_MAX: usize = 64;

/// The snapshots of a space.
#[derive(Clone)]
pub struct Shelf {
    pub(crate) redis: Redis,
    host: String,
}

/// A snapshot as its hash has it.
pub(crate) struct Entry {
    pub kept: Kept,
    /// The manifest's name.
    pub manifest: Digest,
}

impl Snapshots for Shelf {
    fn newest(&self, beyond: Place, have: State) -> Answer<'_, Result<Option<Box<Snapshot>>, Lost>> {
        Box::pin(async move {
            let Some(entry) = self.pointer().await? else { return Ok(None) };
            if entry.kept.revision <= beyond.revision {
                return Ok(None);
            }
            let manifest = self.manifest(&entry).await?;
            let state = self.load(manifest, have).await?;
            Ok(Some(Box::new(Snapshot { state })))
        })
    }

    fn known(&self) -> Answer<'_, Result<Vec<Kept>, Lost>> {
        Box::pin(async move {
            let newest = self.pointer().await?.map_or(0, |entry| entry.kept.number);
            let mut known = Vec::new();
            let mut begun = self.begun().await?;
            begun.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
            for (number, _) in begun.into_iter().filter(|(number, _)| *number <= newest).take(KNOWN_MAX) {
                known.extend(self.entry(&self.redis.inner.names.snapshot_of(number)).await?.map(|entry| entry.kept));
            }
            Ok(known)
        })
    }

    fn write(&self, state: State, lease: Lease, anew: bool) -> Answer<'_, Result<Kept, WriteError>> {
        Box::pin(async move {
            let before = match anew {
                true => None,
                // One that cannot be read is no reason not to write another.
                false => match self.pointer().await.map_err(WriteError::Away)? {
                    Some(entry) => self.manifest(&entry).await.ok(),
                    None => None,
                },
            };
            self.begin(&lease).await.map_err(WriteError::Away)?;
            let (number, space) = (lease.token, self.redis.space().as_str().to_owned());
            let mut written = self.put_state(number, space.clone(), state.clone(), before, anew).await?;
            if written.is_torn {
                // What was to be taken over is gone from the server: nothing is taken for granted now.
                written = self.put_state(number, space, state, None, true).await?;
            }
            self.publish(&lease, &written).await
        })
    }

    fn check(&self) -> Answer<'_, Result<Option<Kept>, Lost>> {
        Box::pin(async move {
            let Some(entry) = self.pointer().await? else { return Ok(None) };
            let manifest = self.manifest(&entry).await?;
            // On one thread: nobody waits for it, and the fold goes on beside it.
            self.read(&manifest.chunks, 1, |about, bytes| about.check(&bytes)).await?;
            Ok(Some(entry.kept))
        })
    }

    fn sweep(&self, state: State, grace_ms: u64) -> Answer<'_, Result<u64, Lost>> {
        Box::pin(self.sweep_old(state, grace_ms))
    }
}

impl Shelf {
    pub(crate) fn new(redis: Redis, host: &str) -> Shelf {
        Shelf { redis, host: host.to_owned() }
    }

    /// Who writes.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Registers a snapshot, so that what is claimed for it is kept.
    ///
    /// # Errors
    /// The server is out of reach or does not allow it.
    pub async fn begin(&self, lease: &Lease) -> Result<(), Lost> {
        let mut command = redis::cmd("ZADD");
        command.arg(self.redis.inner.names.snapshots()).arg(wall_ms()).arg(lease.token);
        self.ask(&command).await.map(drop)
    }

    /// Stores the manifest and makes it the newest.
    pub(crate) async fn publish(&self, lease: &Lease, written: &Written) -> Result<Kept, WriteError> {
        let (manifest, bytes) = (&written.manifest, written.manifest.to_bytes());
        let name = Digest::of(&bytes);
        let number_of = lease.token;
        self.claim(number_of, &[name]).await.map_err(WriteError::Away)?;
        let BlobRef { digest, .. } = self.redis.store(bytes.into()).await.map_err(WriteError::Away)?;
        let kept = Kept {
            number: number_of,
            revision: manifest.cursor,
            index: manifest.index,
            root: manifest.root,
            keys: manifest.keys,
            host: self.host.clone(),
            written_at_ms: wall_ms(),
            stored_bytes: manifest.stored_bytes(),
            chunks: manifest.chunks.len() as u64,
            written_chunks: written.chunks,
        };
        let names = &self.redis.inner.names;
        let own = names.snapshot_of(number_of);
        let mut hash = redis::cmd("HSET");
        hash.arg(&own).arg("number").arg(number_of).arg("fence").arg(number_of).arg("host").arg(&self.host);
        hash.arg("revision").arg(kept.revision.to_string()).arg("index").arg(kept.index);
        hash.arg("root").arg(kept.root.to_string()).arg("chain").arg(manifest.chain.to_string());
        hash.arg("manifest").arg(digest.to_string()).arg("written_at_ms").arg(kept.written_at_ms);
        hash.arg("stored_bytes").arg(kept.stored_bytes).arg("chunks").arg(kept.chunks);
        hash.arg("written_chunks").arg(kept.written_chunks).arg("keys").arg(kept.keys);
        self.ask(&hash).await.map_err(WriteError::Away)?;
        let mut point = redis::cmd("EVAL");
        point.arg(scripts::POINT).arg(2).arg(names.snapshot()).arg(&own).arg(number_of).arg(number_of);
        let newer = self.ask(&point).await.map_err(WriteError::Away)?;
        match number(&newer).map_err(|trouble| WriteError::Away(self.redis.lost(trouble)))? {
            0 => Ok(kept),
            newer => Err(WriteError::Fenced(newer)),
        }
    }

    /// The manifest of a snapshot, as it must be.
    pub(crate) async fn manifest(&self, entry: &Entry) -> Result<Manifest, Lost> {
        let bytes = self.redis.fetch(entry.manifest).await?;
        let manifest = Manifest::read(&bytes, entry.manifest).map_err(|flaw| self.flawed(&flaw.0))?;
        let is_this = (manifest.cursor, manifest.root) == (entry.kept.revision, entry.kept.root);
        match is_this && manifest.space == self.redis.space().as_str() {
            true => Ok(manifest),
            false => Err(self.flawed(&format!("manifest {} is not of the snapshot that names it", entry.manifest))),
        }
    }

    pub(crate) async fn load(&self, manifest: Manifest, have: State) -> Result<State, Lost> {
        let loading = spawn_blocking(|| Loading::new(manifest, have)).await;
        let mut loading = loading.map_err(panicked)?;
        let wanted = loading.wanted().to_vec();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let chunks = self.read(&wanted, threads, |about, bytes| about.open(&bytes)).await?;
        let finishing = spawn_blocking(move || {
            chunks.into_iter().for_each(|chunk| loading.take(chunk));
            loading.finish()
        });
        finishing.await.map_err(panicked)?.map_err(|flaw| self.flawed(&flaw.0))
    }

    /// The newest snapshot, by its pointer alone.
    ///
    /// # Errors
    /// The server is out of reach, or the pointer makes no sense.
    pub async fn newest_known(&self) -> Result<Option<Kept>, Lost> {
        Ok(self.pointer().await?.map(|entry| entry.kept))
    }

    pub(crate) async fn pointer(&self) -> Result<Option<Entry>, Lost> {
        self.entry(&self.redis.inner.names.snapshot()).await
    }

    async fn entry(&self, key: &str) -> Result<Option<Entry>, Lost> {
        let answer = self.ask(redis::cmd("HGETALL").arg(key)).await?;
        let fields: BTreeMap<String, String> = redis::from_redis_value(answer)
            .map_err(|_| self.flawed(&format!("{key} is no hash of text: delete it")))?;
        match fields.is_empty() {
            true => Ok(None),
            false => read(&fields).map(Some).ok_or_else(|| self.flawed(&format!("{key} makes no sense: delete it"))),
        }
    }

    /// The number of each snapshot, and when it was begun.
    pub(crate) async fn begun(&self) -> Result<Vec<(u64, u64)>, Lost> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.redis.inner.names.snapshots()).arg(0).arg(-1).arg("WITHSCORES");
        let pairs: Vec<(u64, f64)> = redis::from_redis_value(self.ask(&command).await?)
            .map_err(|_| self.flawed("the list of snapshots makes no sense"))?;
        Ok(pairs.into_iter().map(|(number, ms)| (number, ms as u64)).collect())
    }

    pub(crate) async fn ask(&self, command: &redis::Cmd) -> Result<Value, Lost> {
        self.redis.inner.blobs.ask(command).await.map_err(|trouble: Trouble| self.redis.lost(trouble))
    }

    pub(crate) fn flawed(&self, what: &str) -> Lost {
        Lost(format!("{}: {what}; write a new snapshot with sluice snapshot write", self.redis.address()))
    }
}

fn read(fields: &BTreeMap<String, String>) -> Option<Entry> {
    let text = |name: &str| fields.get(name);
    let count = |name: &str| text(name)?.parse().ok();
    let kept = Kept {
        number: count("number")?,
        revision: text("revision")?.parse().ok()?,
        index: count("index")?,
        root: text("root")?.parse().ok()?,
        keys: count("keys")?,
        host: text("host")?.clone(),
        written_at_ms: count("written_at_ms")?,
        stored_bytes: count("stored_bytes")?,
        chunks: count("chunks")?,
        written_chunks: count("written_chunks")?,
    };
    Some(Entry { kept, manifest: text("manifest")?.parse().ok()? })
}
