//! Chunks on their way to and from Redis, a few megabytes at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use redis::Value;
use sluice_core::{Digest, Lost, State};
use sluice_node::ports::WriteError;
use sluice_pack::{Chunk, ChunkRef, Flaw, Manifest, Packing};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::log::{bytes, odd};
use crate::scripts;
use crate::snapshots::Shelf;

/// Bytes and number of chunks asked for or sent at a time: enough to keep the server busy, few enough for its other
/// clients to come in between.
const BATCH_BYTES: u64 = 4 << 20;
const BATCH_CHUNKS: usize = 64;
/// Names claimed with one script.
const CLAIM_NAMES: usize = 256;
/// Chunks packed ahead of the network; each is 64 KiB, or one large value.
const PACKED_AHEAD: usize = 16;

/// What was written of a snapshot.
pub(crate) struct Written {
    pub manifest: Manifest,
    /// Chunks that were not there.
    pub chunks: u64,
    /// Whether a chunk that was to be taken over is gone.
    pub is_torn: bool,
}

impl Shelf {
    /// Packs a state on a thread of its own and writes what is not there.
    pub(crate) async fn put_state(
        &self,
        number: u64,
        space: String,
        state: State,
        before: Option<Manifest>,
        anew: bool,
    ) -> Result<Written, WriteError> {
        let (packed, mut chunks) = mpsc::channel::<Chunk>(PACKED_AHEAD);
        let packing = spawn_blocking(move || {
            // Who no longer listens has given up already, and says why.
            let put = |chunk| packed.blocking_send(chunk).map_err(drop);
            Packing::new(&space, &state, before.as_ref()).each(put).ok()
        });
        let (mut sent, mut batch, mut size) = (0, Vec::new(), 0);
        while let Some(chunk) = chunks.recv().await {
            size += chunk.bytes.len() as u64;
            batch.push(chunk);
            if size >= BATCH_BYTES || batch.len() >= BATCH_CHUNKS {
                sent += self.put(number, std::mem::take(&mut batch), anew).await.map_err(WriteError::Away)?;
                size = 0;
            }
        }
        sent += self.put(number, batch, anew).await.map_err(WriteError::Away)?;
        let manifest = packing.await.map_err(|error| WriteError::Away(panicked(error)))?;
        let manifest = manifest.ok_or_else(|| WriteError::Away(panicked("packing was given up")))?;
        let names: Vec<Digest> = manifest.chunks.iter().map(|chunk| chunk.digest).collect();
        let there = self.claim(number, &names).await.map_err(WriteError::Away)?;
        Ok(Written { manifest, chunks: sent, is_torn: there.contains(&false) })
    }

    /// Writes those of some chunks that are not there, or all, and answers how many.
    pub(crate) async fn put(&self, number: u64, chunks: Vec<Chunk>, anew: bool) -> Result<u64, Lost> {
        let named: Vec<_> = chunks.into_iter().map(|chunk| (chunk.about.digest, chunk.bytes)).collect();
        self.put_named(number, &named, anew).await
    }

    /// Writes those of some blobs of our own that are not there, or all, and answers how many.
    pub(crate) async fn put_named(&self, number: u64, blobs: &[(Digest, Bytes)], anew: bool) -> Result<u64, Lost> {
        let names: Vec<Digest> = blobs.iter().map(|(name, _)| *name).collect();
        let there = self.claim(number, &names).await?;
        let mut commands = redis::pipe();
        let mut count = 0;
        for ((name, bytes), _) in blobs.iter().zip(there).filter(|(_, is_there)| anew || !is_there) {
            commands.cmd("SET").arg(self.redis.inner.names.blob(*name)).arg(&bytes[..]);
            count += 1;
        }
        if count > 0 {
            let answers = self.redis.inner.blobs.ask_all(&commands).await;
            answers.map_err(|trouble| self.redis.lost(trouble))?;
        }
        Ok(count)
    }

    /// Claims blobs for a snapshot; answers which of them are there.
    pub(crate) async fn claim(&self, number: u64, names: &[Digest]) -> Result<Vec<bool>, Lost> {
        let keys = &self.redis.inner.names;
        let mut there = Vec::with_capacity(names.len());
        for some in names.chunks(CLAIM_NAMES) {
            let mut command = redis::cmd("EVAL");
            command.arg(scripts::CLAIM).arg(1).arg(keys.snapshots());
            command.arg(number).arg(keys.blobs()).arg(format!("{}:", keys.snapshot()));
            command.arg(some.iter().map(Digest::to_string).collect::<Vec<_>>());
            match self.ask(&command).await? {
                Value::Array(found) if found.len() == some.len() => {
                    there.extend(found.iter().map(|found| *found == Value::Int(1)));
                }
                other => return Err(self.redis.lost(odd("EVAL", &other))),
            }
        }
        Ok(there)
    }

    /// Reads chunks and gives what `see` makes of each, in order. Up to `threads` look at some while the next are on
    /// their way.
    ///
    /// # Errors
    /// One is missing, or not what it is named for, or what `see` says of it.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        chunks: &[ChunkRef],
        threads: usize,
        see: impl Fn(&ChunkRef, Bytes) -> Result<T, Flaw> + Send + Sync + 'static,
    ) -> Result<Vec<T>, Lost> {
        let (see, mut made) = (Arc::new(see), Vec::with_capacity(chunks.len()));
        let mut seeing: VecDeque<JoinHandle<Result<Vec<T>, Flaw>>> = VecDeque::new();
        for some in batches(chunks) {
            let (fetched, see, some) = (self.fetch_all(some).await?, see.clone(), some.to_vec());
            if seeing.len() >= threads
                && let Some(seen) = seeing.pop_front()
            {
                made.extend(self.seen(seen).await?);
            }
            let look = move || some.iter().zip(fetched).map(|(about, bytes)| see(about, bytes)).collect();
            seeing.push_back(spawn_blocking(look));
        }
        for seen in seeing {
            made.extend(self.seen(seen).await?);
        }
        Ok(made)
    }

    async fn seen<T>(&self, seeing: JoinHandle<Result<Vec<T>, Flaw>>) -> Result<Vec<T>, Lost> {
        seeing.await.map_err(panicked)?.map_err(|flaw| self.flawed(&flaw.0))
    }

    async fn fetch_all(&self, chunks: &[ChunkRef]) -> Result<Vec<Bytes>, Lost> {
        let mut command = redis::cmd("MGET");
        let names = &self.redis.inner.names;
        command.arg(chunks.iter().map(|chunk| names.blob(chunk.digest)).collect::<Vec<_>>());
        let Value::Array(found) = self.ask(&command).await? else {
            return Err(self.flawed("it does not answer MGET as a Redis does"));
        };
        let named = chunks.iter().zip(found);
        let all = named.map(|(chunk, found)| match found {
            Value::Nil => Err(self.flawed(&format!("chunk {} is not there", chunk.digest))),
            found => bytes(found).map_err(|trouble| self.redis.lost(trouble)),
        });
        all.collect()
    }
}

/// As many chunks as make a good answer, at least one.
fn batches(mut chunks: &[ChunkRef]) -> impl Iterator<Item = &[ChunkRef]> {
    std::iter::from_fn(move || {
        let mut size = 0;
        let count = chunks.iter().take(BATCH_CHUNKS).take_while(|chunk| {
            let is_room = size < BATCH_BYTES;
            size += u64::from(chunk.stored_bytes);
            is_room
        });
        let (some, rest) = chunks.split_at(count.count());
        chunks = rest;
        (!some.is_empty()).then_some(some)
    })
}

/// A thread of ours that ended in the middle: a bug, told as what it keeps from being done.
pub(crate) fn panicked(error: impl std::fmt::Display) -> Lost {
    Lost(format!("working on a snapshot failed: {error}"))
}
